package documentd_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/document-service/internal/document"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/task"
)

// pagedDB calls afterPage after it has read a page of documents.
type pagedDB struct {
	store.DB
	afterPage func([]store.Record)
}

func (d *pagedDB) Table(name string, unique []string) store.Table {
	if name != document.DocumentSchema().Name {
		return d.DB.Table(name, unique)
	}
	return &pagedTable{d.DB.Table(name, unique), d}
}

type pagedTable struct {
	store.Table
	db *pagedDB
}

func (p *pagedTable) List(ctx context.Context, q store.ListQuery) ([]store.Record, error) {
	records, err := p.Table.List(ctx, q)
	if f := p.db.afterPage; f != nil && err == nil {
		f(records)
	}
	return records, err
}

// uploader uploads and deletes documents of an account.
type uploader struct {
	*testing.T
	s    *document.Service
	by   auth.Principal
	open *document.Upload // not committed
	ids  []string         // of documents that were not deleted, oldest first
}

func (u *uploader) must(err error) {
	u.Helper()
	if err != nil {
		u.Fatal(err)
	}
}

// begin begins an upload, and commits the one before.
func (u *uploader) begin() {
	u.Helper()
	u.commit()
	up, err := u.s.Begin(u.Context(), u.by, document.File{Name: "a.txt", Body: strings.NewReader(strings.Repeat("x", 100+len(u.ids)))})
	u.must(err)
	u.open = up
}

func (u *uploader) commit() {
	u.Helper()
	if u.open != nil {
		row, _, err := u.s.Commit(u.Context(), u.open, document.Changes{})
		u.must(err)
		u.ids = append(u.ids, row.ID)
	}
	u.open = nil
}

// remove deletes the document with an index; a negative one counts from the end.
func (u *uploader) remove(i int) {
	u.Helper()
	i = (i + len(u.ids)) % len(u.ids)
	u.must(u.s.Delete(u.Context(), u.by, u.ids[i]))
	u.ids = append(u.ids[:i:i], u.ids[i+1:]...)
}

// TestRecountDuringUploads recounts all usages while an account uploads and deletes documents
// between each page and its addition: those that were read before, those of the page, later
// and new ones. The recount reads each page once, and every document counts once.
func TestRecountDuringUploads(t *testing.T) {
	db, err := connect.Open(t.Context(), connect.Config{Dir: t.TempDir()}, "documents")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	paged := &pagedDB{DB: db}
	s, _ := documentsOn(t, paged)
	s.NewID = uuid.NewString
	u := &uploader{T: t, s: s, by: auth.Principal{UserID: "ann", Role: auth.User}}
	var writes []store.Write[document.Document]
	for i := range 2*store.MaxLimit + 20 {
		id, created := fmt.Sprintf("d%03d", i), time.Now().UTC().Truncate(time.Millisecond).Add(time.Duration(i)*time.Second-time.Hour)
		writes = append(writes, store.Write[document.Document]{ID: id, Doc: document.Document{ID: id, State: document.Ready, Size: 7, UploadedBy: "ann", CreatedAt: created, UpdatedAt: created}})
		u.ids = append(u.ids, id)
	}
	_, err = s.Documents.InsertMany(t.Context(), writes)
	u.must(err)
	u.begin()                                                  // counts
	ids, reserved := []string{"user:ann", "users"}, u.ids[300] // another process deletes it
	u.ids = append(u.ids[:300:300], u.ids[301:]...)
	for _, id := range ids {
		_, err := s.Usages.Update(t.Context(), id, func(u *document.Usage) (store.Change, error) {
			u.Bytes, u.Files = 1, 1
			u.Reservations[reserved] = document.Reservation{Bytes: 7, At: time.Now()}
			return store.Change{}, nil
		})
		u.must(err)
	}
	s.Now = func() time.Time { return time.Now().Add(time.Second) }
	queue := task.NewQueue(db, s.Now)
	if _, err := queue.Enqueue(t.Context(), task.Spec{ID: "document.reindex", Kind: "document.reindex"}); err != nil {
		t.Fatal(err)
	}
	u.must(task.NewWorker(queue, s.Log, nil, s.ReindexTask(queue)).RunDue(t.Context()))
	pages := 0
	paged.afterPage = func(records []store.Record) {
		pages++
		for range 2 {
			u.begin()
		}
		for _, i := range []int{0, 1, store.MaxLimit - 5, -5, -1} {
			u.remove(i)
		}
		u.remove(slices.Index(u.ids, records[len(records)/2].ID))
	}
	u.must(task.NewWorker(queue, s.Log, nil, s.RecountTask()).RunDue(t.Context()))
	if pages != 6 {
		t.Errorf("the recounts have read %d pages, want 3 for each of 2 usages", pages)
	}
	paged.afterPage = nil
	u.commit()
	size := int64(0)
	for _, id := range u.ids {
		row, err := s.Documents.Get(t.Context(), id)
		u.must(err)
		size += row.Doc.Size
	}
	for _, id := range ids {
		row, err := s.Usages.Get(t.Context(), id)
		u.must(err)
		if row.Doc.Bytes != size || row.Doc.Files != int64(len(u.ids)) || len(row.Doc.Reservations) != 1 || row.Doc.Recount != nil {
			t.Errorf("got the usage %+v, want %d files with %d bytes and a reservation", row.Doc, len(u.ids), size)
		}
	}
}
