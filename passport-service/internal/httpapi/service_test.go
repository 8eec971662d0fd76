package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/passport-service/internal/exchange"
	"github.com/battery-passport/suite/passport-service/internal/httpapi"
	"github.com/battery-passport/suite/passport-service/internal/namespace"
	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/passport-service/samples"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/waittest"
)

// testService is a passport-service with its own store. Its ids and times are the same
// in every run, so that responses of two services can be compared.
type testService struct {
	t         *testing.T
	url       string
	passports *passport.Service
	issuer    *authtest.Issuer
	panics    atomic.Value           // name of a function in which the clock panics
	pauses    atomic.Pointer[func()] // called once, when a read has found the version of a passport
	log       logBuffer
}

// logBuffer is a buffer that is safe for concurrent use.
type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text.Reset()
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// newTestService starts a service. edit changes the catalogue first, if it is not nil.
func newTestService(t *testing.T, edit func(catalogue map[string]any)) *testService {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	db, err := connect.Open(ctx, connect.Config{Dir: t.TempDir()}, "passport-service")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	sets, err := ruleset.LoadAll(fstest.MapFS{"x.json": {Data: editCatalogue(t, edit)}})
	if err != nil {
		t.Fatal(err)
	}
	engines, err := compliance.NewEngines(sets, compliance.Rules())
	if err != nil {
		t.Fatal(err)
	}
	s := &testService{t: t, issuer: authtest.New(t)}
	verifier, err := token.NewVerifier(ctx, token.Config{URL: s.issuer.URL}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var ticks, ids atomic.Int64
	namespaces := &namespace.Service{Namespaces: store.Open(db, namespace.Schema()), Claims: store.Open(db, namespace.ClaimsSchema()), Now: time.Now}
	passports := &passport.Service{
		Passports: store.Open(db, passport.Schema()), Versions: store.Open(db, passport.VersionSchema()), Engines: engines,
		Namespaces: namespaces,
		Now: func() time.Time {
			if name, ok := s.panics.Load().(string); ok && name != "" && strings.Contains(string(debug.Stack()), name) {
				panic("broken clock")
			}
			if call := s.pauses.Load(); call != nil && strings.Contains(string(debug.Stack()), ").Revision(") && s.pauses.CompareAndSwap(call, nil) {
				(*call)()
			}
			return time.Date(2026, 11, 23, 12, 0, 0, int(ticks.Add(1))*1_000_000, time.UTC)
		},
		NewID: func() string { return fmt.Sprintf("01a20000-0000-7000-8000-%012d", ids.Add(1)) },
	}
	imports := &exchange.Service{
		Passports: passports, Imports: store.Open(db, exchange.Schema()), Now: time.Now, NewID: passports.NewID,
		MaxRows: 1000, LeaseTime: exchange.LeaseTime, Outage: exchange.Outage,
	}
	s.passports = passports
	api := rest.New(rest.Options{Document: rest.Document{Title: "x"}, Log: slog.New(slog.NewJSONHandler(&s.log, nil)), User: auth.UserID})
	(&httpapi.API{
		Passports: passports, Namespaces: namespaces, Exchange: imports, Verifier: verifier, Responses: httpapi.NewResponseCache(1<<20, nil), MaxImportBytes: 1 << 20,
	}).Register(api)
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	s.url = server.URL
	s.waitUntilReady()
	return s
}

// waitUntilReady waits until the verifier has fetched its keys.
func (s *testService) waitUntilReady() {
	waittest.Until(s.t, "the service is ready", func() bool { return !strings.HasPrefix(s.do("GET /api/passports", auth.Admin, ""), "503") })
}

// do sends a request and returns the whole response as text: status, headers without
// Date, body, all with the same request id.
func (s *testService) do(route string, role auth.Role, body string, headers ...string) string {
	s.t.Helper()
	method, path, _ := strings.Cut(route, " ")
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if role != "" {
		organisation := map[auth.Role]string{auth.Operator: "A", auth.User: "B"}[role]
		req.Header.Set("Authorization", "Bearer "+s.issuer.Token(s.t, auth.Principal{UserID: string(role), Email: "x@x.example", Role: role, Organisation: organisation}))
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if res.StatusCode >= 400 && res.Header.Get("Content-Encoding") == "gzip" { // the compressed form depends on the request id
		text = s.gunzip(text)
		res.Header.Del("Content-Length")
	}
	res.Header.Del("Date")
	var b strings.Builder
	fmt.Fprintln(&b, res.StatusCode)
	res.Header.Write(&b)
	b.WriteString("\r\n")
	b.Write(text)
	return strings.ReplaceAll(b.String(), res.Header.Get("X-Request-Id"), "01a20000-0000-7000-8000-000000000000")
}

func (s *testService) gunzip(data []byte) []byte {
	s.t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

// mustDo sends a request and returns the body. It fails the test if the status differs.
func (s *testService) mustDo(status int, route string, role auth.Role, body string) string {
	s.t.Helper()
	response := s.do(route, role, body)
	if !strings.HasPrefix(response, fmt.Sprint(status)) {
		s.t.Fatalf("%s: got %s, want %d", route, response, status)
	}
	_, text, _ := strings.Cut(response, "\r\n\r\n")
	return text
}

// body returns a sample with JSON Patch operations applied.
func body(t *testing.T, name string, ops ...string) string {
	t.Helper()
	text, err := samples.FS.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	patch, err := jsonpatch.DecodePatch([]byte("[" + strings.Join(ops, ",") + "]"))
	if err != nil {
		t.Fatal(err)
	}
	text, err = patch.Apply(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func editCatalogue(t *testing.T, edit func(map[string]any)) []byte {
	t.Helper()
	var file map[string]any
	if err := json.Unmarshal(ruleset.Embedded()[0].File, &file); err != nil {
		t.Fatal(err)
	}
	if edit != nil {
		edit(file)
	}
	text, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
