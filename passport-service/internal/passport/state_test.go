package passport

import (
	"slices"
	"strings"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
)

// TestStates goes through every action in every state: what follows, or that it
// is a conflict, and why.
func TestStates(t *testing.T) {
	want := map[State]map[Action]State{
		Draft:  {Replace: Draft, Patch: Draft, Publish: Active, Delete: removed},
		Active: {Replace: Active, Patch: Active, Publish: Active, Archive: Archived}, Inactive: {}, Archived: {Archive: Archived}, Ceased: {},
	}
	for _, state := range States() {
		for _, action := range []Action{Create, Replace, Patch, Publish, Archive, Delete} {
			next, err := state.after(action)
			follows, ok := want[state][action]
			if ok != (err == nil) || ok && next != follows || !ok && (!fault.Is(err, fault.Conflict) || strings.HasSuffix(err.Error(), ": ")) {
				t.Errorf("%s of a passport that is %s: %q, %v", action, state, next, err)
			}
		}
	}
	if len(stages) != len(States()) || len(want) != len(States()) {
		t.Errorf("%d states, %d stages", len(States()), len(stages))
	}
}

// TestOwnership: a passport belongs to an organisation under all its ids, or to an
// account that has none.
func TestOwnership(t *testing.T) {
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
			t.Errorf("%+v includes the member: %v, the single account: %v, nobody: %v", c.owner, c.owner.includes(member), c.owner.includes(single), c.owner.includes(auth.Principal{}))
		}
	}
}

// TestWhoSeesWhichState has every reader in every state.
func TestWhoSeesWhichState(t *testing.T) {
	readers := map[string]auth.Principal{
		"admin": {UserID: "x", Role: auth.Admin}, "keeper": {UserID: "y", Role: auth.Operator, Organisation: "A"}, "colleague": {UserID: "z", Role: auth.User, Organisation: "A"},
		"authority": {UserID: "b", Role: auth.Authority, Organisation: "B"}, "recycler": {UserID: "r", Role: auth.LegitimateInterest},
		"other": {UserID: "o", Role: auth.Operator, Organisation: "O"}, "nobody": {},
	}
	for state, sees := range map[State]string{
		Draft: "admin colleague keeper", Active: "admin authority colleague keeper nobody other recycler", Inactive: "admin authority colleague keeper nobody other recycler",
		Archived: "admin authority colleague keeper", Ceased: "admin authority colleague keeper",
	} {
		p := Passport{ID: "p", Head: Version{State: state, Owner: Owner{Organisation: "A"}}}
		var got []string
		for name, caller := range readers {
			access, err := AccessOf(caller, &p)
			if err == nil {
				got = append(got, name)
			}
			keeps := slices.Contains([]string{"admin", "keeper", "colleague"}, name)
			hidden := fault.NotFound
			if state == Archived || state == Ceased {
				hidden = fault.Gone
			}
			if access.Owner != keeps || err != nil && !fault.Is(err, hidden) || keeps && access.Classes != ruleset.AllClasses {
				t.Errorf("%s sees of a passport that is %s: %+v, %v", name, state, access, err)
			}
		}
		slices.Sort(got)
		if strings.Join(got, " ") != sees {
			t.Errorf("a passport that is %s is seen by %v, want %s", state, got, sees)
		}
		p.Deleted = true
		if _, err := AccessOf(readers["admin"], &p); !fault.Is(err, fault.NotFound) {
			t.Errorf("deleted: %v", err)
		}
	}
}
