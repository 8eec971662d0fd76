//go:build unix

package httpapi_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/batteryid"
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
	"github.com/battery-passport/suite/pkg/platform"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/wire"
)

// benchAPI returns the handlers with a published battery, its id and an access token of the
// owner. The route "/bare" does nothing, "/lookup" asks for the version of the battery.
func benchAPI(b *testing.B, cacheBytes int) (_ http.Handler, id, access string) {
	b.Helper()
	db, err := connect.Open(b.Context(), connect.Config{Dir: b.TempDir()}, "passport-service")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close(context.Background()) })
	engines, err := compliance.NewEngines(ruleset.Embedded(), compliance.Rules())
	if err != nil {
		b.Fatal(err)
	}
	now := func() time.Time { return time.Date(2027, 2, 1, 12, 0, 0, 0, time.UTC) }
	passports := &passport.Service{
		Passports: store.Open(db, passport.Schema()), Versions: store.Open(db, passport.VersionSchema()), Engines: engines, IdentifierBase: "https://nlb.example",
		Namespaces: &namespace.Service{Namespaces: store.Open(db, namespace.Schema()), Claims: store.Open(db, namespace.ClaimsSchema()), Now: now}, Now: now, NewID: platform.NewID,
	}
	sample, err := samples.FS.ReadFile("ev-nmc-complete.json")
	if err != nil {
		b.Fatal(err)
	}
	ctx := auth.NewContext(b.Context(), auth.Principal{UserID: "a", Role: auth.Admin})
	created, _, err := passports.Create(ctx, wire.Value(sample), passport.NoIdentifier, "")
	if err == nil {
		_, err = passports.Publish(ctx, created.ID)
	}
	if err != nil {
		b.Fatal(err)
	}
	api := rest.New(rest.Options{Log: slog.New(slog.DiscardHandler), User: auth.UserID})
	responses := httpapi.NewResponseCache(cacheBytes, nil)
	issuer := authtest.New(b)
	verifier, err := token.NewVerifier(b.Context(), token.Config{URL: issuer.URL}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	(&httpapi.API{Passports: passports, Exchange: new(exchange.Service), Verifier: verifier, Responses: responses}).Register(api)
	(&httpapi.Scan{Passports: passports, BaseURL: "https://nlb.example", Direct: true, Responses: responses}).Register(api)
	rest.Page(api, "GET /bare", rest.Public, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) }))
	key := batteryid.ScannedKey(created.BatteryIdentifier)
	rest.Page(api, "GET /lookup", rest.Public, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, _, err := passports.Passports.VersionBy(r.Context(), "batteryIdentifier", key); err != nil {
			rest.WriteProblem(w, r, err)
			return
		}
		w.WriteHeader(http.StatusNotModified)
	}))
	return api, created.ID, issuer.Token(b, auth.Principal{UserID: "a", Email: "a@a.example", Role: auth.Admin})
}

// cpuTime returns the processor time of the process.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkScan measures the answers to a scan, without the network: those in the cache, those
// that are not, a handler that does nothing, and one that asks for a version only. B/response is the size of a body, cpu-µs/op
// the processor time, which other processes on the machine affect less than the elapsed time.
// With code_cached, the cache has space for the QR code, but not for the page.
func BenchmarkScan(b *testing.B) {
	const battery, browser = "/01/09521100000116/21/NB7K2Q9X", "text/html"
	for state, cacheBytes := range map[string]int{"cached": 8 << 20, "code_cached": 20_000, "not_cached": 0} {
		api, id, access := benchAPI(b, cacheBytes)
		for name, r := range map[string]struct{ path, accept, ifNoneMatch string }{
			"page": {battery, browser, ""}, "JSON": {battery, "application/json", ""}, "linkset": {battery + "?linkType=linkset", "", ""}, "page 304": {battery, browser, "*"}, "bare 304": {"/bare", browser, "*"}, "lookup 304": {"/lookup", browser, "*"},
			"API": {"/api/passports/" + id, "application/json", ""}, "public API": {"/api/public/passports/" + id, "application/json", ""},
		} {
			if state == "code_cached" && name != "page" {
				continue
			}
			b.Run(state+"/"+name, func(b *testing.B) {
				req := httptest.NewRequest("GET", r.path, nil)
				for header, value := range map[string]string{"Accept": r.accept, "Accept-Encoding": "gzip", "Accept-Language": "de-DE,de;q=0.9,en;q=0.5", "If-None-Match": r.ifNoneMatch, "Authorization": map[bool]string{true: "Bearer " + access}[strings.HasPrefix(r.path, "/api/passports/")]} {
					if value != "" {
						req.Header.Set(header, value)
					}
				}
				for w := (&httptest.ResponseRecorder{Code: 503}); w.Code == 503; { // until the verifier has its keys
					w = httptest.NewRecorder()
					api.ServeHTTP(w, req)
				}
				b.ReportAllocs()
				var size int
				before := cpuTime(b)
				for b.Loop() {
					w := httptest.NewRecorder()
					api.ServeHTTP(w, req)
					if size = w.Body.Len(); w.Code != 200 && w.Code != 304 {
						b.Fatal(w.Code, w.Body)
					}
				}
				b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
				b.ReportMetric(float64(size), "B/response")
			})
		}
	}
}
