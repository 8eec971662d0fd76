package documents_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/battery-passport/suite/passport-service/internal/documents"
	"github.com/battery-passport/suite/pkg/waittest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	secret = "0123456789abcdef0123456789abcdef"
	// hangTimeout is waited for with every request that hangs, but long enough for all others on a busy machine.
	hangTimeout = 2 * time.Second
)

// server is a document-service with one document of each passport, and its client.
type server struct {
	*testing.T
	client   *documents.Client
	now      atomic.Int64 // nanoseconds
	requests atomic.Int64
	mu       sync.Mutex
	respond  map[string]http.HandlerFunc // by id of the passport, or "" for all others
}

func start(t *testing.T, timeout time.Duration) *server {
	s := &server{T: t, respond: map[string]http.HandlerFunc{}}
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		if got := r.Header.Get("Authorization"); got != "Bearer "+secret {
			t.Errorf("Authorization: %q", got)
		}
		s.mu.Lock()
		respond := s.respond[r.URL.Query().Get("passportId")]
		if respond == nil {
			respond = s.respond[""]
		}
		s.mu.Unlock()
		if respond == nil {
			respond = first("")
		}
		respond(w, r)
	}))
	s.client = documents.New(h.URL, "https://documents.example", secret, timeout, func() time.Time { return time.Unix(0, s.now.Load()) })
	t.Cleanup(h.Close)
	t.Cleanup(s.client.Close)
	return s
}

func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// first responds with a page with one document and the cursor of the next page.
func first(next string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"items":[{"fileName":"a.pdf","kind":"other","fileSize":1,"contentUrl":"/content"}],"nextCursor":%q}`, next)
	}
}

func (s *server) set(passport string, h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.respond[passport] = h
}

// list lists the documents of a passport and checks whether there is a list.
func (s *server) list(passport string, ok bool) {
	s.Helper()
	if files, _, err := s.client.List(s.Context(), passport); (err == nil) != ok || ok && (len(files) == 0 || files[0].Name != "a.pdf") {
		s.Errorf("%s: got %v, %v", passport, files, err)
	} else if err != nil && strings.Contains(err.Error(), secret) {
		s.Errorf("the error contains the secret: %v", err)
	}
}

// wantRequests checks the number of requests since the last call.
func (s *server) wantRequests(n int64) {
	s.Helper()
	if got := s.requests.Swap(0); got != n {
		s.Errorf("got %d requests, want %d", got, n)
	}
}

// TestHungServiceDoesNotDelayPages: after the lists of three passports have failed, nobody waits
// for the service, and there are the lists of before. Every few seconds one request tries again,
// also with many readers. After an hour, a list is too old.
func TestHungServiceDoesNotDelayPages(t *testing.T) {
	t.Parallel()
	s := start(t, hangTimeout)
	s.list("read", true)
	s.wantRequests(1)
	for _, step := range []struct {
		passed  time.Duration
		hangs   bool
		readers int // of each passport
		want    int64
	}{
		{passed: 2 * time.Minute, hangs: true, readers: 1, want: 3},
		{hangs: true, readers: 10, want: 0},
		{passed: 6 * time.Second, hangs: true, readers: 10, want: 1},
		{hangs: true, readers: 10, want: 0},
		{passed: 6 * time.Second, readers: 10, want: 5},
	} {
		s.now.Add(int64(step.passed))
		s.set("", nil)
		if step.hangs {
			s.set("", hang)
		}
		passports := []string{"a", "b", "c", "d"}
		s.list("read", true)
		for _, passport := range passports[:2] {
			s.list(passport, !step.hangs)
		}
		var wg sync.WaitGroup
		for range step.readers {
			for _, passport := range append(passports, "read") {
				wg.Go(func() { s.list(passport, !step.hangs || passport == "read") })
			}
		}
		wg.Wait()
		s.wantRequests(step.want)
	}
	s.set("", hang)
	s.now.Add(int64(2 * time.Hour))
	s.list("read", false)
}

// TestFailuresOfOneList: however often a list fails, the lists of other passports are read. The
// list that fails is requested again after a few seconds.
func TestFailuresOfOneList(t *testing.T) {
	for name, test := range map[string]struct {
		first http.HandlerFunc
		pages int64 // that are requested
	}{
		"slow":       {hang, 1},
		"error":      {status(500), 1},
		"rate limit": {status(429), 1},
		"slow 2nd page": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Has("cursor") {
				hang(w, r)
				return
			}
			first("2")(w, r)
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, hangTimeout)
			s.set("bad", test.first)
			for range 3 {
				s.now.Add(int64(6 * time.Second))
				for range 3 {
					s.list("bad", false)
				}
				s.wantRequests(test.pages)
			}
			s.list("good", true)
			s.now.Add(int64(6 * time.Second))
			s.set("bad", nil)
			s.list("bad", true)
		})
	}
}

// TestOnlyOutagesStopTheOtherLists fails the lists of three passports.
func TestOnlyOutagesStopTheOtherLists(t *testing.T) {
	for _, test := range []struct {
		respond http.HandlerFunc
		outage  bool
	}{
		{status(400), false},
		{status(404), false},
		{status(429), false},
		{status(500), true},
		{status(503), true},
		{func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{") }, false},
		{func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, true}, // closes the connection
	} {
		s := start(t, waittest.Limit)
		for i := range 3 {
			passport := fmt.Sprint("bad", i)
			s.set(passport, test.respond)
			s.list(passport, false)
		}
		s.list("good", !test.outage)
		s.now.Add(int64(6 * time.Second))
		s.list("good", true)
	}
}
