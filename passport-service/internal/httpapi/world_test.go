package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/passport-service/internal/httpapi"
	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/passport-service/samples"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// world is a passport-service in which ids and times are the same each time, on
// a store of its own.
type world struct {
	t      *testing.T
	url    string
	issuer *authtest.Issuer
}

func newWorld(t *testing.T, catalogue string) *world {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	db, err := connect.Open(ctx, connect.Config{Dir: t.TempDir()}, "passport-service")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	sets, err := ruleset.LoadAll(fstest.MapFS{"x.json": {Data: []byte(catalogue)}})
	if err != nil {
		t.Fatal(err)
	}
	engines, err := compliance.NewEngines(sets, compliance.Rules())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, issuer: authtest.New(t)}
	verifier, err := token.NewVerifier(ctx, token.Config{URL: w.issuer.URL}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ticks, ids := 0, 0
	passports := &passport.Service{
		Passports: store.Open(db, passport.Schema()), Versions: store.Open(db, passport.VersionSchema()), Engines: engines,
		Now:   func() time.Time { ticks++; return time.Date(2026, 11, 23, 12, 0, 0, ticks*1_000_000, time.UTC) },
		NewID: func() string { ids++; return fmt.Sprintf("01a20000-0000-7000-8000-%012d", ids) },
	}
	api := rest.New(rest.Options{Title: "x", Log: slog.New(slog.DiscardHandler), User: auth.UserID})
	(&httpapi.API{Passports: passports, Verifier: verifier}).Register(api)
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	w.url = server.URL
	w.untilReady()
	return w
}

// untilReady waits for the verifier to have its keys.
func (w *world) untilReady() {
	for deadline := time.Now().Add(20 * time.Second); strings.HasPrefix(w.ask("GET /api/passports", auth.Admin, ""), "503"); {
		if time.Now().After(deadline) {
			w.t.Fatal("the service is not ready")
		}
	}
}

// ask returns an answer whole: status, the headers that clients act on, body.
func (w *world) ask(route string, role auth.Role, body string, headers ...string) string {
	w.t.Helper()
	method, path, _ := strings.Cut(route, " ")
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Request-Id", "01a20000-0000-7000-8000-000000000000")
	if role != "" {
		organisation := map[auth.Role]string{auth.Operator: "A", auth.User: "B"}[role]
		req.Header.Set("Authorization", "Bearer "+w.issuer.Token(w.t, auth.Principal{UserID: string(role), Email: "x@x.example", Role: role, Organisation: organisation}))
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	res.Header.Del("Date")
	var b strings.Builder
	fmt.Fprintln(&b, res.StatusCode)
	res.Header.Write(&b)
	b.WriteString("\r\n")
	b.Write(text)
	return b.String()
}

// must asks, and fails the test unless the status is the one given.
func (w *world) must(status int, route string, role auth.Role, body string) string {
	w.t.Helper()
	a := w.ask(route, role, body)
	if !strings.HasPrefix(a, fmt.Sprint(status)) {
		w.t.Fatalf("%s: %s", route, a)
	}
	_, text, _ := strings.Cut(a, "\r\n\r\n")
	return text
}

// body is a sample, changed by JSON patches.
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

func catalogue(t *testing.T, change func(map[string]any)) string {
	t.Helper()
	var file map[string]any
	if err := json.Unmarshal(ruleset.Embedded()[0].File, &file); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(file)
	}
	text, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
