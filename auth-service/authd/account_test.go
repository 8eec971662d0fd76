package authd_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

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
