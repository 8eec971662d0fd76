package document

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/battery-passport/suite/document-service/internal/ownership"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Objects is the object storage. All methods fail with fault.Unavailable when the
// storage does not respond or its credentials are missing.
type Objects interface {
	// Put stores the content of body. When body fails, Put stores nothing and
	// returns that error.
	Put(ctx context.Context, key, mediaType string, body io.Reader) error
	// Open returns length bytes of an object, starting at offset, or the whole
	// object when length is negative. It fails with fault.NotFound when the object
	// does not exist.
	Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error)
	// Remove deletes an object and aborts its uploads. It succeeds when the object does not exist.
	Remove(ctx context.Context, key string) error
	// Link returns a URL that anyone can use to download the object as a file with
	// the given name, for the given time.
	Link(ctx context.Context, key, name, mediaType string, valid time.Duration) (string, error)
	// List calls f for each object under prefix that was stored before the given
	// time, in key order, starting after the given key. It returns the first error
	// of f.
	List(ctx context.Context, prefix, after string, before time.Time, f func(key string) error) error
	// AbortUploads aborts the multipart uploads under prefix that began before the
	// given time, or all of them when it is zero.
	AbortUploads(ctx context.Context, prefix string, before time.Time) error
}

// LinkLifetime is the validity of a download link.
const LinkLifetime = 60 * time.Second

// Service stores, lists, changes and deletes documents. It is safe for concurrent
// use. Methods fail with fault.NotFound when the caller may not read the document,
// and with fault.Unavailable when the database or the object storage does not respond.
type Service struct {
	Documents   *store.Collection[Document]
	KeyPrefixes *store.Collection[KeyPrefix]
	Usages      *store.Collection[Usage]
	Owners      *ownership.Service
	Objects     Objects
	DetectType  func(head []byte) string // returns the media type of a file that begins with head
	Types       Types                    // that may be uploaded
	MaxBytes    int64                    // largest size of a file
	Quotas      Quotas
	Started     time.Time     // of this process
	SweepAfter  time.Duration // age at which a sweep removes unfinished uploads
	Now         func() time.Time
	NewID       func() string
	Log         *slog.Logger

	keyPrefix atomic.Pointer[string]
}

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// Get returns a document.
func (s *Service) Get(ctx context.Context, by auth.Principal, id string) (store.Row[Document], error) {
	row, err := s.Documents.Get(ctx, id)
	if err == nil {
		err = s.setTrust(ctx, &row.Doc)
	}
	if fault.Is(err, fault.NotFound) || err == nil && !row.Doc.visibleTo(by) {
		return store.Row[Document]{}, notFound(id)
	}
	return row, err
}

// Filter restricts a list. The zero value selects all documents that the caller may list.
type Filter struct {
	PassportID string
	Kind       Kind
	Own        bool // only documents that the caller uploaded and still owns
}

// maxScans is the number of pages that List reads for one page of an authority.
const maxScans = 5

// List returns a page of documents: for an admin all, for an authority those that
// the access class shows to authorities, for other callers those that they or their organisation own.
// An authority does not get documents of a passport that its owner has not uploaded; the page
// may then be shorter than limit, and not the last one.
func (s *Service) List(ctx context.Context, by auth.Principal, f Filter, limit int, cursor string) (page store.Page[Document], err error) {
	q := store.Query{Scopes: scopesOf(by), Filters: map[string]string{"passportId": f.PassportID, "kind": string(f.Kind)}, Cursor: cursor}
	switch {
	case f.Own:
		q.Scopes = ownScopes(by)
	case by.Role == auth.Authority && f.PassportID != "":
		if q.Scopes, err = s.scopesOfPassport(ctx, f.PassportID, passportScope); err != nil {
			return page, err
		}
	}
	for range maxScans {
		q.Limit = limit - len(page.Rows)
		next, err := s.Documents.List(ctx, q)
		if err == nil {
			err = s.setTrustOf(ctx, next.Rows)
		}
		if err != nil {
			return store.Page[Document]{}, err
		}
		for _, row := range next.Rows {
			if row.Doc.visibleTo(by) {
				page.Rows = append(page.Rows, row)
			}
		}
		if page.Next, q.Cursor = next.Next, next.Next; q.Cursor == "" || len(page.Rows) >= limit {
			break
		}
	}
	return page, nil
}

