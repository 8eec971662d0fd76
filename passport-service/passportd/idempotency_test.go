package passportd_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/idempotency"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// childEnv is the environment variable with the configuration of a child process, as JSON.
const childEnv = "PASSPORTD_TEST_CHILD"

// runService runs a service and prints its URL.
func runService(config string) error {
	var cfg passportd.Config
	if err := json.Unmarshal([]byte(config), &cfg); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	cfg.HTTP.Listener = l
	fmt.Println("http://" + l.Addr().String())
	return passportd.Run(context.Background(), cfg, slog.New(slog.DiscardHandler))
}

// createWithKey creates a passport with an idempotency key. It returns the id, and
// whether the response was replayed.
func (s *service) createWithKey(token, key, body string) (id string, replayed bool) {
	s.T.Helper()
	a := s.Call("POST /api/passports", token, body, "Idempotency-Key", key)
	var p struct{ ID string }
	a.Want(201, &p)
	return p.ID, a.Header.Get("Idempotency-Replayed") == "true"
}

func TestIdempotencyKeyCreatesOnePassport(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		ann, bob := s.as(auth.Operator, "A"), s.as(auth.Admin, "A")
		const body = `{"data":{"generalInformation":{"batteryIdentifier":"https://a.example/1","batteryMass":2.50}}}`
		id, replayed := s.createWithKey(ann, "k1", body)
		if replayed || len(id) != 36 || id[14] != '8' {
			t.Errorf("first request: got %s, replayed %v", id, replayed)
		}
		for name, same := range map[string]string{
			"same bytes": body, "same content": ` {"data": {"generalInformation": {"batteryMass": 2.5, "batteryIdentifier": "https://a.example/1"}}}`,
		} {
			if second, replayed := s.createWithKey(ann, "k1", same); second != id || !replayed {
				t.Errorf("%s: got %s, replayed %v, want %s", name, second, replayed, id)
			}
		}
		// A replayed response contains the current state.
		s.Call("PATCH /api/passports/"+id, ann, `{"data":{"generalInformation":{"batteryMass":3}}}`).Want(200, nil)
		a := s.Call("POST /api/passports", ann, body, "Idempotency-Key", "k1").Want(201, nil)
		if !strings.Contains(a.Text, `"batteryMass":3`) || a.Header.Get("ETag") != `"2"` || a.Header.Get("Location") != "/api/passports/"+id {
			t.Errorf("after a change: got %s, %v", a.Text, a.Header)
		}
		if strings.Contains(a.Text, `"request"`) {
			t.Error("the response contains the hash of the request")
		}
		// Other bodies, keys and callers.
		s.Call("POST /api/passports", ann, `{"data":{}}`, "Idempotency-Key", "k1").WantProblem(422, "header:Idempotency-Key reused")
		s.Call("POST /api/passports", ann, strings.TrimSuffix(body, "}")+`,"reason":"new"}`, "Idempotency-Key", "k1").WantProblem(422, "header:Idempotency-Key reused")
		s.Call("POST /api/passports", ann, body, "Idempotency-Key", "k2").WantProblem(409, "/data/generalInformation/batteryIdentifier duplicate")
		s.Call("POST /api/passports", bob, body, "Idempotency-Key", "k1").WantProblem(409, "/data/generalInformation/batteryIdentifier duplicate")
		if other, replayed := s.createWithKey(bob, "k1", `{"data":{}}`); other == id || replayed {
			t.Errorf("key of another caller: got %s, replayed %v", other, replayed)
		}
		// A request that fails does not use up its key.
		s.Call("POST /api/passports", ann, `{"data":{"x":1}}`, "Idempotency-Key", "k3").Want(422, nil)
		if _, replayed := s.createWithKey(ann, "k3", `{"data":{}}`); replayed {
			t.Error("a request after a failed one was replayed")
		}
		for _, key := range []string{"a b", "ü", strings.Repeat("x", 256)} {
			s.Call("POST /api/passports", ann, `{"data":{}}`, "Idempotency-Key", key).Want(422, nil)
		}
		if got := countEvents(t, db, id); got != 2 { // created, updated
			t.Errorf("got %d events of the passport, want 2", got)
		}
		// After a deletion the key creates a new passport.
		s.Call("DELETE /api/passports/"+id, ann, nil).Want(204, nil)
		a = s.Call("POST /api/passports", ann, body, "Idempotency-Key", "k1")
		if a.Status == 409 {
			a.WantProblem(409, "header:Idempotency-Key duplicate") // its events have not been sent yet
		} else {
			a.Want(201, nil)
		}
	})
}

