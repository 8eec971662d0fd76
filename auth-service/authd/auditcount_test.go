package authd_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// audited returns the first page of the audit.
func (s *service) audited(admin grant, query string) (items []audit.Entry, text string) {
	s.T.Helper()
	var page struct{ Items []audit.Entry }
	a := s.Call("GET /api/auth/audit?limit=200"+query, admin.Token, nil)
	a.Want(200, &page)
	return page.Items, a.Text
}

// counts returns the counted entries of the audit as text, sorted.
func (s *service) counts(admin grant, query string, names map[string]string) (all []string) {
	s.T.Helper()
	items, _ := s.audited(admin, query)
	for _, e := range items {
		if e.Count == 0 {
			continue
		}
		if e.RequestID == "" || e.LastAt.Before(e.At) || len(e.Addresses) == 0 || e.From != e.Addresses[len(e.Addresses)-1] {
			s.T.Errorf("entry %+v, want request id, times and addresses", e)
		}
		all = append(all, fmt.Sprintf("%s %s %d", names[e.Account], e.Action, e.Count))
	}
	slices.Sort(all)
	return all
}

// TestAuditCountsLogins: the audit has one entry for each account, outcome and hour, so
// that an attacker cannot fill the store, and it contains no text that an attacker chose.
func TestAuditCountsLogins(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		var c clock
		c.advance(time.Until(time.Now().Truncate(time.Hour).Add(time.Hour))) // to the beginning of an hour
		s := start(t, db, c.set)
		root, ann := s.register("root@x.example", "admin"), s.register("ann@x.example", "")
		names := map[string]string{root.User.ID: "root", ann.User.ID: "ann"}
		var in grant
		for range 3 {
			s.login("ann@x.example", "correct horse").Want(200, &in)
			s.login("ann@x.example", "wrong horse").WantProblem(401)
		}
		for i := range 40 {
			s.login(fmt.Sprintf("chosen-%d@x.example", i), "wrong horse").WantProblem(401)
		}
		s.logout(`{"refreshToken":"`+in.RefreshToken+`"}`).Want(204, nil)
		s.logout(`{"refreshToken":"`+in.RefreshToken+`"}`).Want(204, nil) // ended already
		s.Call("PATCH /api/auth/users/"+ann.User.ID, root.Token, `{"disabled":true}`).Want(200, nil)
		s.login("ann@x.example", "correct horse").WantProblem(403)

		want := []string{" loginFailed 40", "ann loggedIn 3", "ann loggedOut 1", "ann loginFailed 4"}
		if diff := cmp.Diff(want, s.counts(root, "", names)); diff != "" {
			t.Errorf("counts (-want +got)\n%s", diff)
		}
		if diff := cmp.Diff(want[1:], s.counts(root, "&account="+ann.User.ID, names)); diff != "" {
			t.Errorf("counts of ann (-want +got)\n%s", diff)
		}
		if diff := cmp.Diff([]string{want[0], want[3]}, s.counts(root, "&action=loginFailed", names)); diff != "" {
			t.Errorf("failed logins (-want +got)\n%s", diff)
		}
		if _, text := s.audited(root, ""); strings.Contains(text, "chosen-") {
			t.Errorf("the audit contains an address that a client chose: %s", text)
		}
		for _, part := range []string{"security_event=loginFailed account=" + ann.User.ID, "security_event=loginFailed"} {
			if !strings.Contains(s.log.String(), part) {
				t.Errorf("the log does not contain %s", part)
			}
		}
		// A stopped service has stored all counts. The next hour has entries of its own.
		s.login("root@x.example", "wrong horse").WantProblem(401)
		s.stop()
		c.advance(time.Hour)
		s = start(t, db, c.set)
		s.login("root@x.example", "correct horse").Want(200, &root)
		s.login("root@x.example", "wrong horse").WantProblem(401)
		want = []string{"root loggedIn 1", "root loginFailed 1", "root loginFailed 1"}
		if diff := cmp.Diff(want, s.counts(root, "&account="+root.User.ID, names)); diff != "" {
			t.Errorf("counts of root (-want +got)\n%s", diff)
		}
	})
}

