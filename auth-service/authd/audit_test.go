package authd_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// entries returns the changes in the audit that an admin reads, newest first, as text.
func (s *service) entries(admin grant, query string, names map[string]string) (all []string) {
	s.T.Helper()
	for cursor := ""; ; {
		var page struct {
			Items      []audit.Entry
			NextCursor string
		}
		s.Call("GET /api/auth/audit?limit=3"+query+cursor, admin.Token, nil).Want(200, &page)
		for _, e := range page.Items {
			if e.Count > 0 { // see counts
				continue
			}
			if e.RequestID == "" && e.By != "" || e.At.IsZero() {
				s.T.Errorf("entry %+v, want a time and a request id", e)
			}
			text := fmt.Sprint(names[e.Account], " ", e.Number, " ", e.Action, " by ", names[e.By], " from ", e.From)
			for _, c := range e.Changes {
				text += fmt.Sprintf(" %s:%q→%q", c.Field, c.Old, c.New)
			}
			all = append(all, text)
		}
		if page.NextCursor == "" {
			return all
		}
		cursor = "&cursor=" + page.NextCursor
	}
}

func TestAuditRecordsChanges(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		root, ann := s.register("root@x.example", "admin"), s.register("ann@x.example", "")
		path := "PATCH /api/auth/users/" + ann.User.ID
		s.organisation(root, "nordlicht")
		const chosen = "0193f6b4-7b1a-7c3e-9c1a-3a9b8f2e4d10"
		a := s.Call(path, root.Token, `{"role":"operator","organisation":"nordlicht"}`, "X-Request-Id", chosen)
		a.Want(200, nil)
		s.Call(path, root.Token, `{"role":"operator"}`).Want(200, nil) // changes nothing
		s.Call(path, root.Token, `{"role":"root"}`).Want(422, nil)
		ann = s.refreshed(ann.RefreshToken)
		s.Call("PUT /api/auth/password", ann.Token, `{"currentPassword":"wrong horse","newPassword":"battery staple"}`).Want(422, nil)
		s.Call("PUT /api/auth/password", ann.Token, `{"currentPassword":"correct horse","newPassword":"battery staple"}`).Want(204, nil)
		ann = s.refreshed(ann.RefreshToken)
		s.logout(`{"refreshToken":"`+ann.RefreshToken+`","everywhere":true}`).Want(204, nil)
		s.Call(path, root.Token, `{"disabled":true}`).Want(200, nil)

		names := map[string]string{root.User.ID: "root", ann.User.ID: "ann"}
		want := []string{
			`ann 5 changed by root from 127.0.0.1 disabled:"false"→"true"`,
			`ann 4 sessionsEnded by ann from 127.0.0.1`,
			`ann 3 passwordChanged by ann from 127.0.0.1`,
			`ann 2 changed by root from 127.0.0.1 role:"user"→"operator" organisation:""→"nordlicht"`,
			`ann 1 registered by ann from 127.0.0.1 role:""→"user"`,
			`root 1 registered by root from 127.0.0.1 role:""→"admin"`,
		}
		withOrganisation := slices.Insert(slices.Clone(want), 4, ` 1 organisationCreated by root from 127.0.0.1 name:""→"Name of nordlicht"`)
		if diff := cmp.Diff(withOrganisation, s.entries(root, "", names)); diff != "" {
			t.Errorf("audit (-want +got)\n%s", diff)
		}
		if diff := cmp.Diff(want[:5], s.entries(root, "&account="+ann.User.ID, names)); diff != "" {
			t.Errorf("audit of an account (-want +got)\n%s", diff)
		}
		if diff := cmp.Diff([]string{want[0], want[3], withOrganisation[4], want[5]}, s.entries(root, "&by="+root.User.ID, names)); diff != "" {
			t.Errorf("changes by an admin (-want +got)\n%s", diff)
		}
		if text := s.Call("GET /api/auth/audit", root.Token, nil).Text; !strings.Contains(text, `"requestId":"`+a.Header.Get("X-Request-Id")+`"`) || strings.Contains(text, chosen) {
			t.Errorf("no entry has the id of its request, or one has the id that the client sent: %s", text)
		}
		bob := s.register("bob@x.example", "")
		s.Call("GET /api/auth/audit", bob.Token, nil).WantProblem(403)
		s.Call("GET /api/auth/audit", "", nil).WantProblem(401, "header:Authorization missing")
	})
}

