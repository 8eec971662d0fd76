package authd_test

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/session"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

const eraseOwn = "POST /api/auth/profile/deletion"

// TestErasedAccountLeavesOnlyItsID: an admin, or the person itself, erases an account. Nobody can
// use it any more, and the store has neither address nor credentials; the address is free.
func TestErasedAccountLeavesOnlyItsID(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		root := s.register("root@x.example", "admin")
		for name, erase := range map[string]func(g grant){
			"by an admin": func(g grant) { s.Call("DELETE /api/auth/users/"+g.User.ID, root.Token, nil).Want(204, nil) },
			"by itself":   func(g grant) { s.Call(eraseOwn, g.Token, `{"password":"correct horse"}`).Want(204, nil) },
		} {
			ann := s.register("ann@x.example", "")
			phone := s.loginWith("ann@x.example", "Phone/1")
			s.organisation(root, "org-"+name[3:5])
			s.Call("PATCH /api/auth/users/"+ann.User.ID, root.Token, `{"organisation":"org-`+name[3:5]+`"}`).Want(200, nil)
			ann = s.refreshed(ann.RefreshToken)
			erase(ann)
			s.eventuallyRefused(ann.Token)
			s.refresh(ann.RefreshToken).WantProblem(401)
			s.refresh(phone.RefreshToken).WantProblem(401)
			s.login("ann@x.example", "correct horse").WantProblem(401)
			path := "/api/auth/users/" + ann.User.ID
			s.Call("GET "+path, root.Token, nil).WantProblem(404)
			s.Call("PATCH "+path, root.Token, `{"role":"admin"}`).WantProblem(404)
			s.Call("PATCH "+path, root.Token, `{"organisation":"org-`+name[3:5]+`"}`).WantProblem(404)
			s.Call("DELETE "+path, root.Token, nil).WantProblem(404)
			s.Call("DELETE /api/auth/organisations/org-"+name[3:5], root.Token, nil).Want(204, nil)
			if text := s.Call("GET /api/auth/users", root.Token, nil).Text; strings.Contains(text, ann.User.ID) {
				t.Errorf("%s: the list of accounts has the erased one: %s", name, text)
			}
			if items, _ := s.audited(root, "&account="+ann.User.ID+"&action=accountDeleted"); len(items) != 1 || items[0].By == "" || items[0].Changes != nil {
				t.Errorf("%s: audit entries %+v, want one with the id of who erased the account", name, items)
			}
			wantForgotten(t, db, ann.User.ID)
			again := s.register("ann@x.example", "")
			if again.User.ID == ann.User.ID {
				t.Errorf("%s: a new account has the id of the erased one", name)
			}
			s.Call(eraseOwn, again.Token, `{"password":"correct horse"}`).Want(204, nil)
		}
	})
}

// wantForgotten checks the records of an erased account and of its sessions.
func wantForgotten(t *testing.T, db connect.Config, id string) {
	t.Helper()
	open := openStore(t, db)
	row, err := store.Open(open, account.Schema()).Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(row.Doc)
	if r := row.Doc; err != nil || !r.Deleted || r.PasswordHash != "" || strings.Contains(string(text), "@") || strings.Contains(string(text), "org-") {
		t.Errorf("stored account = %s, %v, want no personal data", text, err)
	}
	page, err := store.Open(open, session.Schema()).List(t.Context(), store.Query{Scopes: []string{store.All}, Limit: store.MaxLimit})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range page.Rows {
		if s.Doc.Account == id && (!s.Doc.Ended || s.Doc.Client != (session.Client{})) {
			t.Errorf("stored session = %+v, want one that has ended, without a client", s.Doc)
		}
	}
}

