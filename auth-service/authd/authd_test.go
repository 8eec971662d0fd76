package authd_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// TestMain fails if a stopped service leaves goroutines. In a child process it runs the
// service, or one of its commands.
func TestMain(m *testing.M) {
	if os.Getenv(mainEnv) != "" {
		boot.Main(authd.Name, authd.Run, authd.Promote) // exits
	}
	if db := os.Getenv(childEnv); db != "" {
		fmt.Fprintln(os.Stderr, "child:", runChild(db))
		os.Exit(1) // it should have been killed
	}
	goleak.VerifyTestMain(m)
}

// cheap is a bcrypt cost below the minimum of the configuration.
const cheap = 4

// service is a running auth-service.
type service struct {
	resttest.Client
	stop func()
	log  *log
}

// log records the log of a service.
type log struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func start(t *testing.T, db connect.Config, change ...func(*authd.Config)) *service {
	t.Helper()
	recorder := &log{}
	c, stop := resttest.Start(t, func(ctx context.Context, http rest.Config) error {
		cfg := authd.Config{HTTP: http, Store: db, TokenLifetime: authd.Lifetime(15 * time.Minute), RefreshLifetime: authd.Lifetime(24 * time.Hour), PasswordCost: cheap}
		for _, f := range change {
			f(&cfg)
		}
		return authd.Run(ctx, cfg, slog.New(slog.NewTextHandler(io.MultiWriter(t.Output(), recorder), nil)))
	})
	return &service{c, stop, recorder}
}

// pollInterval keeps the requests of eventually below the rate limits.
const pollInterval = 5 * time.Millisecond

// eventually waits until a condition holds, at most 20 seconds.
func eventually(t *testing.T, description string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(pollInterval) {
		if time.Now().After(deadline) {
			t.Fatalf("condition not met in 20 s: %s", description)
		}
	}
}

// openStore opens the database of a service.
func openStore(t *testing.T, cfg connect.Config) store.DB {
	t.Helper()
	db, err := connect.Open(t.Context(), cfg, authd.Name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	return db
}

type grant struct {
	Token        string
	RefreshToken string
	DeviceToken  string
	ExpiresIn    int
	User         struct{ ID, Email, Role, Organisation string }
}

func (s *service) register(email, role string) grant {
	s.T.Helper()
	body := map[string]string{"email": email, "password": "correct horse"}
	if role != "" {
		body["role"] = role
	}
	var out grant
	s.Call("POST /api/auth/register", "", body).Want(201, &out)
	return out
}

// organisation creates an organisation and returns its id.
func (s *service) organisation(admin grant, id string) string {
	s.T.Helper()
	s.Call("POST /api/auth/organisations", admin.Token, map[string]string{"id": id, "name": "Name of " + id}).Want(201, nil)
	return id
}

// eventuallyLogin logs in to an account that the service creates in the background.
func (s *service) eventuallyLogin(email, password string) (g grant) {
	s.T.Helper()
	var a resttest.Response
	eventually(s.T, "login of "+email, func() bool { a = s.login(email, password); return a.Status == 200 })
	a.Want(200, &g)
	return g
}

func (s *service) login(email, password string) resttest.Response {
	s.T.Helper()
	return s.Call("POST /api/auth/login", "", map[string]string{"email": email, "password": password})
}

func TestAccountFromRegistrationToDisabled(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		admin := s.register("Root@NLB.example", "admin")
		if admin.User.Email != "root@nlb.example" || admin.User.Role != "admin" || admin.ExpiresIn != 900 {
			t.Errorf("grant of the first admin = %+v", admin)
		}
		ann := s.register("ann@nlb.example", "")
		if ann.User.Role != "user" || ann.User.Organisation != "" {
			t.Errorf("grant of a user = %+v", ann)
		}
		var profile account.Account
		s.Call("GET /api/auth/profile", ann.Token, nil).Want(200, &profile)
		if profile.ID != ann.User.ID || profile.Email != "ann@nlb.example" || profile.CreatedAt.IsZero() {
			t.Errorf("profile = %+v", profile)
		}
		if strings.Contains(s.Call("GET /api/auth/profile", ann.Token, nil).Text, "$2a$") {
			t.Error("profile contains the password hash")
		}
		s.Call("GET /api/auth/admin", ann.Token, nil).Want(403, nil)
		s.Call("GET /api/auth/users", ann.Token, nil).Want(403, nil)
		s.Call("PATCH /api/auth/users/"+ann.User.ID, ann.Token, map[string]string{"role": "admin"}).Want(403, nil)
		s.Call("GET /api/auth/admin", admin.Token, nil).Want(200, &profile)

		// An admin assigns role and organisation; the next token carries them.
		s.Call("PATCH /api/auth/users/"+ann.User.ID, admin.Token, map[string]string{"role": "operator", "organisation": s.organisation(admin, "nordlicht-battery")}).Want(200, &profile)
		s.login(" ANN@nlb.example ", "correct horse").Want(200, &ann)
		if ann.User.Role != "operator" || ann.User.Organisation != "nordlicht-battery" {
			t.Errorf("account in the grant after the change = %+v", ann.User)
		}
		s.Call("PUT /api/auth/password", ann.Token, map[string]string{"currentPassword": "correct horse", "newPassword": "battery staple"}).Want(204, nil)
		s.login("ann@nlb.example", "correct horse").Want(401, nil)
		s.login("ann@nlb.example", "battery staple").Want(200, nil)

		s.Call("PATCH /api/auth/users/"+ann.User.ID, admin.Token, map[string]bool{"disabled": true}).Want(200, nil)
		s.login("ann@nlb.example", "battery staple").Want(403, nil)
		s.login("ann@nlb.example", "wrong horse").Want(401, nil) // only the holder of the password learns that the account is disabled
		s.Call("GET /api/auth/profile", ann.Token, nil).Want(401, nil)

		// Accounts and keys survive a restart.
		s.stop()
		s = start(t, db)
		s.Call("GET /api/auth/admin", admin.Token, nil).Want(200, nil)
		s.login("root@nlb.example", "correct horse").Want(200, nil)
	})
}