// TestIdempotencyKeyIsBoundToTheOrganisation repeats requests after the caller has moved to
// another organisation. The resource of the first request belongs to the former
// organisation: the second request neither returns it nor reports it as deleted.
func TestIdempotencyKeyIsBoundToTheOrganisation(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := startAt(t, db, sampleClock)
		as := func(organisation string) string {
			return s.issuer.Token(t, auth.Principal{UserID: "ann", Role: auth.Operator, Organisation: organisation})
		}
		inA, inB := as("A"), as("B")
		published := sample(t, "lmt-ebike.json")
		first, _ := s.createWithKey(inA, "published", published)
		s.Call("POST /api/passports/"+first+"/publish", inA, nil).Want(200, nil)
		s.Call("POST /api/passports", inB, published, "Idempotency-Key", "published").WantProblem(409, identifierAt+" duplicate")
		for request, body := range map[string]string{"POST /api/passports": draft("https://a.example/1"), "POST /api/namespaces": `{"kind":"host","value":"a.example"}`} {
			ids := map[string]string{}
			for i, in := range []string{inA, inB, inA, inB} {
				var created struct{ ID string }
				a := s.Call(request, in, body, "Idempotency-Key", "k").Want(201, &created)
				replayed := a.Header.Get("Idempotency-Replayed") == "true"
				if id, ok := ids[in]; ok != replayed || ok && id != created.ID {
					t.Errorf("%s, request %d: got %s, replayed %v", request, i, created.ID, replayed)
				}
				ids[in] = created.ID
			}
			if ids[inA] == ids[inB] {
				t.Errorf("%s: both organisations have %s", request, ids[inA])
			}
		}
	})
}

func TestConcurrentCreatesWithOneKeyCreateOnePassport(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		ann := s.as(auth.Operator, "A")
		s.Call("GET /api/passports", ann, nil).Want(200, nil)
		var wg sync.WaitGroup
		var mu sync.Mutex
		ids, created := map[string]int{}, 0
		for range 30 {
			wg.Go(func() {
				id, replayed := s.createWithKey(ann, "k", `{"data":{"generalInformation":{"batteryIdentifier":"https://a.example/1"}}}`)
				mu.Lock()
				defer mu.Unlock()
				if ids[id]++; !replayed {
					created++
				}
			})
		}
		wg.Wait()
		if len(ids) != 1 || created != 1 {
			t.Errorf("got ids %v, created %d times, want one", ids, created)
		}
		for id := range ids {
			if got := countEvents(t, db, id); got != 1 {
				t.Errorf("got %d events, want 1", got)
			}
		}
	})
}

// countEvents counts the events of a passport in the outbox.
func countEvents(t *testing.T, cfg connect.Config, id string) int {
	t.Helper()
	db, err := connect.Open(t.Context(), cfg, passportd.Name)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	passports := store.Open(db, passport.Schema())
	if _, err := passports.Get(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	return len(storetest.WaitingEvents(t, passports.Outbox(), id))
}

// TestRetryAfterCrashCreatesNoSecondPassport kills the service when it has stored a
// passport, starts it again and repeats the request.
func TestRetryAfterCrashCreatesNoSecondPassport(t *testing.T) {
	cfg := connect.Config{Dir: t.TempDir()}
	issuer := authtest.New(t)
	caller := auth.Principal{UserID: "ann", Role: auth.Operator, Organisation: "A"}
	token := issuer.Token(t, caller)
	db, err := connect.Open(t.Context(), cfg, passportd.Name)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	passports := store.Open(db, passport.Schema())
	for round := range 20 {
		key := fmt.Sprint("k", round)
		id := idempotency.ID("passport", caller.UserID, key)
		body := fmt.Sprintf(`{"data":{"generalInformation":{"batteryIdentifier":"https://a.example/%d"}}}`, round)
		url, kill := startChild(t, cfg, issuer)
		finished := make(chan struct{})
		go func() {
			defer close(finished)
			for status := http.StatusServiceUnavailable; status == http.StatusServiceUnavailable; {
				req, err := http.NewRequestWithContext(t.Context(), "POST", url+"/api/passports", strings.NewReader(body))
				if err != nil {
					return
				}
				req.Header.Set("Content-Type", "application/json")
				req.Header.Set("Authorization", "Bearer "+token)
				req.Header.Set("Idempotency-Key", key)
				res, err := http.DefaultClient.Do(req)
				if err != nil { // killed
					return
				}
				res.Body.Close()
				status = res.StatusCode
			}
		}()
		for {
			if _, err := passports.Get(t.Context(), id); err == nil {
				break
			}
		}
		kill()
		<-finished
		s := startWithIssuer(t, cfg, issuer)
		if got, replayed := s.createWithKey(token, key, body); got != id || !replayed {
			t.Errorf("%s: got %s, replayed %v, want %s", key, got, replayed, id)
		}
		if n := countEvents(t, cfg, id); n != 1 {
			t.Errorf("%s: got %d events, want 1", key, n)
		}
		s.stop()
	}
}

// startChild runs a service in a child process and returns its URL.
func startChild(t *testing.T, db connect.Config, issuer *authtest.Issuer) (url string, kill func()) {
	t.Helper()
	return resttest.StartChild(t, childEnv, map[string]any{"Store": db, "Auth": map[string]string{"URL": issuer.URL}}, nil)
}
