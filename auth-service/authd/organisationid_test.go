package authd_test

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/organisation"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// TestStoredCountryIsNotChecked: an organisation with a country code that an earlier
// release accepted can be changed, but cannot get another such code.
func TestStoredCountryIsNotChecked(t *testing.T) {
	cfg := connect.Config{Dir: t.TempDir()}
	s := start(t, cfg)
	admin := s.register("root@x.example", "admin")
	one := "PATCH " + organisations + "/" + s.organisation(admin, "one")
	_, err := store.Open(openStore(t, cfg), organisation.Schema()).Update(t.Context(), "one", func(o *organisation.Record) (store.Change, error) {
		o.Address.Country = "AN"
		return store.Change{}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var got organisation.Organisation
	s.Call(one, admin.Token, `{"name":"New name","address":{"city":"Pristina"}}`).Want(200, &got)
	if got.Name != "New name" || got.Address.Country != "AN" {
		t.Errorf("got %+v, want the new name and country AN", got)
	}
	s.Call(one, admin.Token, `{"address":{"country":"UK"}}`).WantProblem(422, "/address/country format")
	s.Call(one, admin.Token, `{"address":{"country":"DE"}}`).Want(200, nil)
	s.Call(one, admin.Token, `{"address":{"country":"AN"}}`).WantProblem(422, "/address/country format")
}

// TestIDBelongsToOneOrganisation: of concurrent requests for an id, as an id or as a
// former id, one succeeds.
func TestIDBelongsToOneOrganisation(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, cfg connect.Config) {
		s := start(t, cfg)
		admin := s.register("root@x.example", "admin")
		a, b := organisations+"/"+s.organisation(admin, "aa"), organisations+"/"+s.organisation(admin, "bb")
		for i := range 25 {
			id := fmt.Sprintf("race-%d", i)
			bodies := map[string]string{
				"POST " + organisations: `{"id":"` + id + `","name":"N"}`,
				"PATCH " + a:            `{"formerIds":["` + id + `"]}`,
				"PATCH " + b:            `{"formerIds":["` + id + `"]}`,
			}
			var got atomic.Int32
			var wg sync.WaitGroup
			for route, body := range bodies {
				wg.Go(func() {
					if status := s.Call(route, admin.Token, body).Status; status < 300 {
						got.Add(1)
					} else if status != 409 {
						t.Errorf("round %d: %s = %d", i, route, status)
					}
				})
			}
			if wg.Wait(); got.Load() != 1 {
				t.Errorf("round %d: %d organisations got the id, want 1", i, got.Load())
			}
		}
	})
}

