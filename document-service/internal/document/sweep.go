package document

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
)

// SweepTask removes what interrupted uploads and deletions left: documents that
// are pending or deleting, unfinished uploads, and objects without a document. It
// runs at the start and every hour, or every SweepAfter when that is less. It
// skips what is younger than SweepAfter, and objects of others in a shared bucket.
// A run that does not finish in four fifths of its time is continued by the next one.
func (s *Service) SweepTask() task.Kind {
	var position string // key of the last object of an unfinished run; a run at a time uses it
	return task.Kind{
		Name: "document.sweep", Every: min(time.Hour, max(s.SweepAfter, time.Second)), Timeout: s.sweepTimeout(),
		Run: func(ctx context.Context, _ task.Task) error { return s.sweep(ctx, &position) },
	}
}

// sweepTimeout is how long a run may take. It is also how long other processes wait
// for one that was killed during a sweep: not much longer than SweepAfter.
func (s *Service) sweepTimeout() time.Duration {
	return min(10*time.Minute, max(s.SweepAfter, 20*time.Second))
}

func (s *Service) sweep(ctx context.Context, position *string) error {
	begun := s.now()
	before := begun.Add(-s.SweepAfter)
	prefix, err := s.prefix(ctx)
	if err != nil {
		return err
	}
	return errors.Join(
		s.sweepDocuments(ctx, before),
		s.Objects.AbortUploads(ctx, prefix, before),
		s.sweepObjects(ctx, prefix, position, before, begun.Add(s.sweepTimeout()*4/5)),
	)
}

var errBudget = errors.New("the time of the sweep is over")

// sweepObjects removes objects without a document. It begins after position,
// and moves it: to the last object when the deadline is over or an error occurs,
// and to the start after all objects. An object that fails does not stop the
// next run: it is tried again when all others have been.
func (s *Service) sweepObjects(ctx context.Context, prefix string, position *string, before, deadline time.Time) error {
	err := s.Objects.Stored(ctx, prefix, *position, before, func(key string) error {
		*position = key
		if err := s.sweepObject(ctx, key, strings.TrimPrefix(key, prefix)); err != nil {
			return err
		}
		if !s.now().Before(deadline) {
			return errBudget
		}
		return nil
	})
	switch {
	case err == nil:
		*position = ""
	case errors.Is(err, errBudget):
		s.Log.InfoContext(ctx, "sweep is not finished, the next one continues it", "after", *position)
		return nil
	}
	return err
}

// sweepDocuments removes pending and deleting documents.
func (s *Service) sweepDocuments(ctx context.Context, before time.Time) error {
	q := store.Query{Scopes: []string{unfinished}, Order: store.OldestFirst, Limit: store.MaxLimit}
	for {
		page, err := s.Documents.List(ctx, q)
		if err != nil {
			return err
		}
		for _, row := range page.Rows {
			if err := s.discard(ctx, row.ID, before); err != nil {
				return err
			}
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return nil
		}
	}
}

// discard removes a document that is not ready and whose upload began before the
// given time. It marks a pending one as deleting first, so that an upload which is
// still running cannot make it ready.
func (s *Service) discard(ctx context.Context, id string, before time.Time) error {
	row, err := s.Documents.Update(ctx, id, func(d *Document) (store.Change, error) {
		if d.State != Pending || !d.UpdatedAt.Before(before) {
			return store.Change{}, store.ErrNoChange
		}
		d.State = Deleting // UpdatedAt stays: the document is as old as its upload
		return store.Change{}, nil
	})
	if err != nil || row.Doc.State != Deleting || !row.Doc.UpdatedAt.Before(before) {
		return ignoreGone(err)
	}
	return s.remove(ctx, row)
}

// sweepObject removes an object without a document.
func (s *Service) sweepObject(ctx context.Context, key, id string) error {
	_, err := s.Documents.Get(ctx, id)
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	return s.Objects.Remove(ctx, key)
}

// remove removes the object of a deleting document first and the document then,
// so that no object is left without a document.
func (s *Service) remove(ctx context.Context, row store.Row[Document]) error {
	key, err := s.key(ctx, row.ID)
	if err != nil {
		return err
	}
	if err := s.Objects.Remove(ctx, key); err != nil {
		return err
	}
	return ignoreGone(s.Documents.Delete(ctx, row.ID, row.Version))
}

func ignoreGone(err error) error {
	if fault.Is(err, fault.NotFound) {
		return nil // another process removed it
	}
	return err
}
