package document

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Objects is the object storage. All methods fail with fault.Unavailable when
// it does not answer, or is not set up.
type Objects interface {
	// Put stores what body gives. When body fails, Put fails with that, and
	// nothing is stored.
	Put(ctx context.Context, key, mediaType string, body io.Reader) error
	// Size returns the size of an object in bytes, or fails with fault.NotFound.
	Size(ctx context.Context, key string) (int64, error)
	// Open returns length bytes of an object from the offset on, or the whole
	// where length is negative. It fails with fault.NotFound when there is no
	// such object.
	Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error)
	// Remove removes an object and what was uploaded to become it. It is no
	// error when it is gone.
	Remove(ctx context.Context, key string) error
	// Link returns an address from which anybody can get the object as a file of
	// the name, for some time.
	Link(ctx context.Context, key, name, mediaType string, valid time.Duration) (string, error)
	// Stored calls f with the key of each object that begins with the prefix and
	// was stored before a time.
	Stored(ctx context.Context, prefix string, before time.Time, f func(key string) error) error
	// AbortUploads ends the uploads under the prefix that were begun before a
	// time, or at any where that is zero, and did not come to an end.
	AbortUploads(ctx context.Context, prefix string, before time.Time) error
}

// linkValid is how long a download link counts.
const linkValid = 60 * time.Second

// Service is what can be done with documents. It is safe for concurrent use.
// The caller is in the context; what the caller may not see is fault.NotFound.
// Methods fail with fault.Unavailable when the store does not answer, or where
// the bytes are needed the object storage.
type Service struct {
	Documents  *store.Collection[Document]
	Origins    *store.Collection[Origin]
	Objects    Objects
	TypeOf     func(head []byte) string // media type of a file that begins with head
	MaxBytes   int64                    // size of the largest file
	MaxUploads int                      // at a time
	SweepAfter time.Duration            // age of what a sweep takes for left over
	Now        func() time.Time
	NewID      func() string
	Log        *slog.Logger

	uploads slots
	origin  atomic.Pointer[string]
}

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// Get returns a document.
func (s *Service) Get(ctx context.Context, id string) (Document, error) {
	row, err := s.Documents.Get(ctx, id)
	if fault.Is(err, fault.NotFound) || err == nil && !row.Doc.visible(auth.Caller(ctx)) {
		return Document{}, notFound(id)
	}
	return row.Doc, err
}

// List returns a page of the documents that concern the caller: all to an
// admin, to others those of their organisation or, without one, their own, and
// to an authority those that are for authorities.
func (s *Service) List(ctx context.Context, q store.Query) (store.Page[Document], error) {
	q.Scopes = []string{scopeOf(auth.Caller(ctx))}
	return s.Documents.List(ctx, q)
}

// ListOwn returns a page of the documents that the caller uploaded.
func (s *Service) ListOwn(ctx context.Context, q store.Query) (store.Page[Document], error) {
	q.Scopes = []string{userScope(auth.Caller(ctx).UserID)}
	return s.Documents.List(ctx, q)
}

// Describe changes what is said of a document. It fails with fault.Invalid when
// that is wrong, and fault.Forbidden when the caller may read it only.
func (s *Service) Describe(ctx context.Context, id string, said Statement) (Document, error) {
	if err := said.Check(); err != nil {
		return Document{}, err
	}
	caller := auth.Caller(ctx)
	row, err := s.Documents.Update(ctx, id, func(d *Document) (store.Change, error) {
		if err := d.changeable(caller); err != nil {
			return store.Change{}, err
		}
		before := d.Description
		if said.apply(&d.Description, d.Type); d.Description == before {
			return store.Change{}, store.ErrNoChange
		}
		d.UpdatedAt = s.now()
		return store.Change{}, nil
	})
	return row.Doc, missing(id, err)
}

// Delete removes a document. It is decided by the one write that puts it out of
// sight and tells of it; the bytes go after that, by a sweep if not at once. It
// fails as Describe.
func (s *Service) Delete(ctx context.Context, id string) error {
	caller := auth.Caller(ctx)
	row, err := s.Documents.Update(ctx, id, func(d *Document) (store.Change, error) {
		if err := d.changeable(caller); err != nil {
			return store.Change{}, err
		}
		d.State, d.UpdatedAt = Deleting, s.now()
		return store.Change{Events: []event.Envelope{d.deleted(caller.UserID)}}, nil
	})
	if err != nil {
		return missing(id, err)
	}
	if err := s.remove(ctx, row); err != nil {
		s.Log.WarnContext(ctx, "the file of a deleted document is removed later", "document", id, "err", err)
	}
	return nil
}

// missing says what is missing in the words of this package.
func missing(id string, err error) error {
	if fault.Is(err, fault.NotFound) {
		return notFound(id)
	}
	return err
}

// Open returns length bytes of the file of a document, from the offset on.
func (s *Service) Open(ctx context.Context, d *Document, offset, length int64) (io.ReadCloser, error) {
	key, err := s.key(ctx, d.ID)
	if err != nil {
		return nil, err
	}
	if length == d.Size {
		length = -1
	}
	body, err := s.Objects.Open(ctx, key, offset, length)
	if fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.NotFound, "the file of document %s is not in the storage", d.ID).Because(err)
	}
	return body, err
}

// Link is an address from which anybody can get a file until it expires.
type Link struct {
	URL     string
	Valid   time.Duration
	Expires time.Time
}

// Link returns a link to the file of a document, or nil where the caller is to
// get it from the service: a link can be passed on, so there is one only to who
// uploaded the file, or where it is public.
func (s *Service) Link(ctx context.Context, d *Document) (*Link, error) {
	if !d.IsPublic && !d.own(auth.Caller(ctx)) {
		return nil, nil
	}
	key, err := s.key(ctx, d.ID)
	if err != nil {
		return nil, err
	}
	expires := s.now().Add(linkValid)
	url, err := s.Objects.Link(ctx, key, d.FileName, d.Type, linkValid)
	if err != nil {
		return nil, err
	}
	return &Link{url, linkValid, expires}, nil
}
