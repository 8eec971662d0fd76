package authd_test

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/secret"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/waittest"
)

func TestBadInput(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	admin := s.register("root@x.example", "admin")
	ann := s.register("ann@x.example", "")
	const register, login, users = "POST /api/auth/register", "POST /api/auth/login", "GET /api/auth/users"
	patch := "PATCH /api/auth/users/" + ann.User.ID
	var page struct{ NextCursor string }
	s.Call("GET /api/auth/users?limit=1", admin.Token, nil).Want(200, &page)
	for name, c := range map[string]struct {
		route, body string
		headers     []string
		status      int
		errors      []string
	}{
		"malformed":                           {register, `{"email":`, nil, 400, []string{"/email syntax"}},
		"wrong content type":                  {register, `{}`, []string{"Content-Type", "text/plain"}, 415, []string{"header:Content-Type enum"}},
		"two values":                          {register, `{}{}`, nil, 400, []string{" syntax"}},
		"duplicate member":                    {register, `{"email":"a@x.example","password":"drop anchor","role":"user","role":"admin"}`, nil, 400, []string{"/role duplicate"}},
		"invalid UTF-8":                       {register, "{\"email\":\"\xff\"}", nil, 400, []string{"/email syntax"}},
		"2 MB":                                {register, `{"email":"` + strings.Repeat("x", 2<<20) + `"}`, nil, 413, nil},
		"10,000 deep":                         {register, strings.Repeat(`{"a":`, 10_000), nil, 400, []string{strings.Repeat("/a", 16) + " depth"}},
		"12 deep":                             {register, strings.Repeat(`{"a":`, 12) + "1" + strings.Repeat("}", 12), nil, 422, []string{"/a unknownField", "/email required", "/password required"}},
		"everything missing":                  {register, `{}`, nil, 422, []string{"/email required", "/password required"}},
		"null":                                {register, `{"email":null,"password":null}`, nil, 422, []string{"/email type", "/password type"}},
		"numbers":                             {register, `{"email":1,"password":12345678,"role":1e400}`, nil, 422, []string{"/role range"}},
		"number as password":                  {register, `{"email":"a@x.example","password":12345678}`, nil, 422, []string{"/password type"}},
		"unknown members":                     {register, `{"email":"a@x.example","password":"drop anchor","organisation":"A","Role":"admin","id":"x"}`, nil, 422, []string{"/organisation unknownField", "/Role unknownField", "/id unknownField"}},
		"unknown role":                        {register, `{"email":"a@x.example","password":"drop anchor","role":"root"}`, nil, 422, []string{"/role enum"}},
		"role without admin":                  {register, `{"email":"a@x.example","password":"drop anchor","role":"operator"}`, nil, 403, []string{"/role enum"}},
		"second admin":                        {register, `{"email":"a@x.example","password":"drop anchor","role":"admin"}`, nil, 403, []string{"/role enum"}},
		"password of 7":                       {register, `{"email":"a@x.example","password":"üüüüüüü"}`, nil, 422, []string{"/password range"}},
		"password of 1025":                    {register, `{"email":"a@x.example","password":"` + strings.Repeat("x", 1025) + `"}`, nil, 422, []string{"/password range"}},
		"password of spaces":                  {register, `{"email":"a@x.example","password":"        "}`, nil, 422, []string{"/password required"}},
		"invisible password":                  {register, `{"email":"a@x.example","password":"\u00a0\u200b\u00a0\u200b\u00a0\u200b\u00a0\u2800"}`, nil, 422, []string{"/password required"}},
		"full-width letters in address":       {register, `{"email":"ａnn2@x.example","password":"drop anchor"}`, nil, 422, []string{"/email format"}},
		"address without domain":              {register, `{"email":"ann","password":"drop anchor"}`, nil, 422, []string{"/email format"}},
		"address with a name":                 {register, `{"email":"Ann <ann2@x.example>","password":"drop anchor"}`, nil, 422, []string{"/email format"}},
		"address with CRLF":                   {register, `{"email":"ann2@x.example\r\nBcc: eve@x.example","password":"drop anchor"}`, nil, 422, []string{"/email format"}},
		"invisible address":                   {register, `{"email":"an\u034fn@x.example","password":"drop anchor"}`, nil, 422, []string{"/email format"}},
		"zero-width space in address":         {register, `{"email":"ann\u200b@x.example","password":"drop anchor"}`, nil, 422, []string{"/email format"}},
		"address not in NFC":                  {register, `{"email":"u\u0308@x.example","password":"drop anchor"}`, nil, 422, []string{"/email format"}},
		"address at an IP address":            {register, `{"email":"ann@[127.0.0.1]","password":"drop anchor"}`, nil, 422, []string{"/email format"}},
		"Kelvin sign in address":              {register, `{"email":"\u212aim@x.example","password":"drop anchor"}`, nil, 422, []string{"/email format"}},
		"dotted capital I in address":         {register, `{"email":"k\u0130m@x.example","password":"drop anchor"}`, nil, 422, []string{"/email format"}},
		"domain in full-width letters":        {register, `{"email":"ann@ｘ.example","password":"drop anchor"}`, nil, 422, []string{"/email format"}},
		"ideographic full stop in domain":     {register, `{"email":"ann@x。example","password":"drop anchor"}`, nil, 422, []string{"/email format"}},
		"ligature in domain":                  {register, `{"email":"ann@oﬃce.example","password":"drop anchor"}`, nil, 422, []string{"/email format"}},
		"domain that is not valid in IDNA":    {register, `{"email":"ann@xn--a.example","password":"drop anchor"}`, nil, 422, []string{"/email format"}},
		"domain in two forms":                 {register, `{"email":"ann@exämple.xn--p1ai","password":"drop anchor"}`, nil, 422, []string{"/email format"}},
		"underscore in domain":                {register, `{"email":"ann@x_y.example","password":"drop anchor"}`, nil, 422, []string{"/email format"}},
		"hyphen at the start of a label":      {register, `{"email":"ann@-x.example","password":"drop anchor"}`, nil, 422, []string{"/email format"}},
		"name of 65 characters":               {register, `{"email":"` + strings.Repeat("a", 65) + `@x.example","password":"drop anchor"}`, nil, 422, []string{"/email format"}},
		"label of 64 characters":              {register, `{"email":"ann@` + strings.Repeat("b", 64) + `.example","password":"drop anchor"}`, nil, 422, []string{"/email format"}},
		"label with a hyphen at the end":      {register, `{"email":"ann@x-.example","password":"drop anchor"}`, nil, 422, []string{"/email format"}},
		"two addresses":                       {register, `{"email":"a@x.example,b@x.example","password":"drop anchor"}`, nil, 422, []string{"/email format"}},
		"address of 200 kB":                   {register, `{"email":"` + strings.Repeat("x", 200_000) + `@x.example","password":"drop anchor"}`, nil, 413, nil},
		"long address":                        {register, `{"email":"` + strings.Repeat("x", 254) + `@x.example","password":"drop anchor"}`, nil, 422, []string{"/email range"}},
		"existing address":                    {register, `{"email":" ann@x.example","password":"drop anchor"}`, nil, 409, []string{"/email duplicate"}},
		"existing, upper case":                {register, `{"email":"ANN@x.example","password":"drop anchor"}`, nil, 409, []string{"/email duplicate"}},
		"object as password":                  {login, `{"email":"ann@x.example","password":{"$ne":""}}`, nil, 422, []string{"/password type"}},
		"object as address":                   {login, `{"email":{"$gt":""},"password":"drop anchor"}`, nil, 422, []string{"/email type"}},
		"empty login":                         {login, `{"email":"","password":""}`, nil, 401, nil},
		"wrong current password":              {"PUT /api/auth/password", `{"currentPassword":"wrong horse","newPassword":"drop anchor"}`, nil, 422, []string{"/currentPassword mismatch"}},
		"short new password":                  {"PUT /api/auth/password", `{"currentPassword":"correct horse","newPassword":"1"}`, nil, 422, []string{"/newPassword range"}},
		"unknown new role":                    {patch, `{"role":"root"}`, nil, 422, []string{"/role enum"}},
		"change of address":                   {patch, `{"email":"x@x.example"}`, nil, 422, []string{"/email unknownField"}},
		"control character in organisation":   {patch, `{"organisation":" a\u0000"}`, nil, 422, []string{"/organisation format"}},
		"invisible character in organisation": {patch, `{"organisation":"nord\u200blicht"}`, nil, 422, []string{"/organisation format"}},
		"free text as organisation":           {patch, `{"organisation":"Nordlicht Batterie"}`, nil, 422, []string{"/organisation format"}},
		"unknown organisation":                {patch, `{"organisation":"nobody"}`, nil, 422, []string{"/organisation notFound"}},
		"long organisation":                   {patch, `{"organisation":"` + strings.Repeat("x", 41) + `"}`, nil, 422, []string{"/organisation format"}},
		"text as boolean":                     {patch, `{"disabled":"yes"}`, nil, 422, []string{"/disabled type"}},
		"unknown parameter":                   {users + "?offset=1", "", nil, 422, []string{"query:offset unknownField"}},
		"limit 0":                             {users + "?limit=0", "", nil, 422, []string{"query:limit range"}},
		"limit -1":                            {users + "?limit=-1", "", nil, 422, []string{"query:limit range"}},
		"limit 1e9":                           {users + "?limit=1e9", "", nil, 422, []string{"query:limit type"}},
		"forged cursor":                       {users + "?cursor=AAAAAAAAAAAAAAAAAAAAAAAA", "", nil, 400, []string{"query:cursor format"}},
		"foreign cursor":                      {users + "?role=user&cursor=" + page.NextCursor, "", nil, 400, []string{"query:cursor format"}},
		"NUL as id":                           {"PATCH /api/auth/users/%00", `{}`, nil, 404, nil},
		"id not UTF-8":                        {"PATCH /api/auth/users/%ff", `{}`, nil, 404, nil},
		"unknown path":                        {"GET /api/auth/nothing", "", nil, 404, nil},
		"unknown method":                      {"DELETE /api/auth/login", "", nil, 405, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s.On(t).Call(c.route, admin.Token, c.body, c.headers...).WantProblem(c.status, c.errors...)
		})
	}
	var all struct{ Items []json.RawMessage }
	s.Call("GET /api/auth/users", admin.Token, nil).Want(200, &all)
	if len(all.Items) != 2 {
		t.Errorf("got %d accounts, want the 2 created before the bad requests", len(all.Items))
	}
}