// Update changes the details of a document and publishes the event. It fails with fault.Invalid when a
// field is not valid, with fault.Forbidden when the caller may only read it or must
// not set the access class, and with fault.Stale when ifVersion is given and does not
// contain the current version.
func (s *Service) Update(ctx context.Context, by auth.Principal, id string, changes Changes, ifVersion ...int64) (row store.Row[Document], err error) {
	if err := changes.validate(); err != nil {
		return row, err
	}
	if _, err := s.checkCanChange(ctx, by, id); err != nil {
		return row, err
	}
	var fromOwner bool
	row, err = s.Documents.Update(ctx, id, func(d *Document) (store.Change, error) {
		if err := s.checkChange(ctx, d, by); err != nil {
			return store.Change{}, err
		}
		before := d.Details
		fromOwner = d.FromPassportOwner
		if changes.apply(&d.Details, d.Type); d.Details == before {
			return store.Change{}, store.ErrNoChange
		}
		if err := checkAccessClass(by, before.Class(), d.Class()); err != nil {
			return store.Change{}, err
		}
		if err := s.setTrust(ctx, d); err != nil {
			return store.Change{}, err
		}
		fromOwner = d.FromPassportOwner
		d.UpdatedAt, d.UpdatedBy = s.now(), by.UserID
		return store.Change{Events: []event.Envelope{d.updated(before)}}, nil
	}, store.IfVersion(ifVersion...))
	row.Doc.FromPassportOwner = fromOwner
	return row, missing(id, err)
}

// checkChange sets FromPassportOwner in d and fails like its method checkChange.
func (s *Service) checkChange(ctx context.Context, d *Document, by auth.Principal) error {
	if err := s.setTrust(ctx, d); err != nil {
		return err
	}
	return d.checkChange(by)
}

// checkCanChange returns the document if the caller may change it. It runs before the
// version is compared, so that fault.Stale does not reveal that a document exists.
func (s *Service) checkCanChange(ctx context.Context, by auth.Principal, id string) (store.Row[Document], error) {
	row, err := s.Get(ctx, by, id)
	if err == nil {
		err = row.Doc.checkChange(by)
	}
	return row, err
}

// Delete deletes a document: it hides the document and publishes the event in one
// write, then removes the object. If that fails, a sweep removes the object later.
// Delete fails with fault.Forbidden when the caller may only read the document, and with
// fault.Stale like Update.
func (s *Service) Delete(ctx context.Context, by auth.Principal, id string, ifVersion ...int64) error {
	row, err := s.checkCanChange(ctx, by, id)
	if err != nil {
		return err
	}
	if len(ifVersion) > 0 && !slices.Contains(ifVersion, row.Version) {
		return store.ErrStale(id)
	}
	s.reserveForDeletion(ctx, &row.Doc)
	row, err = s.Documents.Update(ctx, id, func(d *Document) (store.Change, error) {
		if err := s.checkChange(ctx, d, by); err != nil {
			return store.Change{}, err
		}
		d.State, d.UpdatedAt = Deleting, s.now()
		return store.Change{Events: []event.Envelope{d.deleted(by.UserID)}}, nil
	}, store.IfVersion(ifVersion...))
	if err != nil {
		return missing(id, err)
	}
	if err := s.remove(ctx, row); err != nil {
		s.Log.WarnContext(ctx, "file of a deleted document not removed, a sweep will retry", "document", id, "err", err)
	}
	return nil
}

// missing replaces a fault.NotFound of the store with the fault of the document.
func missing(id string, err error) error {
	if fault.Is(err, fault.NotFound) {
		return notFound(id)
	}
	return err
}

// Open returns length bytes of the file of a document, starting at offset.
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

// Link is a URL that anyone can use to download a file until it expires.
type Link struct {
	URL     string
	Expires time.Time
}

// Link returns a download link, or nil when the caller must download the file from
// the service. Links can be shared, so there is one only for public documents and
// for an uploader who still owns the document.
func (s *Service) Link(ctx context.Context, by auth.Principal, d *Document) (*Link, error) {
	if !d.IsPublic && !(d.UploadedBy == by.UserID && d.ownedBy(by)) {
		return nil, nil
	}
	key, err := s.key(ctx, d.ID)
	if err != nil {
		return nil, err
	}
	expires := s.now().Add(LinkLifetime)
	url, err := s.Objects.Link(ctx, key, d.DownloadName(), d.ContentType(), LinkLifetime)
	if err != nil {
		return nil, err
	}
	return &Link{url, expires}, nil
}