func TestAccountEvents(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		admin, ann := s.register("root@nlb.example", "admin"), s.register("ann@nlb.example", "")
		path := "/api/auth/users/" + ann.User.ID
		s.organisation(admin, "bam")
		for _, change := range []string{`{}`, `{"organisation":null}`, `{"role":"user"}`, `{"role":"authority","organisation":"bam"}`, `{"organisation":"bam","disabled":false}`, `{"disabled":true,"organisation":null}`} {
			s.Call("PATCH "+path, admin.Token, change).Want(200, nil)
		}
		s.Call("PATCH "+path, admin.Token, `{"role":null,"organisation":null,"disabled":null}`).WantProblem(422, "/disabled type", "/role type")
		s.Call("PATCH "+path, admin.Token, `{"role":null,"disabled":false}`).WantProblem(422, "/role type")
		s.Call("PUT /api/auth/password", admin.Token, map[string]string{"currentPassword": "correct horse", "newPassword": "battery staple"}).Want(204, nil)

		want := []string{
			`user.registered 1 {"userId":"ID","email":"ann@nlb.example","role":"user","emailVerified":true,"registeredAt":"TIME"}`,
			`user.updated 3 {"userId":"ID","email":"ann@nlb.example","role":"authority","organisation":"bam","disabled":false,"emailVerified":true,"updatedAt":"TIME"}`,
			`user.updated 4 {"userId":"ID","email":"ann@nlb.example","role":"authority","disabled":true,"emailVerified":true,"updatedAt":"TIME"}`,
		}
		if diff := cmp.Diff(want, waiting(t, db, ann.User.ID)); diff != "" {
			t.Errorf("events of an account; requests that change nothing must add none (-want +got)\n%s", diff)
		}
		if got := waiting(t, db, admin.User.ID); len(got) != 1 {
			t.Errorf("got events %v after a password change, want only the registration", got)
		}
	})
}

