package passport

import (
	"slices"
	"strings"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
)

// TestEveryStateAllowsOnlyItsActions checks every action in every state.
func TestEveryStateAllowsOnlyItsActions(t *testing.T) {
	want := map[State]map[Action]State{
		Draft:  {Replace: Draft, Patch: Draft, Publish: Active, Delete: removed},
		Active: {Replace: Active, Patch: Active, Publish: Active, Archive: Archived, Void: Voided}, Inactive: {Void: Voided},
		Archived: {Archive: Archived, Void: Voided}, Ceased: {Void: Voided}, Voided: {Void: Voided},
	}
	for state, allowed := range want {
		for _, action := range []Action{Create, Replace, Patch, Publish, Archive, Void, Delete} {
			next, err := state.transition(action)
			wantNext, ok := allowed[action]
			if ok != (err == nil) || ok && next != wantNext || !ok && (!fault.Is(err, fault.Conflict) || strings.HasSuffix(err.Error(), ": ")) {
				t.Errorf("%s in state %s: got %q, %v, want %q, allowed %v", action, state, next, err, wantNext, ok)
			}
		}
	}
	if len(lifeCycle) != len(want) {
		t.Errorf("got rules for %d states, want %d", len(lifeCycle), len(want))
	}
}

// TestOwnerIncludesMembersOfItsOrganisation checks ownership by an organisation, by a
// former id of the organisation, and by an account without an organisation.
func TestOwnerIncludesMembersOfItsOrganisation(t *testing.T) {
	member := auth.Principal{UserID: "ann", Organisation: "a", FormerOrganisations: []string{"A GmbH"}}
	single := auth.Principal{UserID: "ann"}
	for _, c := range []struct {
		owner          Owner
		member, single bool
	}{
		{Owner{"a", "bob"}, true, false}, {Owner{"A GmbH", "bob"}, true, false}, {Owner{"b", "ann"}, false, false},
		{Owner{"", "ann"}, false, true}, {Owner{"", "bob"}, false, false}, {Owner{}, false, false},
	} {
		if c.owner.includes(member) != c.member || c.owner.includes(single) != c.single || c.owner.includes(auth.Principal{}) {
			t.Errorf("owner %+v includes member: %v, account without organisation: %v, anonymous caller: %v",
				c.owner, c.owner.includes(member), c.owner.includes(single), c.owner.includes(auth.Principal{}))
		}
	}
}

// TestStateDecidesWhoReadsAPassport checks every kind of reader in every state.
func TestStateDecidesWhoReadsAPassport(t *testing.T) {
	readers := map[string]auth.Principal{
		"admin": {UserID: "x", Role: auth.Admin}, "owner": {UserID: "y", Role: auth.Operator, Organisation: "A"}, "colleague": {UserID: "z", Role: auth.User, Organisation: "A"},
		"authority": {UserID: "b", Role: auth.Authority, Organisation: "B"}, "recycler": {UserID: "r", Role: auth.LegitimateInterest},
		"other": {UserID: "o", Role: auth.Operator, Organisation: "O"}, "anonymous": {},
	}
	for state, want := range map[State]string{
		Draft: "admin colleague owner", Active: "admin anonymous authority colleague other owner recycler", Inactive: "admin anonymous authority colleague other owner recycler",
		Archived: "admin authority colleague owner", Ceased: "admin authority colleague owner", Voided: "admin authority colleague owner",
	} {
		p := Passport{ID: "p", Head: Version{State: state, Owner: Owner{Organisation: "A"}}}
		var got []string
		for name, caller := range readers {
			access, err := AccessOf(caller, &p)
			if err == nil {
				got = append(got, name)
			}
			isOwner := slices.Contains([]string{"admin", "owner", "colleague"}, name)
			wantErr := fault.NotFound
			if state == Archived || state == Ceased || state == Voided {
				wantErr = fault.Gone
			}
			if access.Owner != isOwner || err != nil && !fault.Is(err, wantErr) || isOwner && access.Classes != ruleset.AllClasses {
				t.Errorf("access of %s in state %s: %+v, %v", name, state, access, err)
			}
		}
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("readers in state %s: got %v, want %s", state, got, want)
		}
		p.Deleted = true
		if _, err := AccessOf(readers["admin"], &p); !fault.Is(err, fault.NotFound) {
			t.Errorf("admin reads a deleted passport: %v, want not found", err)
		}
	}
}