// TestFaultsOfAddresses checks that a message names the fault.
func TestFaultsOfAddresses(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	for address, want := range map[string]string{
		"ann\u200b@x.example": "must not have invisible characters, got U+200B", "ａnn@x.example": "(U+FF41)", "u\u0308@x.example": "must be in Unicode Normalization Form C (NFC)",
		"ann": "must be an email address, such as", "ann@x_y.example": "must have a host name after the @, got", strings.Repeat("a", 65) + "@x.example": "64 before the @",
	} {
		r := s.Call("POST /api/auth/register", "", map[string]string{"email": address, "password": "drop anchor"})
		if r.WantProblem(422, "/email format"); !strings.Contains(r.Text, want) {
			t.Errorf("%q: got %s, want %s", address, r.Text, want)
		}
	}
}

// TestInternationalDomains registers addresses whose domain is in Unicode, in any case, or in ASCII. Both are one address.
func TestInternationalDomains(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	for _, address := range []string{"ann@exämple.example", "bob@STRASSE-Ö.example", "cleo@straße.example", "dora@xn--exmple-cua.example", "emil@電池.example", "fay@localhost"} {
		s.Call("POST /api/auth/register", "", map[string]string{"email": address, "password": "drop anchor"}).Want(201, nil)
	}
	for _, address := range []string{"ann@xn--exmple-cua.example", "Dora@EXÄMPLE.example"} {
		s.Call("POST /api/auth/register", "", map[string]string{"email": address, "password": "drop anchor"}).WantProblem(409, "/email duplicate")
		s.login(address, "drop anchor").Want(200, nil)
	}
}