// waiting returns the events in the outbox of an account.
func waiting(t *testing.T, cfg connect.Config, id string) []string {
	t.Helper()
	source := store.Open(openStore(t, cfg), account.Schema())
	if _, err := source.Get(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, e := range storetest.WaitingEvents(t, source.Outbox(), id) {
		var payload struct{ RegisteredAt, UpdatedAt string }
		if err := json.Unmarshal(e.Data, &payload); err != nil || e.Key != id || e.Source != "/auth-service" {
			t.Errorf("event %+v, %v", e, err)
		}
		text := strings.NewReplacer(id, "ID", payload.RegisteredAt+payload.UpdatedAt, "TIME").Replace(string(e.Data))
		texts = append(texts, fmt.Sprint(e.Type, " ", e.Sequence, " ", text))
	}
	return texts
}

func TestOnlyFirstAccountMayRegisterAsAdmin(t *testing.T) {
	register := func(s *service, email, role string) int {
		return s.Call("POST /api/auth/register", "", map[string]string{"email": email, "password": "correct horse", "role": role}).Status
	}
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		for _, role := range []string{"operator", "authority", "legitimate_interest"} {
			if got := register(s, "eve@x.example", role); got != 403 {
				t.Errorf("registration as %s = %d, want 403", role, got)
			}
		}
		// Of many concurrent requests, one succeeds.
		s.login("nobody@x.example", "correct horse").Want(401, nil) // waits for the keys
		var mu sync.Mutex
		var wg sync.WaitGroup
		got := map[int]int{}
		for i := range 8 {
			wg.Go(func() {
				status := register(s, fmt.Sprintf("root%d@x.example", i), "admin")
				mu.Lock()
				defer mu.Unlock()
				got[status]++
			})
		}
		wg.Wait()
		if diff := cmp.Diff(map[int]int{201: 1, 403: 7}, got); diff != "" {
			t.Errorf("statuses of 8 concurrent registrations as first admin (-want +got)\n%s", diff)
		}
	})
	t.Run("after a user", func(t *testing.T) {
		s := start(t, connect.Config{Dir: t.TempDir()})
		s.register("ann@x.example", "user")
		if got := register(s, "root@x.example", "admin"); got != 403 {
			t.Errorf("registration as admin after a user = %d, want 403", got)
		}
	})
	t.Run("from the environment", func(t *testing.T) {
		db := connect.Config{Dir: t.TempDir()}
		env := func(password string) func(*authd.Config) {
			return func(c *authd.Config) { c.AdminEmail, c.AdminPassword = "Root@x.example", password }
		}
		s := start(t, db, env("correct horse"))
		if got := register(s, "eve@x.example", "admin"); got != 403 {
			t.Errorf("registration as admin with ADMIN_EMAIL set = %d, want 403", got)
		}
		if g := s.eventuallyLogin("root@x.example", "correct horse"); g.User.Role != "admin" {
			t.Fatalf("account of ADMIN_EMAIL = %+v, want an admin", g.User)
		}
		s.stop()
		s = start(t, db, env("another horse")) // a later start changes nothing
		s.login("root@x.example", "correct horse").Want(200, nil)
	})
}

func TestAdminCannotDemoteOrDisableItself(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	admin := s.register("root@x.example", "admin")
	path := "/api/auth/users/" + admin.User.ID
	for _, change := range []string{`{"role":"user"}`, `{"disabled":true}`} {
		s.Call("PATCH "+path, admin.Token, change).Want(409, nil)
	}
	s.Call("PATCH /api/auth/users/none", admin.Token, `{"disabled":true}`).Want(404, nil)
	s.organisation(admin, "nordlicht")
	s.Call("PATCH "+path, admin.Token, `{"role":"admin","disabled":false,"organisation":"nordlicht"}`).Want(200, nil)
}

// TestTokenOfFormerAdminIsRefused uses an access token that still names the role admin.
func TestTokenOfFormerAdminIsRefused(t *testing.T) {
	for change, status := range map[string]int{`{"role":"user"}`: 401, `{"disabled":true}`: 401} {
		t.Run(change, func(t *testing.T) {
			s := start(t, connect.Config{Dir: t.TempDir()})
			root, ann := s.register("root@x.example", "admin"), s.register("ann@x.example", "")
			path := "/api/auth/users/" + ann.User.ID
			s.Call("PATCH "+path, root.Token, `{"role":"admin"}`).Want(200, nil)
			s.login("ann@x.example", "correct horse").Want(200, &ann)
			s.Call("GET /api/auth/users", ann.Token, nil).Want(200, nil)

			s.Call("PATCH "+path, root.Token, change).Want(200, nil)
			for _, route := range []string{"PATCH " + path, "PATCH /api/auth/users/" + root.User.ID} {
				s.Call(route, ann.Token, `{"role":"admin","disabled":false}`).Want(status, nil) // before or after the verifier knows the revocation
			}
			for _, route := range []string{"GET /api/auth/users", "GET /api/auth/admin"} {
				s.Call(route, ann.Token, nil).Want(status, nil)
			}
		})
	}
}

