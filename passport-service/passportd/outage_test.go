package passportd_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// TestOutageOfDependencyIs503 covers the store and the auth-service.
func TestOutageOfDependencyIs503(t *testing.T) {
	t.Run("store", func(t *testing.T) {
		t.Parallel()
		s := start(t, connect.Config{URI: "mongodb://" + resttest.UnusedAddress(t)})
		bearer := []string{"Authorization", "Bearer " + s.as(auth.Admin, "")}
		for _, route := range []string{"GET /api/passports", "GET /api/passports/x", "POST /api/passports"} {
			a := s.Do(route, `{"data":{}}`, append([]string{"Content-Type", "application/json"}, bearer...)...)
			a.WantProblem(503)
			if a.Header.Get("Retry-After") == "" {
				t.Errorf("%s: no Retry-After", route)
			}
		}
		ready := s.Do("GET /readyz", "")
		if ready.Want(503, nil); !strings.Contains(ready.Text, `{"name":"store","ok":false,`) || !strings.Contains(ready.Text, `{"name":"keys","ok":true,`) {
			t.Errorf("readyz: got %s", ready.Text)
		}
		s.Do("GET /livez", "").Want(200, nil)
	})
	t.Run("store recovers", func(t *testing.T) {
		t.Parallel()
		proxy, uri := storetest.NewProxy(t, storetest.MongoURI(t))
		s := start(t, connect.Config{URI: uri})
		operator := s.as(auth.Operator, "A")
		p := s.create(operator, draft("https://a.example/1"))
		for i := range 2 {
			proxy.SetDown(true)
			for _, route := range []string{"GET /api/passports/" + p.ID, "PATCH /api/passports/" + p.ID} {
				start := time.Now()
				s.Do(route, `{"data":{}}`, "Authorization", "Bearer "+operator, "Content-Type", "application/json").WantProblem(503)
				if took := time.Since(start); took > 25*time.Second { // the driver would wait for 30
					t.Errorf("%s took %v, want at most 25s", route, took)
				}
			}
			// The result of a check is valid for a second.
			waittest.Until(t, "the service is not ready", func() bool { return s.Do("GET /readyz", "").Status == 503 })
			proxy.SetDown(false)
			s.Call("PATCH /api/passports/"+p.ID, operator, fmt.Sprintf(`{"data":{"generalInformation":{"batteryMass":%d}}}`, i+1)).Want(200, nil)
			s.Call("GET /readyz", "", nil).Want(200, nil)
		}
		s.Call("GET /api/passports/"+p.ID, operator, nil).Want(200, &p)
		checkHistory(t, s, operator, p)
	})
	t.Run("auth-service", func(t *testing.T) {
		t.Parallel()
		issuer := authtest.New(t)
		issuer.Down.Store(true)
		s := startWithIssuer(t, connect.Config{Dir: t.TempDir()}, issuer)
		bearer := []string{"Authorization", "Bearer " + s.as(auth.Admin, "")}
		s.Do("GET /api/passports", "", bearer...).WantProblem(503)
		s.Do("GET /api/passports", "").WantProblem(401, "header:Authorization missing") // needs no keys
		if ready := s.Do("GET /readyz", ""); !strings.Contains(ready.Text, `{"name":"keys","ok":false,"vital":true,"detail":"no signing keys have been fetched from the auth-service"}`) {
			t.Errorf("readyz: got %s", ready.Text)
		}
		issuer.Down.Store(false)
		s.Call("GET /api/passports", s.as(auth.Admin, ""), nil).Want(200, nil)
		s.Call("GET /readyz", "", nil).Want(200, nil)
	})
}
