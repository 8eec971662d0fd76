package document

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
	"github.com/battery-passport/suite/pkg/wire"
)

// maxChanges is the maximum number of Recount.Changes, which is more than during one page. A
// recount with more is given up: its process was killed.
const maxChanges = 1000

// Recount is the state of a recount, which reads the ready documents of a usage page by page,
// oldest first. A change of a usage is applied to Bytes and Files here too if the document was
// read, and is noted in Changes otherwise. So a recount need not start again after a change, and
// any process can continue it.
type Recount struct {
	From    time.Time         `json:"from"` // beginning
	After   position          `json:"after,omitzero"`
	Bytes   int64             `json:"bytes"` // of the documents up to After
	Files   int64             `json:"files"`
	Changes map[string]change `json:"changes,omitempty"` // of documents behind After, since it moved; by id
}

// position is the place of a document in a list.
type position struct {
	CreatedAt time.Time `json:"createdAt"`
	ID        string    `json:"id"`
}

func (p position) compare(q position) int {
	return cmp.Or(p.CreatedAt.Compare(q.CreatedAt), cmp.Compare(p.ID, q.ID))
}

// change is the last change of the part of a document in Usage.Bytes.
type change struct {
	CreatedAt time.Time `json:"createdAt"` // of the document
	Bytes     int64     `json:"bytes"`     // 0: not counted
}

// count adds n times a document to the usage: -1, 0 or 1. The document has no reservation
// before, or none afterwards.
func (u *Usage) count(d *Document, n int64) {
	u.Bytes, u.Files = max(0, u.Bytes+n*d.Size), max(0, u.Files+n)
	switch r := u.Recount; {
	case r == nil:
	case position{d.CreatedAt, d.ID}.compare(r.After) <= 0:
		r.Bytes, r.Files = r.Bytes+n*d.Size, r.Files+n
	case len(r.Changes) == maxChanges:
		u.Recount = nil
	default:
		if r.Changes == nil {
			r.Changes = map[string]change{}
		}
		r.Changes[d.ID] = change{d.CreatedAt, max(0, n*d.Size)}
	}
}

// recount sets a usage to the documents of its owner. It continues a recount that has begun,
// unless restart is set.
func (s *Service) recount(ctx context.Context, id string, restart bool) error {
	row, err := s.Usages.Update(ctx, id, func(u *Usage) (store.Change, error) {
		if u.Recount != nil && !restart {
			return store.Change{}, store.ErrNoChange
		}
		now := s.now()
		for document, r := range u.Reservations {
			if now.Sub(r.At) > s.SweepAfter { // a sweep has discarded the upload, or the document is ready
				delete(u.Reservations, document)
				u.Bytes, u.Files = u.Bytes+r.Bytes, u.Files+1 // until the recount ends
			}
		}
		u.Recount = &Recount{From: now}
		return store.Change{}, nil
	})
	for err == nil && row.Doc.Recount != nil {
		row, err = s.recountPage(ctx, id, row.Doc.Recount.From, row.Doc.Recount.After)
	}
	return err
}

// recountPage reads the page behind a position. It changes nothing if another process has done that.
func (s *Service) recountPage(ctx context.Context, id string, from time.Time, after position) (row store.Row[Usage], err error) {
	q := store.Query{Order: store.OldestFirst, Limit: store.MaxLimit}
	if q.Scopes, err = s.scopesOfUsage(ctx, id); err != nil {
		return row, err
	}
	if after.ID != "" {
		q.Cursor = q.CursorAfter(after.CreatedAt, after.ID)
	}
	page, err := s.Documents.List(ctx, q)
	if err != nil {
		return row, err
	}
	return s.Usages.Update(ctx, id, func(u *Usage) (store.Change, error) {
		if r := u.Recount; r == nil || !r.From.Equal(from) || r.After.compare(after) != 0 {
			return store.Change{}, store.ErrNoChange
		}
		u.addPage(page)
		return store.Change{}, nil
	})
}

// addPage adds a page to the recount, and ends the recount after the last one. Documents with
// changes since the page was read count as changed. One with a reservation is becoming ready or
// will be deleted: settle or cancel ends it.
func (u *Usage) addPage(page store.Page[Document]) {
	r := u.Recount
	for _, row := range page.Rows {
		_, isReserved := u.Reservations[row.ID]
		if _, isChanged := r.Changes[row.ID]; !isReserved && !isChanged {
			r.Bytes, r.Files = r.Bytes+row.Doc.Size, r.Files+1
		}
		r.After = position{row.Doc.CreatedAt, row.ID}
	}
	for id, c := range r.Changes {
		if c.Bytes > 0 && (page.Next == "" || position{c.CreatedAt, id}.compare(r.After) <= 0) {
			r.Bytes, r.Files = r.Bytes+c.Bytes, r.Files+1
		}
	}
	if r.Changes = nil; page.Next == "" {
		u.Bytes, u.Files, u.CountedAt, u.Recount = max(0, r.Bytes), max(0, r.Files), r.From, nil
	}
}

// scopesOfUsage returns the scopes of the documents that a usage counts.
func (s *Service) scopesOfUsage(ctx context.Context, id string) ([]string, error) {
	if id == usageOfAll {
		return []string{withoutOrganisation}, nil
	}
	if user, ok := strings.CutPrefix(id, usageOfAccount("")); ok {
		return []string{uploaderScope(user, "")}, nil
	}
	organisations, err := s.Owners.IDs(ctx, strings.TrimPrefix(id, usageOfOrganisation("")))
	scopes := make([]string, len(organisations))
	for i, organisation := range organisations {
		scopes[i] = organisationScope(organisation)
	}
	return scopes, err
}

const recountKind = "document.recount"

// newRecount returns a task that recounts the usages whose last recount began before a time.
func newRecount(before time.Time) task.Spec {
	return task.Spec{ID: recountKind + "/" + before.Format(time.RFC3339Nano), Kind: recountKind, Data: before}
}

// RecountTask returns the kind of tasks that recount usages after a reindex, because they count
// lists, and killed processes leave usages too high. A run after a failure continues. A usage
// that cannot be recounted does not stop the others.
func (s *Service) RecountTask() task.Kind {
	return task.Kind{Name: recountKind, Timeout: time.Hour, Run: func(ctx context.Context, t task.Task) error {
		var before time.Time
		if err := wire.Unmarshal(t.Data, &before); err != nil {
			return task.Permanent(err)
		}
		q := store.Query{Scopes: []string{store.All}, Order: store.OldestFirst, Until: before, Limit: store.MaxLimit}
		var errs []error
		for row, err := range s.Usages.All(ctx, q) {
			if err == nil {
				err = ignoreNotFound(s.recount(ctx, row.ID, true))
			}
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	}}
}
