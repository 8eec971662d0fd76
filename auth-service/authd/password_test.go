package authd_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// TestUnknownAddressTakesAsLongAsWrongPassword compares the minimum and the median
// response times. They would differ a hundredfold without a hash for unknown
// addresses, and eightfold if the cost has changed since the hash was made; the load of
// the machine only adds to both. Body and header names of the responses are the same.
func TestUnknownAddressTakesAsLongAsWrongPassword(t *testing.T) {
	if isRace {
		t.Skip("compares times, which the race detector changes")
	}
	for name, costs := range map[string][2]int{"same cost": {8, 8}, "raised": {5, 8}, "lowered": {8, 5}} {
		t.Run(name, func(t *testing.T) {
			db := connect.Config{Dir: t.TempDir()}
			cost := func(n int) func(*authd.Config) { return func(c *authd.Config) { c.PasswordCost = n } }
			s := start(t, db, cost(costs[0]))
			s.register("ann@x.example", "")
			s.stop()
			s = start(t, db, cost(costs[1]))
			measure := func(email string) (time.Duration, resttest.Response) {
				begin := time.Now()
				a := s.login(email, "wrong horse")
				return time.Since(begin), a
			}
			measure("ann@x.example") // waits for the keys
			var known, unknown []time.Duration
			for range 31 { // alternately, so that other load affects both
				k, a := measure("ann@x.example")
				u, b := measure("eve@x.example")
				known, unknown = append(known, k), append(unknown, u)
				if a.Status != 401 || b.Status != 401 || withoutID(a.Text) != withoutID(b.Text) {
					t.Fatalf("responses differ: %d %s, %d %s", a.Status, a.Text, b.Status, b.Text)
				}
				if diff := cmp.Diff(slices.Sorted(maps.Keys(a.Header)), slices.Sorted(maps.Keys(b.Header))); diff != "" {
					t.Fatalf("headers differ (-known +unknown)\n%s", diff)
				}
			}
			slices.Sort(known)
			slices.Sort(unknown)
			for _, i := range []int{0, len(known) / 2} {
				if ratio := float64(unknown[i]) / float64(known[i]); ratio < 0.5 || ratio > 2 {
					t.Errorf("logins with an unknown address took %v, with a wrong password %v", unknown, known)
				}
			}
		})
	}
}

func TestLoginRehashesWithConfiguredCost(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, cfg connect.Config) {
		s := start(t, cfg)
		ann := s.register("ann@x.example", "")
		for _, cost := range []int{6, 5} {
			s.stop()
			s = start(t, cfg, func(c *authd.Config) { c.PasswordCost = cost })
			s.login("ann@x.example", "wrong horse").Want(401, nil)
			before := storedHash(t, cfg, ann.User.ID)
			s.login("ann@x.example", "correct horse").Want(200, nil)
			after := storedHash(t, cfg, ann.User.ID)
			s.login("ann@x.example", "correct horse").Want(200, nil)
			if want := fmt.Sprintf(":$2a$%02d$", cost); strings.Contains(before, want) || !strings.Contains(after, want) {
				t.Errorf("hash %s became %s, want %s", before, after, want)
			}
			if next := storedHash(t, cfg, ann.User.ID); next != after {
				t.Errorf("hash %s became %s at the same cost", after, next)
			}
		}
		if got := waiting(t, cfg, ann.User.ID); len(got) != 1 {
			t.Errorf("got events %v after a rehash, want only the registration", got)
		}
	})
}

// storedHash returns the password hash of an account.
func storedHash(t *testing.T, cfg connect.Config, id string) string {
	t.Helper()
	row, err := store.Open(openStore(t, cfg), account.Schema()).Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return row.Doc.PasswordHash
}

// withoutID returns a problem without the members that identify the request.
func withoutID(text string) string {
	var p map[string]any
	if json.Unmarshal([]byte(text), &p) != nil {
		return text
	}
	delete(p, "instance")
	delete(p, "requestId")
	return fmt.Sprint(p)
}

// TestFormsOfAPasswordAreOne logs in with a password that another keyboard writes in decomposed letters and with
// another space.
func TestFormsOfAPasswordAreOne(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	s.Call("POST /api/auth/register", "", map[string]string{"email": "ann@x.example", "password": "Schl\u00fcssel 1"}).Want(201, nil)
	var ann grant
	s.login("ann@x.example", "Schlu\u0308ssel\u00a01").Want(200, &ann)
	s.Call("PUT /api/auth/password", ann.Token, map[string]string{"currentPassword": "Schl\u00fcssel 1", "newPassword": "Schlu\u0308ssel 1"}).WantProblem(422, "/newPassword unchanged")
	s.login("ann@x.example", "Schlussel 1").Want(401, nil)
}

// TestAllCharactersOfPasswordCount: bcrypt alone ignores input after 72 bytes.
func TestAllCharactersOfPasswordCount(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	long := strings.Repeat("ü", 1023) + "1"
	s.Call("POST /api/auth/register", "", map[string]string{"email": "ann@x.example", "password": long}).Want(201, nil)
	s.login("ann@x.example", long).Want(200, nil)
	s.login("ann@x.example", long[:len(long)-1]+"2").Want(401, nil)
	s.login("ann@x.example", long[:72]).Want(401, nil)
	s.login("ann@x.example", long+"1").Want(422, nil)
}
