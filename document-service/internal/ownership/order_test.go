package ownership_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/battery-passport/suite/document-service/internal/ownership"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/sqlite"
)

// permutations returns all orders of the numbers below n.
func permutations(n int) (all [][]int) {
	if n == 0 {
		return [][]int{nil}
	}
	for _, order := range permutations(n - 1) {
		for i := range n {
			all = append(all, append(append(append([]int{}, order[:i]...), n-1), order[i:]...))
		}
	}
	return all
}

// TestOrderAndRepetitionOfEventsDoNotMatter applies the events of a passport in every
// order, each of them once more after the next one.
func TestOrderAndRepetitionOfEventsDoNotMatter(t *testing.T) {
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "owners.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(t.Context())
	s := &ownership.Service{Passports: store.Open(db, ownership.PassportSchema()), Organisations: store.Open(db, ownership.OrganisationSchema())}
	for name, c := range map[string]struct {
		last            func(id string) event.Payload
		published, owns bool
	}{
		"updated": {func(id string) event.Payload { return event.PassportUpdated{PassportID: id, Organisation: "new"} }, true, true},
		"archived": {func(id string) event.Payload {
			return event.PassportUpdated{PassportID: id, Organisation: "new", State: "archived"}
		}, false, true},
		"voided": {func(id string) event.Payload {
			return event.PassportUpdated{PassportID: id, Organisation: "new", State: "voided"}
		}, false, false},
		"deleted": {func(id string) event.Payload { return event.PassportDeleted{PassportID: id, Organisation: "new"} }, false, false},
	} {
		for _, order := range permutations(4) {
			id := fmt.Sprint(name, order)
			events := []event.Payload{
				event.PassportCreated{PassportID: id, Organisation: "old", CreatedBy: "ann"}, event.PassportUpdated{PassportID: id, Organisation: "old"},
				event.PassportPublished{PassportID: id, Organisation: "old"}, c.last(id),
			}
			for i := range order {
				for _, n := range order[max(0, i-1) : i+1] {
					e := event.New("/passport-service", id, time.Now(), events[n])
					e.Sequence = int64(n + 1)
					if err := s.Apply(t.Context(), e); err != nil {
						t.Fatal(err)
					}
				}
			}
			published, err := s.IsPublished(t.Context(), id)
			if err != nil || published != c.published {
				t.Errorf("%s: published %v, %v, want %v", id, published, err, c.published)
			}
			for organisation, want := range map[string]bool{"new": c.owns, "old": false} {
				if owns, err := s.Owns(t.Context(), ownership.Owner{Organisation: organisation}, id); err != nil || owns != want {
					t.Errorf("%s: %s owns %v, %v, want %v", id, organisation, owns, err, want)
				}
			}
		}
	}
}

// TestSnapshotCompletesEarlierEvents applies a snapshot and events of an earlier release,
// which do not name the organisation, in every order. Some of the events are lost.
func TestSnapshotCompletesEarlierEvents(t *testing.T) {
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "owners.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(t.Context())
	s := &ownership.Service{Passports: store.Open(db, ownership.PassportSchema()), Organisations: store.Open(db, ownership.OrganisationSchema())}
	for state, want := range map[string]struct{ published, owns bool }{
		"draft": {false, true}, "active": {true, true}, "inactive": {false, true}, "archived": {false, true}, "ceased": {false, true}, "voided": {false, false},
	} {
		for _, received := range []int{0, 1, 2, 3} {
			for _, order := range permutations(received + 1) {
				id := fmt.Sprint(state, order)
				events := []event.Payload{
					event.PassportSnapshot{PassportID: id, Organisation: "new", State: state, CreatedBy: "ann"},
					event.PassportUpdated{PassportID: id}, event.PassportUpdated{PassportID: id}, event.PassportCreated{PassportID: id, CreatedBy: "ann"},
				}
				for _, n := range order {
					e := event.New("/passport-service", id, time.Now(), events[n])
					e.Sequence = []int64{3, 3, 2, 1}[n]
					if err := s.Apply(t.Context(), e); err != nil {
						t.Fatal(err)
					}
				}
				if published, err := s.IsPublished(t.Context(), id); err != nil || published != want.published {
					t.Errorf("%s: published %v, %v, want %v", id, published, err, want.published)
				}
				for owner, owns := range map[ownership.Owner]bool{{Organisation: "new", Account: "bob"}: want.owns, {Organisation: "old", Account: "ann"}: false, {Account: "ann"}: false} {
					if got, err := s.Owns(t.Context(), owner, id); err != nil || got != owns {
						t.Errorf("%s: %+v owns %v, %v, want %v", id, owner, got, err, owns)
					}
				}
			}
		}
	}
}

// TestUpdateNamesTheState applies only the update of a passport, which names whether the
// passport is published.
func TestUpdateNamesTheState(t *testing.T) {
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "owners.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(t.Context())
	s := &ownership.Service{Passports: store.Open(db, ownership.PassportSchema()), Organisations: store.Open(db, ownership.OrganisationSchema())}
	for state, want := range map[string]bool{"draft": false, "active": true, "archived": false, "": false} {
		e := event.New("/passport-service", "p-"+state, time.Now(), event.PassportUpdated{PassportID: "p-" + state, Organisation: "new", CurrentState: state})
		e.Sequence = 7
		if err := s.Apply(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		if published, err := s.IsPublished(t.Context(), "p-"+state); err != nil || published != want {
			t.Errorf("%q: published %v, %v, want %v", state, published, err, want)
		}
	}
}