// TestErasureRemovesAddressFromInvitations: managers do not see the address of a person who accepted
// an invitation and erased the account. Invitations of others keep theirs.
func TestErasureRemovesAddressFromInvitations(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		c, m := companyWithMail(t, db)
		for _, email := range []string{"new1@x.example", "new2@x.example"} {
			c.invite(c.people["mia"], `{"email":"`+email+`","role":"operator"}`)
			_, token := m.link(email, 1)
			c.accept(token, grant{}, "drop anchor").Want(200, nil)
		}
		var ole grant
		c.login("new1@x.example", "drop anchor").Want(200, &ole)
		c.Call(eraseOwn, ole.Token, `{"password":"drop anchor"}`).Want(204, nil)
		emails := map[string]string{}
		for _, i := range c.listedInvitations(c.people["mia"]) {
			emails[i.Account] = i.Email
		}
		if len(emails) != 2 || emails[ole.User.ID] != "" {
			t.Errorf("addresses by account %v, want none of %s", emails, ole.User.ID)
		}
		delete(emails, ole.User.ID)
		for account, email := range emails {
			if email != "new2@x.example" {
				t.Errorf("the invitation of %s has the address %q", account, email)
			}
		}
	})
}

func TestErasureOfOwnAccountRequiresPassword(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	root, ann := s.register("root@x.example", "admin"), s.register("ann@x.example", "")
	s.Call(eraseOwn, ann.Token, `{"password":"incorrect horse"}`).WantProblem(422, "/password mismatch")
	s.Call(eraseOwn, ann.Token, `{}`).WantProblem(422, "/password required")
	s.Call("DELETE /api/auth/users/"+ann.User.ID, ann.Token, nil).WantProblem(403)
	s.Call("GET /api/auth/profile", ann.Token, nil).Want(200, nil)
	if got := s.counts(root, "&action=loginFailed", map[string]string{ann.User.ID: "ann"}); !slices.Equal(got, []string{"ann loginFailed 1"}) {
		t.Errorf("the audit counts %q, want one failure of ann", got)
	}
}

// TestLastAdminRemains: the last admin cannot be erased, and of two admins who erase their
// accounts at the same time, at least one remains.
func TestLastAdminRemains(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		var c clock
		s := start(t, db, c.set)
		root := s.register("root@x.example", "admin")
		s.Call(eraseOwn, root.Token, `{"password":"correct horse"}`).WantProblem(409)
		s.Call("DELETE /api/auth/users/"+root.User.ID, root.Token, nil).WantProblem(409)
		ann := s.register("ann@x.example", "")
		s.Call("PATCH /api/auth/users/"+ann.User.ID, root.Token, `{"role":"admin"}`).Want(200, nil)
		ann = s.refreshed(ann.RefreshToken)

		var erased sync.Map
		var wg sync.WaitGroup
		for _, admin := range []grant{root, ann} {
			wg.Go(func() {
				if a := s.Call(eraseOwn, admin.Token, `{"password":"correct horse"}`); a.Status == 204 {
					erased.Store(admin.User.ID, true)
				} else if a.Status != 409 {
					t.Errorf("erasure = %d %s, want 204 or 409", a.Status, a.Text)
				}
			})
		}
		wg.Wait()
		remaining := 0
		for _, admin := range []grant{root, ann} {
			if _, gone := erased.Load(admin.User.ID); !gone {
				remaining++
				s.Call("GET /api/auth/admin", admin.Token, nil).Want(200, nil)
			}
		}
		if remaining == 0 {
			t.Error("no admin remains")
		}
	})
}

// TestAccountOfAdminEmailIsNotErased: a restart would create it again, as an admin. It can be
// erased when ADMIN_EMAIL has another value.
func TestAccountOfAdminEmailIsNotErased(t *testing.T) {
	db := connect.Config{Dir: t.TempDir()}
	s := start(t, db, adminEmail(" Root@x.example "))
	root := s.eventuallyLogin("root@x.example", "operator's own")
	ann := s.register("ann@x.example", "")
	s.Call("PATCH /api/auth/users/"+ann.User.ID, root.Token, `{"role":"admin"}`).Want(200, nil)
	ann = s.refreshed(ann.RefreshToken)
	for _, role := range []string{"admin", "user"} {
		s.Call("PATCH /api/auth/users/"+root.User.ID, ann.Token, `{"role":"`+role+`"}`).Want(200, nil)
		s.login("root@x.example", "operator's own").Want(200, &root)
		refused := s.Call(eraseOwn, root.Token, `{"password":"operator's own"}`)
		if refused.WantProblem(409); !strings.Contains(refused.Text, "remove ADMIN_EMAIL first") {
			t.Errorf("role %s: %s", role, refused.Text)
		}
		s.Call("DELETE /api/auth/users/"+root.User.ID, ann.Token, nil).WantProblem(409)
	}
	s.stop()
	s = start(t, db, adminEmail("ann@x.example"))
	s.Call("DELETE /api/auth/users/"+root.User.ID, ann.Token, nil).Want(204, nil)
}

