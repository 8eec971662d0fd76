package documentd_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/battery-passport/suite/document-service/documentd"
	"github.com/battery-passport/suite/document-service/internal/document"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// textOf returns a text file of n bytes.
func textOf(n int) field { return file("a.txt", "text/plain", strings.Repeat("x", n)) }

func TestQuotas(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db, func(c *documentd.Config) {
			c.MaxBytes, c.OrgBytes, c.OrgFiles, c.UserBytes, c.UserFiles = 900, 1000, 4, 500, 2
		})
		ann, bob, other := s.as(auth.Operator, "A"), s.as(auth.User, "A"), s.as(auth.Operator, "B")
		guest, guest2 := s.as(auth.User, ""), s.as(auth.LegitimateInterest, "")
		full := func(a resttest.Response, numbers ...string) {
			t.Helper()
			a.WantProblem(507, "/file quota")
			for _, n := range numbers {
				if !strings.Contains(a.Text, n) {
					t.Errorf("507 without %q: %s", n, a.Text)
				}
			}
		}
		s.post(ann, textOf(901)).WantProblem(413, "/file range") // too large even for an empty organisation
		// The members of an organisation share its quota.
		first := s.upload(ann, textOf(600))
		full(s.post(bob, textOf(401)), "600 bytes", "1,000 bytes", "401 bytes", "your organisation")
		s.upload(bob, textOf(400))
		full(s.post(ann, textOf(1)), "1,000 bytes")
		s.upload(other, textOf(900)) // another organisation
		s.Call("DELETE /api/documents/"+first.DocID, ann, nil).Want(204, nil)
		for range 3 {
			s.upload(ann, textOf(10))
		}
		full(s.post(bob, textOf(10)), "4 files", "maximum is 4")
		// An account without an organisation has its own quota.
		s.upload(guest, textOf(500))
		full(s.post(guest, textOf(1)), "500 bytes", "your account")
		s.upload(guest2, textOf(1))
		d := s.upload(guest2, textOf(1))
		full(s.post(guest2, textOf(1)), "2 files")
		// Uploads that fail do not count.
		s.Call("DELETE /api/documents/"+d.DocID, guest2, nil).Want(204, nil)
		for range 3 {
			s.post(guest2, textOf(400), field{name: "kind", value: "poem"}).WantProblem(422, "/kind enum")
		}
		s.upload(guest2, textOf(400))
		if objects, uploads := s.bucket.keys(t); len(objects) != 8 || len(uploads) > 0 {
			t.Errorf("%d objects and %d uploads in the bucket, want those of 8 documents", len(objects), len(uploads))
		}
	})
}

// TestSelfRegisteredAccountsShareAQuota: many accounts without an organisation store as much as
// one of them alone could, also after a restart. Members of an organisation still store files.
func TestSelfRegisteredAccountsShareAQuota(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		limits := func(c *documentd.Config) {
			c.UserBytes, c.UserFiles, c.AllBytes, c.AllFiles = 500, 2, 1000, 4
		}
		s := start(t, db, limits)
		mallory := func(n int) string {
			return s.issuer.Token(t, auth.Principal{UserID: fmt.Sprint("mallory", n), Role: auth.User})
		}
		first := s.upload(mallory(0), textOf(400))
		s.upload(mallory(1), textOf(400))
		a := s.post(mallory(2), textOf(400))
		if a.WantProblem(507, "/file quota"); !strings.Contains(a.Text, "all accounts without an organisation together have files of 800 bytes, the maximum is 1,000 bytes; the file has at least 400 bytes: join an organisation") {
			t.Errorf("507 without the numbers: %s", a.Text)
		}
		s.upload(mallory(2), textOf(100))
		s.stop()
		s = startWith(t, s.issuer, s.bucket, db, limits)
		s.upload(mallory(3), textOf(10))
		s.post(mallory(4), textOf(10)).WantProblem(507, "/file quota") // the fifth file
		s.upload(s.as(auth.User, "A"), textOf(500))
		s.Call("DELETE /api/documents/"+first.DocID, mallory(0), nil).Want(204, nil)
		s.upload(mallory(4), textOf(10))
		if objects, uploads := s.bucket.keys(t); len(objects) != 5 || len(uploads) > 0 {
			t.Errorf("%d objects and %d uploads in the bucket, want those of 5 documents", len(objects), len(uploads))
		}
	})
}