// TestAuditNamesClientBehindTrustedProxy: an entry has the address of the client if the
// proxy is trusted, and the address of the proxy otherwise.
func TestAuditNamesClientBehindTrustedProxy(t *testing.T) {
	for name, c := range map[string]struct {
		trusted rest.Networks
		from    string
	}{
		"trusted proxy":   {rest.Networks{netip.MustParsePrefix("127.0.0.0/8")}, "203.0.113.7"},
		"untrusted proxy": {nil, "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, connect.Config{Dir: t.TempDir()}, func(cfg *authd.Config) { cfg.HTTP.TrustedProxies = c.trusted })
			root := s.register("root@x.example", "admin")
			// The first address is forged by the client; the proxy appends the second.
			s.Call("PUT /api/auth/password", root.Token, `{"currentPassword":"correct horse","newPassword":"battery staple"}`,
				"X-Forwarded-For", "198.51.100.1, 203.0.113.7").Want(204, nil)
			s.login("root@x.example", "battery staple").Want(200, &root)
			want := []string{"root 2 passwordChanged by root from " + c.from, `root 1 registered by root from 127.0.0.1 role:""→"admin"`}
			if diff := cmp.Diff(want, s.entries(root, "", map[string]string{root.User.ID: "root"})); diff != "" {
				t.Errorf("audit (-want +got)\n%s", diff)
			}
		})
	}
}

func TestAuditOfAdminFromEnvironment(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()}, func(c *authd.Config) { c.AdminEmail, c.AdminPassword = "root@x.example", "correct horse" })
	root := s.eventuallyLogin("root@x.example", "correct horse")
	want := []string{`root 1 registered by  from  role:""→"admin"`}
	if diff := cmp.Diff(want, s.entries(root, "&account="+root.User.ID, map[string]string{root.User.ID: "root"})); diff != "" {
		t.Errorf("audit (-want +got)\n%s", diff)
	}
}

// TestAuditEntryIsNotLostInCrash deletes an entry that is stored with its account, as
// if the service was killed before it appended it to the audit. A list of the entries
// of the account has it, also after the next change.
func TestAuditEntryIsNotLostInCrash(t *testing.T) {
	for name, act := range map[string]func(s *service, root, ann grant){
		"listed": func(*service, grant, grant) {},
		"changed next": func(s *service, root, ann grant) {
			s.Call("PATCH /api/auth/users/"+ann.User.ID, root.Token, `{"disabled":true}`).Want(200, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := connect.Config{Dir: t.TempDir()}
			s := start(t, cfg)
			root, ann := s.register("root@x.example", "admin"), s.register("ann@x.example", "")
			s.stop()
			db, err := connect.Open(t.Context(), cfg, authd.Name)
			if err != nil {
				t.Fatal(err)
			}
			if err := store.Open(db, audit.Schema()).Delete(t.Context(), ann.User.ID+"/1", 1); err != nil {
				t.Fatal(err)
			}
			db.Close(context.Background())
			s = start(t, cfg)
			act(s, root, ann)
			all := s.entries(root, "&account="+ann.User.ID, map[string]string{root.User.ID: "root", ann.User.ID: "ann"})
			if got := all[len(all)-1]; got != `ann 1 registered by ann from 127.0.0.1 role:""→"user"` {
				t.Errorf("first entry = %s", got)
			}
		})
	}
}