// TestStoredUnicodeDomains starts the service with an account that an earlier release stored with
// the domain in Unicode.
func TestStoredUnicodeDomains(t *testing.T) {
	cfg := connect.Config{Dir: t.TempDir()}
	s := start(t, cfg)
	s.register("root@x.example", "admin")
	ann := s.register("ann@xn--exmple-cua.example", "")
	earlier, address := account.Schema(), "ann@exämple.example"
	earlier.IndexVersion, earlier.Unique = 0, func(r *account.Record) map[string]string { return map[string]string{"email": r.Email} }
	_, err := store.Open(openStore(t, cfg), earlier).Update(t.Context(), ann.User.ID, func(r *account.Record) (store.Change, error) {
		r.Email = address
		return store.Change{}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s.stop()
	s = start(t, cfg)
	waittest.Until(t, "the account logs in", func() bool { return s.login(address, "correct horse").Status == 200 })
	s.Call("POST /api/auth/register", "", map[string]string{"email": "ann@xn--exmple-cua.example", "password": "drop anchor"}).WantProblem(409, "/email duplicate")
}

// TestForgedTokensAreRefused forges access tokens of both algorithms, with the key of
// the service where the forgery needs a valid signature.
func TestForgedTokensAreRefused(t *testing.T) {
	const secret = "0123456789abcdef0123456789abcdef"
	for kind, secret := range map[string]string{"ES256": "", "HS256": secret} {
		db := connect.Config{Dir: t.TempDir()}
		s := start(t, db, func(c *authd.Config) { c.TokenSecret = secret })
		s.register("root@x.example", "admin")
		for name, f := range authtest.Forgeries(t, signing(t, db, secret), time.Now()) {
			t.Run(kind+"/"+name, func(t *testing.T) {
				a := s.On(t).Call("GET /api/auth/admin", f.Token, nil)
				if a.WantProblem(401, "header:Authorization "+f.Code); a.Header.Get("WWW-Authenticate") != "Bearer" {
					t.Errorf("WWW-Authenticate = %q, want Bearer", a.Header.Get("WWW-Authenticate"))
				}
			})
		}
	}
}

// signing returns the signing key of the service.
func signing(t *testing.T, cfg connect.Config, tokenSecret string) token.Key {
	t.Helper()
	keys := secret.New(openStore(t, cfg), nil, slog.New(slog.DiscardHandler))
	if keys.TokenSecret = tokenSecret; tokenSecret != "" {
		keys.Algorithm = token.HS256
	}
	keys.Load(t.Context())
	key, err := keys.SigningKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestStoreUnavailable: without a database every route fails before the 30 seconds of the driver, readyz
// fails, and the process continues.
func TestStoreUnavailable(t *testing.T) {
	s := start(t, connect.Config{URI: "mongodb://" + resttest.UnusedAddress(t)})
	for _, route := range []string{"POST /api/auth/login", "POST /api/auth/register", "GET /.well-known/jwks.json", "GET /readyz"} {
		begin := time.Now()
		a := s.Do(route, `{"email":"ann@x.example","password":"drop anchor"}`, "Content-Type", "application/json")
		if took := time.Since(begin); a.Status != 503 || took > 25*time.Second {
			t.Errorf("%s = %d after %v: %s", route, a.Status, took, a.Text)
		}
	}
	if a := s.Do("GET /readyz", ""); !strings.Contains(a.Text, `{"name":"store","ok":false,"vital":true,"detail":"the database does not respond"}`) {
		t.Errorf("readyz = %s", a.Text)
	}
	s.Do("GET /livez", "").Want(200, nil)
}

// TestServiceRecoversWithStore starts the service without a database, then makes the
// database available, unavailable and available again.
func TestServiceRecoversWithStore(t *testing.T) {
	proxy, uri := storetest.NewProxy(t, storetest.MongoURI(t))
	proxy.SetDown(true)
	s := start(t, connect.Config{URI: uri}, func(c *authd.Config) { c.AdminEmail, c.AdminPassword = "root@x.example", "correct horse" })
	s.Do("GET /readyz", "").Want(503, nil)
	proxy.SetDown(false)
	s.Call("GET /readyz", "", nil).Want(200, nil)
	ann := s.register("ann@x.example", "")
	s.eventuallyLogin("root@x.example", "correct horse")
	proxy.SetDown(true)
	s.Do("GET /api/auth/profile", "", "Authorization", "Bearer "+ann.Token).WantProblem(503)
	proxy.SetDown(false)
	s.Call("GET /api/auth/profile", ann.Token, nil).Want(200, nil)
}

func TestConfigErrorNamesAllVariables(t *testing.T) {
	for name, value := range map[string]string{
		"PORT": "70000", "HOST": "999.1.1.1", "DRAIN_TIMEOUT": "-1s", "MONGODB_URI": "mongo.example", "JWT_SECRET": "short", "JWT_EXPIRES_IN": "31d", "PASSWORD_KEY": "short", "PASSWORD_COST": "9", "ADMIN_EMAIL": "root@x.example", "LOG_LEVEL": "", "KAFKA_BROKERS": "kafka.example",
	} {
		t.Setenv(name, value)
	}
	err := boot.Load(&authd.Config{})
	for _, want := range []string{"PORT", "HOST", "DRAIN_TIMEOUT", "MONGODB_URI", "KAFKA_BROKERS", "JWT_SECRET", "JWT_EXPIRES_IN", "PASSWORD_KEY", "PASSWORD_COST", "ADMIN_PASSWORD"} {
		if err == nil || strings.Count(err.Error(), "  "+want+":") != 1 {
			t.Errorf("Load = %v\nwant %s once", err, want)
		}
	}
	if !strings.Contains(err.Error(), "JWT_EXPIRES_IN: must be 1m to 30d, got 31d") {
		t.Errorf("Load = %v\nwant the lifetime in days, as it was set", err)
	}
	for value, want := range map[string]time.Duration{"15m": 15 * time.Minute, "24h": 24 * time.Hour, "1d": 24 * time.Hour} {
		var l authd.Lifetime
		if err := l.Decode(value); err != nil || time.Duration(l) != want {
			t.Errorf("lifetime %s = %v, %v", value, time.Duration(l), err)
		}
	}
	for _, value := range []string{"soon", "xd", "-1d", "300000d", "99999999999999999999d"} {
		var l authd.Lifetime
		if err := l.Decode(value); err == nil {
			t.Errorf("lifetime %s = %v, want an error", value, l)
		}
	}
}

// TestProductionRequiresHTTPS: in production, links with tokens and the addresses that clients
// send secrets to are https, except on the own machine.
func TestProductionRequiresHTTPS(t *testing.T) {
	for _, c := range []struct {
		environment, url string
		valid            bool
	}{
		{"production", "http://passports.example", false}, {"production", "HTTP://passports.example", false}, {"production", "http://10.0.0.1:4000", false},
		{"production", "http://localhost.evil.example", false}, {"production", "https://passports.example", true}, {"production", "http://localhost:4000", true},
		{"production", "http://127.0.0.1:4000", true}, {"production", "http://[::1]:4000", true}, {"production", "", true}, {"development", "http://passports.example", true},
	} {
		for _, variable := range []string{"APP_URL", "ISSUER_URL"} {
			t.Setenv("APP_ENV", c.environment)
			t.Setenv("APP_URL", "")
			t.Setenv("ISSUER_URL", "")
			t.Setenv(variable, c.url)
			err := boot.Load(&authd.Config{})
			if refused := err != nil && strings.Contains(err.Error(), "  "+variable+": "); refused == c.valid {
				t.Errorf("%s=%s in %s: %v, want valid = %v", variable, c.url, c.environment, err, c.valid)
			}
		}
	}
}

func TestIssuerHasNoPath(t *testing.T) {
	for url, valid := range map[string]bool{
		"": true, "https://auth.example": true, "http://127.0.0.1:4000": true, "https://[::1]:4000": true,
		"https://auth.example/": false, "https://auth.example/auth": false, "https://auth.example?x": false, "https://auth.example#x": false,
		"https://ann@auth.example": false, "ftp://auth.example": false, "auth.example": false, "https://": false, "https://:4000": false,
	} {
		t.Setenv("ISSUER_URL", url)
		if err := boot.Load(&authd.Config{}); (err == nil) != valid || err != nil && !strings.Contains(err.Error(), "ISSUER_URL:") {
			t.Errorf("ISSUER_URL=%s: Load = %v, valid %v", url, err, valid)
		}
	}
}