// listAccounts returns the ids of all pages of a list of accounts.
func (s *service) listAccounts(admin grant, query string) (ids []string) {
	s.T.Helper()
	for cursor := ""; ; {
		var page struct {
			Items      []account.Account
			NextCursor string
		}
		s.Call("GET /api/auth/users"+query+cursor, admin.Token, nil).Want(200, &page)
		for _, a := range page.Items {
			ids = append(ids, a.ID)
		}
		if page.NextCursor == "" {
			return ids
		}
		cursor = "&cursor=" + page.NextCursor
	}
}

func TestListAccounts(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		admin := s.register("root@x.example", "admin")
		ids := []string{admin.User.ID}
		for i := range 6 {
			ids = append(ids, s.register(fmt.Sprintf("u%d@x.example", i), "").User.ID)
		}
		s.Call("PATCH /api/auth/users/"+ids[2], admin.Token, `{"role":"operator","organisation":"`+s.organisation(admin, "a-b")+`"}`).Want(200, nil)
		s.Call("PATCH /api/auth/users/"+ids[4], admin.Token, `{"role":"operator"}`).Want(200, nil)
		slices.Reverse(ids)
		for query, want := range map[string][]string{
			"?limit=3": ids, "?role=operator&limit=1": {ids[2], ids[4]}, "?organisation=a-b": {ids[4]}, "?email=U3@x.example": {ids[2]},
			"?role=operator&organisation=a-b": {ids[4]}, "?organisation=none": nil,
		} {
			if diff := cmp.Diff(want, s.listAccounts(admin, query)); diff != "" {
				t.Errorf("accounts of %s (-want +got)\n%s", query, diff)
			}
		}
	})
}

