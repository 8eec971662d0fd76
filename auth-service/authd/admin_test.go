package authd_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// mainEnv makes the test program run as the auth-service.
const mainEnv = "AUTHD_TEST_MAIN"

// adminEmail sets ADMIN_EMAIL, and ADMIN_PASSWORD to "operator's own".
func adminEmail(email string) func(*authd.Config) {
	return func(c *authd.Config) { c.AdminEmail, c.AdminPassword = email, "operator's own" }
}

// adminCheck returns the check named admin of /readyz.
func (s *service) adminCheck() rest.CheckResult {
	s.T.Helper()
	var all rest.Readiness
	s.Call("GET /readyz", "", nil).Want(200, &all)
	i := slices.IndexFunc(all.Checks, func(r rest.CheckResult) bool { return r.Name == "admin" })
	if i < 0 {
		s.T.Fatalf("readyz = %+v, want a check named admin", all)
	}
	return all.Checks[i]
}

// wantOnlyOperator checks that the operator has the account as admin. Password and tokens of
// a stranger, who registered its address first, are not valid.
func (s *service) wantOnlyOperator(stranger grant, password string) {
	s.T.Helper()
	s.eventuallyRefused(stranger.Token)
	s.refresh(stranger.RefreshToken).WantProblem(401)
	s.login(stranger.User.Email, password).WantProblem(401)
	g := s.eventuallyLogin(stranger.User.Email, "operator's own")
	if g.User.Role != "admin" || g.User.ID != stranger.User.ID {
		s.T.Errorf("account of the operator: %+v, want the admin %s", g.User, stranger.User.ID)
	}
	var entries struct{ Items []audit.Entry }
	s.Call("GET /api/auth/audit?action=changed&account="+g.User.ID, g.Token, nil).Want(200, &entries)
	if e := entries.Items[0]; e.Action != audit.Changed || e.By != "" || e.Changes[len(e.Changes)-1] != (audit.FieldDiff{Field: "password"}) {
		s.T.Errorf("audit entry of the promotion: %+v", e)
	}
}

// TestAdminEmailOfStrangerIsPromoted: somebody has registered the address of ADMIN_EMAIL
// first. The account becomes that of the operator.
func TestAdminEmailOfStrangerIsPromoted(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		eve := s.register("root@x.example", "")
		s.stop()
		s = start(t, db, adminEmail("Root@x.example"))
		s.eventuallyLogin("root@x.example", "operator's own")
		s.wantOnlyOperator(eve, "correct horse")
		waittest.Until(t, "check admin succeeds", func() bool { return s.adminCheck().OK })
	})
}

// TestAdminEmailIsNotPromotedBesideAdmin: while another account is an admin, a restart does
// not undo that an admin has demoted or disabled the account of ADMIN_EMAIL.
func TestAdminEmailIsNotPromotedBesideAdmin(t *testing.T) {
	db := connect.Config{Dir: t.TempDir()}
	s := start(t, db)
	admin, ann := s.register("admin@x.example", "admin"), s.register("ann@x.example", "")
	s.Call("PATCH /api/auth/users/"+ann.User.ID, admin.Token, `{"disabled":true}`).Want(200, nil)
	s.stop()
	s = start(t, db, adminEmail("ann@x.example"))
	waittest.Until(t, "the service is ready", func() bool { return s.Do("GET /readyz", "").Status == 200 })
	s.stop() // the background functions have finished
	s = start(t, db)
	s.login("ann@x.example", "correct horse").WantProblem(403)
	s.login("ann@x.example", "operator's own").WantProblem(401)
}

// TestAdminIsRecovered: no admin is left, as when two admins demote or disable each other at
// the same moment. A restart with ADMIN_EMAIL makes one of them an admin again.
func TestAdminIsRecovered(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		root := s.register("root@x.example", "admin")
		s.stop()
		accounts := store.Open(openStore(t, db), account.Schema())
		if _, err := accounts.Update(t.Context(), root.User.ID, func(r *account.Record) (store.Change, error) {
			r.Role, r.Disabled = "user", true
			return store.Change{}, nil
		}); err != nil {
			t.Fatal(err)
		}
		s = start(t, db, adminEmail("root@x.example"))
		s.eventuallyLogin("root@x.example", "operator's own")
		s.wantOnlyOperator(root, "correct horse")
	})
}

// promote runs the command, with a password as its input.
func promote(t *testing.T, db connect.Config, email, input string) (output string, ok bool) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "promote", email)
	cmd.Env = append(os.Environ(), mainEnv+"=1", "PASSWORD_COST=10", "DATA_DIR="+db.Dir, "MONGODB_URI="+db.URI)
	cmd.Stdin = strings.NewReader(input)
	text, err := cmd.CombinedOutput()
	return string(text), err == nil
}

// TestPromote runs the command while the service runs: after a user has registered as the
// first account, and for an admin with a lost password.
func TestPromote(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		ann := s.register("ann@x.example", "")
		s.Call("POST /api/auth/register", "", `{"email":"root@x.example","password":"correct horse","role":"admin"}`).WantProblem(403, "/role enum")
		for _, c := range [][3]string{
			{"ann@x.example", "short\n", "password must have 8 to 1024 characters"}, {"ann@x.example", "", "password must have"},
			{"ann@x.example", "password1\n", "password must not be one of"}, {"ann", "operator's own\n", "email must be an email address"},
		} {
			if output, ok := promote(t, db, c[0], c[1]); ok || !strings.Contains(output, c[2]) {
				t.Errorf("promote %s with %q: %s\nwant %q", c[0], c[1], output, c[2])
			}
		}
		s.login("ann@x.example", "correct horse").Want(200, &ann)
		if output, ok := promote(t, db, "Ann@x.example", "operator's own\r\n"); !ok || strings.Contains(output, "operator's own") {
			t.Fatalf("promote: %s", output)
		}
		s.wantOnlyOperator(ann, "correct horse")
		if output, ok := promote(t, db, "new@x.example", "another's own"); !ok {
			t.Fatalf("promote an address without account: %s", output)
		}
		if g := s.eventuallyLogin("new@x.example", "another's own"); g.User.Role != "admin" {
			t.Errorf("new account: %+v", g.User)
		}
		if output, ok := promote(t, db, "new@x.example", "forgotten and replaced"); !ok {
			t.Fatalf("promote an admin: %s", output)
		}
		s.eventuallyLogin("new@x.example", "forgotten and replaced")
	})
}