// TestExportHasWhatIsStored: the export has the account, its sessions and the audit about it, but
// no addresses of failed logins and of changes by others: they may be those of other people.
func TestExportHasWhatIsStored(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	root, ann := s.register("root@x.example", "admin"), s.register("ann@x.example", "")
	s.register("ben@x.example", "")
	s.Call("PATCH /api/auth/users/"+ann.User.ID, root.Token, `{"role":"operator"}`).Want(200, nil)
	s.login("ann@x.example", "incorrect horse").WantProblem(401)
	ann = s.refreshed(ann.RefreshToken)
	var got struct {
		Account  account.Account
		Sessions []ownSession
		Audit    []struct {
			Account, Action, By, From, RequestID string
			Addresses                            []string
		}
	}
	a := s.Call("GET /api/auth/profile/export", ann.Token, nil)
	a.Want(200, &got)
	if want := `attachment; filename="account-` + ann.User.ID + `.json"`; a.Header.Get("Content-Disposition") != want {
		t.Errorf("Content-Disposition %q, want %q", a.Header.Get("Content-Disposition"), want)
	}
	if got.Account.Email != "ann@x.example" || len(got.Sessions) != 1 || !got.Sessions[0].Current || strings.Contains(a.Text, "$2a$") {
		t.Errorf("export %s", a.Text)
	}
	var actions []string
	for _, e := range got.Audit {
		actions = append(actions, e.Action)
		if isOwn := e.Action == "registered"; e.Account != ann.User.ID || (e.From != "") != isOwn || !isOwn && (e.RequestID != "" || e.Addresses != nil) {
			t.Errorf("entry %+v, want one about ann, and no address of another person", e)
		}
	}
	slices.Sort(actions)
	if want := []string{"changed", "loginFailed", "registered"}; !slices.Equal(actions, want) {
		t.Errorf("exported actions %q, want %q", actions, want)
	}
	s.Call("GET /api/auth/profile/export?cursor=x", ann.Token, nil).WantProblem(400, "query:cursor format")
}

// TestLastManagerCannotEraseOwnAccount: a manager erases the own account only if another active
// manager remains, also if both try at the same time. An admin erases the last manager.
func TestLastManagerCannotEraseOwnAccount(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		c := newCompany(start(t, db))
		erase := func(name string) resttest.Response {
			return c.Call(eraseOwn, c.people[name].Token, `{"password":"correct horse"}`)
		}
		if r := erase("mia"); !strings.Contains(r.Text, "last active manager of the organisation") {
			t.Errorf("erasure of the last manager = %s", r.Text)
		} else {
			r.WantProblem(409)
		}
		c.Call("GET /api/auth/users", c.people["mia"].Token, nil).Want(200, nil)
		c.Call(c.route("PATCH", "ole"), c.people["mia"].Token, `{"manager":true}`).Want(200, nil)
		c.people["ole"] = c.refreshed(c.people["ole"].RefreshToken)

		var erased atomic.Int64
		var both sync.WaitGroup
		for _, name := range []string{"mia", "ole"} {
			both.Go(func() {
				switch r := erase(name); r.Status {
				case 204:
					erased.Add(1)
				case 409:
				default:
					t.Errorf("%s = %d: %s", name, r.Status, r.Text)
				}
			})
		}
		both.Wait()
		if erased.Load() > 1 {
			t.Error("both managers are erased")
		}
		for _, name := range []string{"mia", "ole"} {
			if status := c.Call(c.route("DELETE", name), c.admin.Token, nil).Status; status != 204 && status != 404 {
				t.Errorf("an admin erases %s = %d", name, status)
			}
		}
	})
}
