package passportd_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// TestDeleteDuringWritesLeavesNoRecords deletes drafts while clients write to them.
func TestDeleteDuringWritesLeavesNoRecords(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		operator := s.as(auth.Operator, "A")
		var wg sync.WaitGroup
		for i := range 10 {
			p := s.create(operator, draft(fmt.Sprint("https://a.example/", i)))
			for w := range 4 {
				wg.Go(func() {
					for j := 0; ; j++ {
						match := "*"
						if w%2 == 0 { // often stale after the history record was stored
							match = s.Call("GET /api/passports/"+p.ID, operator, nil).Header.Get("ETag")
						}
						a := s.Call("PATCH /api/passports/"+p.ID, operator, fmt.Sprintf(`{"data":{"generalInformation":{"manufacturingPlace":"%d.%d"}}}`, w, j), "If-Match", match)
						switch {
						case a.Status == 404:
							return
						case match != "*" && a.Status == 412:
						default:
							a.Want(200, nil)
						}
					}
				})
			}
			wg.Go(func() { s.Call("DELETE /api/passports/"+p.ID, operator, nil).Want(204, nil) })
		}
		wg.Wait()
		s.stop()
		startAt(t, db, func() time.Time { return time.Now().Add(2 * time.Minute) })
		waitUntilRemoved(t, s)
	})
}

// waitUntilRemoved waits until the store contains no passports and no versions.
func waitUntilRemoved(t *testing.T, s *service) {
	t.Helper()
	passports, versions := s.open(t)
	for scope, list := range map[string]func() (int, error){
		"deleted": func() (int, error) {
			page, err := passports.List(t.Context(), store.Query{Scopes: []string{"deleted"}, Limit: 200})
			return len(page.Rows), err
		},
		"passports": func() (int, error) {
			page, err := passports.List(t.Context(), store.Query{Scopes: []string{store.All}, Limit: 200})
			return len(page.Rows), err
		},
		"versions": func() (int, error) {
			n := 0
			for _, id := range s.ids {
				page, err := versions.List(t.Context(), store.Query{Scopes: []string{id}, Limit: 200})
				if err != nil {
					return 0, err
				}
				n += len(page.Rows)
			}
			return n, nil
		},
	} {
		waittest.Success(t, scope, func() error {
			n, err := list()
			if n > 0 || err != nil {
				err = fmt.Errorf("got %d, %w, want 0", n, err)
			}
			return err
		})
	}
}

// open opens the database of the service.
func (s *service) open(t *testing.T) (*store.Collection[passport.Passport], *store.Collection[passport.Version]) {
	t.Helper()
	db, err := connect.Open(t.Context(), s.db, passportd.Name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	return store.Open(db, passport.Schema()), store.Open(db, passport.VersionSchema())
}

// TestSweepRemovesDeletedPassports also covers passports that earlier releases marked
// as deleted without a time. A passport that was deleted less than a minute ago is not
// removed yet, because a concurrent write may still store a version.
func TestSweepRemovesDeletedPassports(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		operator := s.as(auth.Operator, "A")
		undeleted, recent := s.create(operator, draft("https://a.example/undeleted")), s.create(operator, draft("https://a.example/recent"))
		for i := range 3 {
			p := s.create(operator, draft(fmt.Sprint("https://a.example/", i)))
			s.Call("PATCH /api/passports/"+p.ID, operator, `{"data":{"generalInformation":{"batteryMass":1}}}`).Want(200, nil)
		}
		passports, versions := s.open(t)
		for _, id := range s.ids[2:] {
			if _, err := passports.Update(t.Context(), id, func(p *passport.Passport) (store.Change, error) { p.Deleted = true; return store.Change{}, nil }); err != nil {
				t.Fatal(err)
			}
		}
		s.Call("GET /api/passports/"+s.ids[2], operator, nil).WantProblem(404)
		s.Call("DELETE /api/passports/"+recent.ID, operator, nil).Want(204, nil)
		s.stop()
		s2 := start(t, db)
		s2.Call("GET /api/passports/"+undeleted.ID, s2.as(auth.Operator, "A"), nil).Want(200, nil)
		for _, id := range s.ids[2:] {
			for { // until the sweep of s2 has removed it
				page, err := versions.List(t.Context(), store.Query{Scopes: []string{id}, Limit: 1})
				_, getErr := passports.Get(t.Context(), id)
				if err == nil && len(page.Rows) == 0 && fault.Is(getErr, fault.NotFound) {
					break
				}
			}
		}
		if row, err := passports.Get(t.Context(), recent.ID); err != nil || !row.Doc.Deleted {
			t.Errorf("deleted less than a minute ago: got %+v, %v, want it stored as deleted", row.Doc, err)
		}
	})
}
