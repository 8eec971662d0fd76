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
// it does not answer or is not set up.
type Objects interface {
	// Put stores everything that body returns. When body fails, Put fails with
	// that error and stores nothing.
	Put(ctx context.Context, key, mediaType string, body io.Reader) error
	// Open returns length bytes of an object from the offset on, or the whole
	// object when length is negative. It fails with fault.NotFound.
	Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error)
	// Remove deletes an object and aborts its uploads. A missing object is no error.
	Remove(ctx context.Context, key string) error
	// Link returns a URL from which anybody can download the object as a file
	// with the given name.
	Link(ctx context.Context, key, name, mediaType string, valid time.Duration) (string, error)
	// Stored calls f with the key of each object under prefix that was stored
	// before the given time, in the order of the keys and after the given key. It
	// ends with the first error of f.
	Stored(ctx context.Context, prefix, after string, before time.Time, f func(key string) error) error
	// AbortUploads aborts the uploads under prefix that began before the given
	// time, or all of them when it is zero.
	AbortUploads(ctx context.Context, prefix string, before time.Time) error
}

// LinkValid is how long a download link is valid.
const LinkValid = 60 * time.Second

// Service stores, lists, changes and deletes documents. It is safe for
// concurrent use. A document that the caller may not see is fault.NotFound.
// Methods fail with fault.Unavailable when the store, or the object storage for
// the bytes, does not answer.
type Service struct {
	Documents  *store.Collection[Document]
	Origins    *store.Collection[Origin]
	Objects    Objects
	TypeOf     func(head []byte) string // media type of a file that begins with head
	MaxBytes   int64                    // of a file
	MaxUploads int                      // at the same time
	SweepAfter time.Duration            // age at which a sweep removes what is unfinished
	Now        func() time.Time
	NewID      func() string
	Log        *slog.Logger

	slots  slots
	origin atomic.Pointer[string]
}

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// Get returns a document.
func (s *Service) Get(ctx context.Context, by auth.Principal, id string) (Document, error) {
	row, err := s.Documents.Get(ctx, id)
	if fault.Is(err, fault.NotFound) || err == nil && !row.Doc.visibleTo(by) {
		return Document{}, notFound(id)
	}
	return row.Doc, err
}

// Filter selects documents of a list. An empty field selects all.
type Filter struct {
	PassportID string
	Kind       Kind
	Own        bool // only what the caller uploaded
}

// List returns a page of the documents of the caller: an admin sees all, an
// authority those for authorities, and others those of their organisation or,
// without one, their own.
func (s *Service) List(ctx context.Context, by auth.Principal, f Filter, limit int, cursor string) (store.Page[Document], error) {
	scopes := scopesOf(by)
	if f.Own {
		scopes = []string{ofUser + by.UserID}
	}
	return s.Documents.List(ctx, store.Query{
		Scopes: scopes, Filters: map[string]string{"passportId": f.PassportID, "kind": string(f.Kind)}, Limit: limit, Cursor: cursor,
	})
}

// Describe changes the description of a document. It fails with fault.Invalid
// when a field is not valid, and fault.Forbidden when the caller may only read it.
func (s *Service) Describe(ctx context.Context, by auth.Principal, id string, fields Fields) (Document, error) {
	if err := fields.validate(); err != nil {
		return Document{}, err
	}
	row, err := s.Documents.Update(ctx, id, func(d *Document) (store.Change, error) {
		if err := d.changeableBy(by); err != nil {
			return store.Change{}, err
		}
		before := d.Description
		if fields.apply(&d.Description, d.Type); d.Description == before {
			return store.Change{}, store.ErrNoChange
		}
		d.UpdatedAt = s.now()
		return store.Change{}, nil
	})
	return row.Doc, missing(id, err)
}

// Delete deletes a document. The write that hides it also publishes the event;
// its object goes after that, at the latest by a sweep. It fails as Describe.
func (s *Service) Delete(ctx context.Context, by auth.Principal, id string) error {
	row, err := s.Documents.Update(ctx, id, func(d *Document) (store.Change, error) {
		if err := d.changeableBy(by); err != nil {
			return store.Change{}, err
		}
		d.State, d.UpdatedAt = Deleting, s.now()
		return store.Change{Events: []event.Envelope{d.deleted(by.UserID)}}, nil
	})
	if err != nil {
		return missing(id, err)
	}
	if err := s.remove(ctx, row); err != nil {
		s.Log.WarnContext(ctx, "file of a deleted document not removed yet, a sweep will", "document", id, "err", err)
	}
	return nil
}

// missing replaces the store's fault.NotFound by that of the document.
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
		return nil, fault.New(fault.NotFound, "the file of document %s is missing in the object storage", d.ID).Because(err)
	}
	return body, err
}

// Link is a URL from which anybody can download a file until it expires.
type Link struct {
	URL     string
	Expires time.Time
}

// Link returns a link to the file of a document, or nil when the caller must
// download it from the service. As links can be passed on, only the uploader
// gets one, or everybody when the document is public.
func (s *Service) Link(ctx context.Context, by auth.Principal, d *Document) (*Link, error) {
	if !d.IsPublic && !d.uploadedBy(by) {
		return nil, nil
	}
	key, err := s.key(ctx, d.ID)
	if err != nil {
		return nil, err
	}
	expires := s.now().Add(LinkValid)
	url, err := s.Objects.Link(ctx, key, d.FileName, d.Type, LinkValid)
	if err != nil {
		return nil, err
	}
	return &Link{url, expires}, nil
}
