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

// SweepTask returns the task that cleans up after interrupted uploads and deletions:
// it removes pending and deleting documents, unfinished multipart uploads, and
// objects without a document, if they are older than SweepAfter. It runs at the
// start and every hour, or every SweepAfter if that is shorter. A run ends after
// four fifths of its timeout, and the next run continues there.
func (s *Service) SweepTask() task.Kind {
	var position string // last key of an unfinished run; only one run uses it at a time
	return task.Kind{
		Name: "document.sweep", Every: min(time.Hour, max(s.SweepAfter, time.Second)), Timeout: s.sweepTimeout(),
		Run: func(ctx context.Context, _ task.Task) error { return s.sweep(ctx, &position) },
	}
}

// sweepTimeout returns the timeout of a run. After a process is killed during a
// sweep, other processes wait that long, so it is not much longer than SweepAfter.
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

var errSweepTimeout = errors.New("sweep timed out")

// sweepObjects removes objects without a document, starting after position. At the
// deadline or after an error it sets position to the last object, so the next run
// continues with the following one; after the last object it clears position.
func (s *Service) sweepObjects(ctx context.Context, prefix string, position *string, before, deadline time.Time) error {
	err := s.Objects.List(ctx, prefix, *position, before, func(key string) error {
		*position = key
		if err := s.sweepObject(ctx, key, strings.TrimPrefix(key, prefix)); err != nil {
			return err
		}
		if !s.now().Before(deadline) {
			return errSweepTimeout
		}
		return nil
	})
	switch {
	case err == nil:
		*position = ""
	case errors.Is(err, errSweepTimeout):
		s.Log.InfoContext(ctx, "sweep not finished, the next run continues", "after", *position)
		return nil
	}
	return err
}

// sweepDocuments removes pending and deleting documents.
func (s *Service) sweepDocuments(ctx context.Context, before time.Time) error {
	q := store.Query{Scopes: []string{unfinished}, Order: store.OldestFirst, Limit: store.MaxLimit}
	for row, err := range s.Documents.All(ctx, q) {
		if err == nil {
			err = s.discard(ctx, row.ID, before)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// discard removes a document that is not ready and was last updated before the given
// time. It marks a pending document as deleting first, so that an upload that is
// still running cannot make it ready.
func (s *Service) discard(ctx context.Context, id string, before time.Time) error {
	row, err := s.Documents.Update(ctx, id, func(d *Document) (store.Change, error) {
		if d.State != Pending || !d.UpdatedAt.Before(before) {
			return store.Change{}, store.ErrNoChange
		}
		d.State = Deleting // UpdatedAt does not change: the age counts from the upload
		return store.Change{}, nil
	})
	if err != nil || row.Doc.State != Deleting || !row.Doc.UpdatedAt.Before(before) {
		return ignoreNotFound(err)
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

// remove removes the object of a deleting document and then the document. In this
// order, a failure never leaves an object without a document.
func (s *Service) remove(ctx context.Context, row store.Row[Document]) error {
	key, err := s.key(ctx, row.ID)
	if err != nil {
		return err
	}
	if err := s.Objects.Remove(ctx, key); err != nil {
		return err
	}
	s.cancel(ctx, &row.Doc)
	return ignoreNotFound(s.Documents.Delete(ctx, row.ID, row.Version))
}

// ReindexTask returns the task that adds the documents of earlier releases to the lists of this
// one, and then enqueues the recount of all usages. It is repeated for documents that an instance
// of an earlier release writes during an upgrade.
func (s *Service) ReindexTask(tasks *task.Queue) task.Kind {
	return task.Kind{Name: "document.reindex", Every: 24 * time.Hour, Timeout: time.Hour, Run: func(ctx context.Context, _ task.Task) error {
		err := s.Documents.ReindexAll(ctx)
		if err == nil {
			_, err = tasks.Enqueue(ctx, newRecount(s.now()))
		}
		return err
	}}
}

func ignoreNotFound(err error) error {
	if fault.Is(err, fault.NotFound) {
		return nil // removed by another process
	}
	return err
}
