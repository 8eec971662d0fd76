package documentd_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/battery-passport/suite/document-service/documentd"
	"github.com/battery-passport/suite/document-service/internal/document"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// TestUsageIsRecountedAfterAnUpgrade starts on documents of an earlier release, which are not
// in the lists that are counted, and on usages that an instance has counted without them just
// now. The usages of the account, the organisation and all accounts contain them after the start.
func TestUsageIsRecountedAfterAnUpgrade(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		limits := func(c *documentd.Config) { c.UserBytes, c.OrgBytes = 1000, 1000 }
		s := start(t, db, limits)
		ann, bob := s.as(auth.User, ""), s.as(auth.Operator, "A")
		var ids []string
		for _, caller := range []string{ann, bob} {
			ids = append(ids, s.upload(caller, textOf(600)).DocID)
		}
		s.stop()
		usages := s.usages(t)
		s.storeEarlier(t, ids)
		all, err := usages.List(t.Context(), store.Query{Scopes: []string{store.All}, Limit: store.MaxLimit})
		if err != nil || len(all.Rows) != 3 {
			t.Fatalf("usages %+v, %v, want three", all.Rows, err)
		}
		for _, row := range all.Rows {
			if _, err := usages.Update(t.Context(), row.ID, func(u *document.Usage) (store.Change, error) {
				*u = document.Usage{ID: u.ID, CountedAt: time.Now()}
				return store.Change{}, nil
			}); err != nil {
				t.Fatal(err)
			}
		}

		s = startWith(t, s.issuer, s.bucket, db, limits)
		for _, row := range all.Rows {
			waittest.Success(t, "usage after the upgrade", func() error {
				got, err := usages.Get(t.Context(), row.ID)
				if err == nil && (got.Doc.Bytes != 600 || got.Doc.Files != 1) {
					err = fmt.Errorf("%+v, want the file of 600 bytes", got.Doc)
				}
				return err
			})
		}
		for _, caller := range []string{ann, bob} {
			s.post(caller, textOf(401)).WantProblem(507, "/file quota")
			s.upload(caller, textOf(400))
		}
	})
}

// storeEarlier stores documents as an earlier release did: in one list.
func (s *service) storeEarlier(t *testing.T, ids []string) {
	t.Helper()
	db, err := connect.Open(t.Context(), s.cfg.Store, documentd.Name)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(t.Context())
	schema := document.DocumentSchema()
	schema.IndexVersion--
	schema.Indexes = func(d *document.Document) store.Indexes {
		return store.Indexes{Scopes: []string{store.All}, Created: d.CreatedAt}
	}
	documents := store.Open(db, schema)
	for _, id := range ids {
		if _, err := documents.Update(t.Context(), id, func(d *document.Document) (store.Change, error) {
			d.UpdatedAt = d.UpdatedAt.Add(time.Millisecond)
			return store.Change{}, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}