// TestConcurrentUploadsStayWithinTheQuota uploads to two instances at once.
func TestConcurrentUploadsStayWithinTheQuota(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		limits := func(c *documentd.Config) { c.OrgBytes, c.OrgFiles, c.MaxUploads = 5500, 7, 64 }
		one := start(t, db, limits)
		two := startWith(t, one.issuer, one.bucket, db, limits)
		token, stored := one.as(auth.Operator, "A"), 0
		for round := range 3 { // by size, then by size after deletions, then by number
			size := []int{1000, 1000, 100}[round]
			var mu sync.Mutex
			var wg sync.WaitGroup
			status := map[int]int{}
			var ids []string
			for i := range 16 {
				wg.Go(func() {
					s := []*service{one, two}[i%2]
					var d documentResponse
					a := s.post(token, textOf(size))
					mu.Lock()
					defer mu.Unlock()
					if status[a.Status]++; a.Status == 201 {
						a.Want(201, &d)
						ids = append(ids, d.DocID)
					}
				})
			}
			wg.Wait()
			want := []int{5, 5, 7}[round]
			if stored = status[201]; stored != want || status[507] != 16-want {
				t.Errorf("round %d: statuses %v, want 201 for %d uploads and 507 for the others", round, status, want)
			}
			for i, id := range ids {
				wg.Go(func() { []*service{one, two}[i%2].Call("DELETE /api/documents/"+id, token, nil).Want(204, nil) })
			}
			wg.Wait()
		}
	})
}

// TestUsageIsRecountedAfterAKill leaves the usage as killed processes do: with the
// reservation of an upload that no longer exists, and with a file that was deleted. It
// also starts with documents that no usage counts.
func TestUsageIsRecountedAfterAKill(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		limits := func(c *documentd.Config) { c.UserBytes = 1000 }
		s := start(t, db, limits)
		ann := s.as(auth.User, "")
		s.upload(ann, textOf(600))
		s.stop()
		usages := s.usages(t)
		row, err := usages.Get(t.Context(), "user:user@")
		if err != nil || row.Doc.Bytes != 600 || row.Doc.Files != 1 || len(row.Doc.Reservations) > 0 {
			t.Fatalf("usage %+v, %v, want one file of 600 bytes", row.Doc, err)
		}
		s = startWith(t, s.issuer, s.bucket, db, limits)
		if _, err := usages.Update(t.Context(), row.ID, func(u *document.Usage) (store.Change, error) {
			u.Bytes, u.Files = 950, 5
			u.Reservations = map[string]document.Reservation{"gone": {Bytes: 50, At: time.Now().Add(-48 * time.Hour)}}
			u.CountedAt = time.Now().Add(-time.Hour)
			return store.Change{}, nil
		}); err != nil {
			t.Fatal(err)
		}
		s.upload(ann, textOf(400))
		s.post(ann, textOf(1)).WantProblem(507, "/file quota")

		for deleted := false; !deleted; deleted = !fault.Is(err, fault.Stale) { // the recount of the start writes it too
			if row, err = usages.Get(t.Context(), row.ID); err == nil {
				err = usages.Delete(t.Context(), row.ID, row.Version)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		s.post(ann, textOf(1)).WantProblem(507, "/file quota") // of an earlier release
	})
}

func (s *service) usages(t *testing.T) *store.Collection[document.Usage] {
	t.Helper()
	db, err := connect.Open(t.Context(), s.cfg.Store, documentd.Name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(t.Context()) })
	return store.Open(db, document.UsageSchema())
}