// TestOtherServicesVerifyTokens verifies tokens with the verifier of other services.
func TestOtherServicesVerifyTokens(t *testing.T) {
	const secret = "0123456789abcdef0123456789abcdef"
	for name, secret := range map[string]string{"ES256": "", "HS256": secret} {
		t.Run(name, func(t *testing.T) {
			s := start(t, connect.Config{Dir: t.TempDir()}, func(c *authd.Config) { c.TokenSecret = secret })
			admin := s.register("root@x.example", "admin")
			other, err := token.NewVerifier(t.Context(), token.Config{Secret: secret, URL: s.URL + "/"}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			p, err := other.Verify(t.Context(), "Bearer "+admin.Token)
			want := auth.Principal{UserID: admin.User.ID, Email: "root@x.example", Role: auth.Admin, Session: p.Session}
			if err != nil || !reflect.DeepEqual(p, want) {
				t.Errorf("Verify = %+v, %v, want %+v", p, err, want)
			}
			s.Call("GET /api/auth/admin", admin.Token, nil).Want(200, nil)
			var set struct{ Keys []map[string]any }
			s.Call("GET /.well-known/jwks.json", "", nil).Want(200, &set)
			if (len(set.Keys) == 1) != (secret == "") {
				t.Errorf("key set = %v", set.Keys)
			}
			for _, key := range set.Keys {
				if key["d"] != nil {
					t.Error("the key set contains the private key")
				}
			}
			// Tokens of another issuer, and HS256 tokens with a wrong secret, are refused.
			s.Call("GET /api/auth/profile", authtest.New(t).Token(t, want), nil).Want(401, nil)
			forged, err := token.Key{Secret: []byte(secret + "x")}.Sign(token.NewClaims(want, time.Now(), time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			s.Call("GET /api/auth/profile", forged, nil).Want(401, nil)
		})
	}
}

// TestUnknownAddressTakesAsLongAsWrongPassword compares the minimum and the median
// response times. They would differ a hundredfold without a hash for unknown
// addresses, and eightfold if the cost has changed since the hash was made; the load of
// the machine only adds to both. Body and header names of the responses are the same.
func TestUnknownAddressTakesAsLongAsWrongPassword(t *testing.T) {
	for name, costs := range map[string][2]int{"same cost": {8, 8}, "raised": {5, 8}, "lowered": {8, 5}} {
		t.Run(name, func(t *testing.T) {
			db := connect.Config{Dir: t.TempDir()}
			cost := func(n int) func(*authd.Config) { return func(c *authd.Config) { c.PasswordCost = n } }
			s := start(t, db, cost(costs[0]))
			s.register("ann@x.example", "")
			s.stop()
			s = start(t, db, cost(costs[1]))
			measure := func(email string) (time.Duration, resttest.Response) {
				begin := time.Now()
				a := s.login(email, "wrong horse")
				return time.Since(begin), a
			}
			measure("ann@x.example") // waits for the keys
			var known, unknown []time.Duration
			for range 31 { // alternately, so that other load affects both
				k, a := measure("ann@x.example")
				u, b := measure("eve@x.example")
				known, unknown = append(known, k), append(unknown, u)
				if a.Status != 401 || b.Status != 401 || withoutID(a.Text) != withoutID(b.Text) {
					t.Fatalf("responses differ: %d %s, %d %s", a.Status, a.Text, b.Status, b.Text)
				}
				if diff := cmp.Diff(slices.Sorted(maps.Keys(a.Header)), slices.Sorted(maps.Keys(b.Header))); diff != "" {
					t.Fatalf("headers differ (-known +unknown)\n%s", diff)
				}
			}
			slices.Sort(known)
			slices.Sort(unknown)
			for _, i := range []int{0, len(known) / 2} {
				if ratio := float64(unknown[i]) / float64(known[i]); ratio < 0.5 || ratio > 2 {
					t.Errorf("logins with an unknown address took %v, with a wrong password %v", unknown, known)
				}
			}
		})
	}
}

func TestLoginRehashesWithConfiguredCost(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, cfg connect.Config) {
		s := start(t, cfg)
		ann := s.register("ann@x.example", "")
		for _, cost := range []int{6, 5} {
			s.stop()
			s = start(t, cfg, func(c *authd.Config) { c.PasswordCost = cost })
			s.login("ann@x.example", "wrong horse").Want(401, nil)
			before := storedHash(t, cfg, ann.User.ID)
			s.login("ann@x.example", "correct horse").Want(200, nil)
			after := storedHash(t, cfg, ann.User.ID)
			s.login("ann@x.example", "correct horse").Want(200, nil)
			if want := fmt.Sprintf(":$2a$%02d$", cost); strings.Contains(before, want) || !strings.Contains(after, want) {
				t.Errorf("hash %s became %s, want %s", before, after, want)
			}
			if next := storedHash(t, cfg, ann.User.ID); next != after {
				t.Errorf("hash %s became %s at the same cost", after, next)
			}
		}
		if got := waiting(t, cfg, ann.User.ID); len(got) != 1 {
			t.Errorf("got events %v after a rehash, want only the registration", got)
		}
	})
}

// storedHash returns the password hash of an account.
func storedHash(t *testing.T, cfg connect.Config, id string) string {
	t.Helper()
	row, err := store.Open(openStore(t, cfg), account.Schema()).Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return row.Doc.PasswordHash
}

// withoutID returns a problem without the members that identify the request.
func withoutID(text string) string {
	var p map[string]any
	if json.Unmarshal([]byte(text), &p) != nil {
		return text
	}
	delete(p, "instance")
	delete(p, "requestId")
	return fmt.Sprint(p)
}

// TestAllCharactersOfPasswordCount: bcrypt alone ignores input after 72 bytes.
func TestAllCharactersOfPasswordCount(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	long := strings.Repeat("ü", 1023) + "1"
	s.Call("POST /api/auth/register", "", map[string]string{"email": "ann@x.example", "password": long}).Want(201, nil)
	s.login("ann@x.example", long).Want(200, nil)
	s.login("ann@x.example", long[:len(long)-1]+"2").Want(401, nil)
	s.login("ann@x.example", long[:72]).Want(401, nil)
	s.login("ann@x.example", long+"1").Want(422, nil)
}