// storeOrganisation stores an account as an earlier release did, with a free text as its
// organisation.
func storeOrganisation(t *testing.T, cfg connect.Config, id, text string) {
	t.Helper()
	_, err := store.Open(openStore(t, cfg), account.Schema()).Update(t.Context(), id, func(r *account.Record) (store.Change, error) {
		r.Organisation = text
		return store.Change{}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestFreeTextOrganisationCanBeMapped: an account with a free-text organisation stays
// unchanged until an admin maps the text as a former id. Then access tokens carry the id
// and the former ids, and no other organisation can map the same text.
func TestFreeTextOrganisationCanBeMapped(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, cfg connect.Config) {
		var c clock
		s := start(t, cfg, c.set)
		admin, ann := s.register("root@x.example", "admin"), s.register("ann@x.example", "")
		storeOrganisation(t, cfg, ann.User.ID, "Nordlicht & Söhne")
		refreshed := func(organisation string, former ...string) {
			t.Helper()
			ann = s.refreshed(ann.RefreshToken)
			p := s.principal(ann)
			if diff := cmp.Diff([]any{organisation, former, organisation}, []any{p.Organisation, p.FormerOrganisations, ann.User.Organisation}); diff != "" {
				t.Errorf("organisation in the access token (-want +got)\n%s", diff)
			}
		}
		refreshed("Nordlicht & Söhne")
		s.Call("PATCH /api/auth/users/"+ann.User.ID, admin.Token, `{"role":"operator"}`).Want(200, nil)
		refreshed("Nordlicht & Söhne")

		path := organisations + "/" + s.organisation(admin, "nordlicht")
		s.Call("PATCH "+path, admin.Token, `{"formerIds":["NL","Nordlicht & Söhne"]}`).Want(200, nil)
		refreshed("nordlicht", "NL", "Nordlicht & Söhne")
		bob := s.register("bob@x.example", "").User.ID
		s.assign(admin, bob, "nordlicht")
		for query, want := range map[string][]string{
			"nordlicht": {bob, ann.User.ID}, "nordlicht&limit=1": {bob, ann.User.ID}, "nordlicht&role=operator": {ann.User.ID}, "NL": nil, "Nordlicht+%26+Söhne": {ann.User.ID},
		} {
			if diff := cmp.Diff(want, s.listAccounts(admin, "?organisation="+query)); diff != "" {
				t.Errorf("accounts of %s (-want +got)\n%s", query, diff)
			}
		}
		s.assign(admin, bob, "")
		other := organisations + "/" + s.organisation(admin, "other")
		s.Call("PATCH "+other, admin.Token, `{"formerIds":["Nordlicht & Söhne"]}`).WantProblem(409, "/formerIds/0 duplicate")
		s.Call("DELETE "+path, admin.Token, nil).WantProblem(409) // ann is stored under its former id

		// The removal of a former id revokes the tokens that contain it. It can then be mapped to
		// another organisation.
		before := ann
		if s.Call("PATCH "+path, admin.Token, `{"name":"Nordlicht SE"}`).Want(200, nil); s.principal(before).Organisation != "nordlicht" {
			t.Error("another change revokes the token")
		}
		s.Call("PATCH "+path, admin.Token, `{"formerIds":["NL"]}`).Want(200, nil)
		v, err := token.NewVerifier(t.Context(), token.Config{URL: s.URL}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if p, err := v.Verify(t.Context(), "Bearer "+before.Token); err == nil {
			t.Errorf("a token with the removed id is accepted: %+v", p)
		}
		refreshed("Nordlicht & Söhne")
		c.advance(3 * time.Second) // tokens with an id that was removed a second ago are refused
		s.Call("PATCH "+other, admin.Token, `{"formerIds":["Nordlicht & Söhne"]}`).Want(200, nil)
		refreshed("other", "Nordlicht & Söhne")
		s.Call("PATCH "+other, admin.Token, `{"formerIds":[]}`).Want(200, nil)
		c.advance(3 * time.Second)
		s.Call("PATCH "+path, admin.Token, `{"formerIds":["NL","Nordlicht & Söhne"]}`).Want(200, nil)

		if status := s.assign(admin, ann.User.ID, "nordlicht"); status != 200 {
			t.Fatalf("assignment = %d", status)
		}
		refreshed("nordlicht", "NL", "Nordlicht & Söhne")
		if status := s.assign(admin, ann.User.ID, ""); status != 200 {
			t.Fatalf("removal = %d", status)
		}
		refreshed("")

		// Former ids of a deleted organisation can be mapped to another one.
		s.Call("DELETE "+path, admin.Token, nil).Want(204, nil)
		s.Call("PATCH "+other, admin.Token, `{"formerIds":["NL"]}`).Want(200, nil)
	})
}

// TestClaimWithoutChangeGivesNoAccess stores a claim without the change of its
// organisation, as if the service was killed in between: the claim has no effect, and
// the change can be repeated.
func TestClaimWithoutChangeGivesNoAccess(t *testing.T) {
	cfg := connect.Config{Dir: t.TempDir()}
	s := start(t, cfg)
	admin, ann := s.register("root@x.example", "admin"), s.register("ann@x.example", "")
	path := organisations + "/" + s.organisation(admin, "nordlicht")
	db := openStore(t, cfg)
	_, err := store.Open(db, account.Schema()).Update(t.Context(), ann.User.ID, func(r *account.Record) (store.Change, error) {
		r.Organisation = "NL"
		return store.Change{}, nil
	})
	if err == nil {
		_, err = store.Open(db, organisation.IDClaimSchema()).Insert(t.Context(), "NL", organisation.IDClaim{Organisation: "nordlicht"})
	}
	if err != nil {
		t.Fatal(err)
	}
	ann = s.refreshed(ann.RefreshToken)
	if p := s.principal(ann); p.Organisation != "NL" || p.FormerOrganisations != nil {
		t.Errorf("principal before the change is repeated = %+v, want organisation NL", p)
	}
	s.Call("PATCH "+path, admin.Token, `{"formerIds":["NL"]}`).Want(200, nil)
	ann = s.refreshed(ann.RefreshToken)
	if p := s.principal(ann); p.Organisation != "nordlicht" {
		t.Errorf("principal after the change is repeated = %+v, want organisation nordlicht", p)
	}
}

// TestConcurrentAssignmentAndDeletion: an account never belongs to an organisation that
// does not exist.
func TestConcurrentAssignmentAndDeletion(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, cfg connect.Config) {
		s := start(t, cfg)
		admin, ann := s.register("root@x.example", "admin"), s.register("ann@x.example", "")
		for i := range 25 {
			id := s.organisation(admin, fmt.Sprintf("race-%d", i))
			var assigned, deleted int
			var wg sync.WaitGroup
			wg.Go(func() { assigned = s.assign(admin, ann.User.ID, id) })
			wg.Go(func() { deleted = s.Call("DELETE "+organisations+"/"+id, admin.Token, nil).Status })
			wg.Wait()
			exists := s.Call("GET "+organisations+"/"+id, admin.Token, nil).Status == 200
			var profile account.Account
			s.login("ann@x.example", "correct horse").Want(200, &ann)
			s.Call("GET /api/auth/profile", ann.Token, nil).Want(200, &profile)
			belongs := profile.Organisation == id
			if belongs && !exists || belongs != (assigned == 200) || exists == (deleted == 204) {
				t.Errorf("round %d: assignment = %d, deletion = %d; account belongs to it: %v, organisation exists: %v", i, assigned, deleted, belongs, exists)
			}
		}
	})
}