// TestAuditRecordsOrganisationsAndKeys: the audit has the changes of organisations and the
// rotations of the signing key, with the caller, and can be filtered.
func TestAuditRecordsOrganisationsAndKeys(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		var c clock
		s := start(t, db, c.set)
		root := s.register("root@x.example", "admin")
		names := map[string]string{root.User.ID: "root"}
		one := organisations + "/" + s.organisation(root, "nordlicht")
		s.organisation(root, "other")
		s.Call("PATCH "+one, root.Token, `{"name":"Nord","address":{"country":"DE"},"formerIds":["Nordlicht GmbH","NL"]}`).Want(200, nil)
		s.Call("PATCH "+one, root.Token, `{"name":"Nord"}`).Want(200, nil) // changes nothing
		s.Call("PATCH "+one, root.Token, `{"name":""}`).WantProblem(422, "/name format")
		changedAt := c.now()
		c.advance(time.Minute)
		var key struct{ Kid string }
		s.Call("POST /api/auth/keys", root.Token, nil).Want(201, &key)
		s.Call("POST /api/auth/keys", root.Token, nil).Want(201, nil) // a key is waiting
		s.Call("DELETE "+one, root.Token, nil).Want(204, nil)

		want := []string{
			` 3 organisationDeleted by root from 127.0.0.1`,
			` 2 organisationChanged by root from 127.0.0.1 name:"Name of nordlicht"→"Nord" address/country:""→"DE" formerIds:""→"Nordlicht GmbH, NL"`,
			` 1 organisationCreated by root from 127.0.0.1 name:""→"Name of nordlicht"`,
		}
		if diff := cmp.Diff(want, s.entries(root, "&organisation=nordlicht", names)); diff != "" {
			t.Errorf("audit of an organisation (-want +got)\n%s", diff)
		}
		items, _ := s.audited(root, "&action=signingKeyRotated")
		if len(items) != 1 || items[0].Key != key.Kid || items[0].By != root.User.ID || items[0].RequestID == "" {
			t.Errorf("rotations = %+v, want one of key %s by root", items, key.Kid)
		}
		since := "&from=" + changedAt.Add(time.Second).UTC().Format(time.RFC3339)
		if got := s.entries(root, since+"&organisation=nordlicht", names); len(got) != 1 || got[0] != want[0] {
			t.Errorf("entries since the change = %v, want %v", got, want[:1])
		}
		if got := s.entries(root, strings.Replace(since, "from", "until", 1)+"&organisation=nordlicht", names); !slices.Equal(got, want[1:]) {
			t.Errorf("entries until the change = %v, want %v", got, want[1:])
		}
		s.Call("GET /api/auth/audit?from=yesterday", root.Token, nil).WantProblem(422, "query:from format")
		s.Call("GET /api/auth/audit?action=login", root.Token, nil).WantProblem(422, "query:action enum")

		// A rotation by age has an entry without a caller.
		s.stop()
		c.advance(25 * time.Hour)
		s = start(t, db, c.set, func(cfg *authd.Config) { cfg.KeyRotation = authd.Lifetime(24 * time.Hour) })
		s.login("root@x.example", "correct horse").Want(200, &root)
		waittest.Until(t, "the signing key is rotated by age", func() bool {
			items, _ = s.audited(root, "&action=signingKeyRotated")
			return len(items) == 2
		})
		if items[0].By != "" || items[0].Key == key.Kid {
			t.Errorf("rotation by age = %+v, want another key and no caller", items[0])
		}
	})
}

// TestOrganisationAuditIsNotLostInCrash removes an entry that is stored with its
// organisation, as if the service was killed before it appended it to the audit.
func TestOrganisationAuditIsNotLostInCrash(t *testing.T) {
	cfg := connect.Config{Dir: t.TempDir()}
	s := start(t, cfg)
	root := s.register("root@x.example", "admin")
	s.organisation(root, "nordlicht")
	if err := store.Open(openStore(t, cfg), audit.Schema()).Delete(t.Context(), "organisation/nordlicht/1", 1); err != nil {
		t.Fatal(err)
	}
	if items, _ := s.audited(root, "&organisation=nordlicht"); len(items) != 1 || items[0].Action != audit.OrganisationCreated {
		t.Errorf("audit = %+v, want the creation", items)
	}
}
