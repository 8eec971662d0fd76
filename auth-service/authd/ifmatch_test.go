package authd_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// TestIfMatchPreventsLostUpdates: an admin with an old version of an account or an
// organisation does not overwrite the change of another admin.
func TestIfMatchPreventsLostUpdates(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		admin, ann := s.register("root@x.example", "admin"), s.register("ann@x.example", "")
		s.organisation(admin, "nordlicht")
		for resource, c := range map[string]struct{ path, absent, first, second string }{
			"account":      {"/api/auth/users/" + ann.User.ID, "/api/auth/users/" + uuid.NewString(), `{"role":"operator"}`, `{"disabled":true}`},
			"organisation": {organisations + "/nordlicht", organisations + "/absent", `{"name":"Nord"}`, `{"name":"Süd"}`},
		} {
			t.Run(resource, func(t *testing.T) {
				read := s.Call("GET "+c.path, admin.Token, nil)
				read.Want(200, nil)
				tag := read.Header.Get("ETag")
				changed := s.Call("PATCH "+c.path, admin.Token, c.first, "If-Match", tag)
				changed.Want(200, nil)
				current := s.Call("GET "+c.path, admin.Token, nil)
				if tag != `"1"` || changed.Header.Get("ETag") != `"2"` || current.Header.Get("ETag") != `"2"` || current.Text != changed.Text {
					t.Errorf("ETags %s, %s, %s, want versions 1, 2, 2", tag, changed.Header.Get("ETag"), current.Header.Get("ETag"))
				}
				for _, body := range []string{c.first, c.second, `{}`} {
					stale := s.Call("PATCH "+c.path, admin.Token, body, "If-Match", tag)
					stale.WantProblem(412)
					if !strings.Contains(stale.Text, "version is now 2") {
						t.Errorf("%s, want the current version", stale.Text)
					}
				}
				s.Call("PATCH "+c.path, admin.Token, c.second, "If-Match", `W/"2"`).WantProblem(412, "header:If-Match weak")
				s.Call("PATCH "+c.path, admin.Token, c.second, "If-Match", `2`).WantProblem(400, "header:If-Match format")
				s.Call("PATCH "+c.absent, admin.Token, c.second, "If-Match", tag).WantProblem(404)
				s.Call("GET "+c.absent, admin.Token, nil).WantProblem(404)
				if got := s.Call("GET "+c.path, admin.Token, nil); got.Text != current.Text {
					t.Errorf("after refused changes: %s, want %s", got.Text, current.Text)
				}
				s.Call("PATCH "+c.path, admin.Token, c.second, "If-Match", `"1", "2"`).Want(200, nil)
				s.Call("PATCH "+c.path, admin.Token, c.first, "If-Match", "*").Want(200, nil)
				s.Call("PATCH "+c.path, admin.Token, c.second).Want(200, nil)
			})
		}
	})
}

// TestIfMatchOfAssignment: an assignment writes the account twice and confirms the
// organisation; the version that clients see counts it as one change of the account. A stale
// assignment leaves no mark.
func TestIfMatchOfAssignment(t *testing.T) {
	db := connect.Config{Dir: t.TempDir()}
	s := start(t, db)
	admin, ann := s.register("root@x.example", "admin"), s.register("ann@x.example", "")
	for _, id := range []string{"one", "two"} {
		s.organisation(admin, id)
	}
	path := "/api/auth/users/" + ann.User.ID
	moved := s.Call("PATCH "+path, admin.Token, `{"organisation":"one"}`, "If-Match", `"1"`)
	moved.Want(200, nil)
	if tag := moved.Header.Get("ETag"); tag != `"2"` {
		t.Errorf("ETag = %s, want version 2", tag)
	}
	s.Call("PATCH "+organisations+"/one", admin.Token, `{"name":"One"}`, "If-Match", `"1"`).Want(200, nil)
	s.Call("PATCH "+path, admin.Token, `{"organisation":"two"}`, "If-Match", `"1"`).WantProblem(412)
	row, err := store.Open(openStore(t, db), account.Schema()).Get(t.Context(), ann.User.ID)
	if err != nil || row.Doc.Organisation != "one" || row.Doc.PendingAssignment != (account.Assignment{}) {
		t.Errorf("account %+v, %v, want organisation one without a mark", row.Doc, err)
	}
	s.Call("DELETE "+organisations+"/two", admin.Token, nil).Want(204, nil)
}

// TestOneOfConcurrentChangesMatches: of several changes with the same If-Match, one succeeds.
func TestOneOfConcurrentChangesMatches(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		admin, ann := s.register("root@x.example", "admin"), s.register("ann@x.example", "")
		s.organisation(admin, "nordlicht")
		for path, body := range map[string]string{
			"/api/auth/users/" + ann.User.ID: `{"role":%q}`, organisations + "/nordlicht": `{"name":%q}`,
		} {
			var wg sync.WaitGroup
			var mu sync.Mutex
			counts := map[int]int{}
			for _, value := range []string{"operator", "authority", "legitimate_interest", "admin"} {
				wg.Go(func() {
					status := s.Call("PATCH "+path, admin.Token, fmt.Sprintf(body, value), "If-Match", `"1"`).Status
					mu.Lock()
					defer mu.Unlock()
					counts[status]++
				})
			}
			wg.Wait()
			if counts[200] != 1 || counts[412] != 3 {
				t.Errorf("PATCH %s: statuses %v, want one 200 and three 412", path, counts)
			}
		}
	})
}
