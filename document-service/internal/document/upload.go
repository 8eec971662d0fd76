package document

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"io"
	"strings"
	"time"

	"golang.org/x/text/encoding"
	"golang.org/x/text/transform"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/idempotency"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/wire"
)

const (
	abortTimeout = 15 * time.Second
	headSize     = 64 << 10 // bytes; the media type is detected from them
)

// File is a file to upload.
type File struct {
	Name           string
	Type           string // declared media type, may have parameters or be empty
	Body           io.Reader
	IdempotencyKey string // optional; an upload with the same key is stored once
}

// Upload is a stored file that is not a document yet. Callers must call Abort for every upload,
// even after Commit.
type Upload struct {
	by        auth.Principal
	name      string
	mediaType string
	head      int // bytes that were read to detect the media type
	body      *hashingReader
	key       string               // derived from the idempotency key; empty without one
	existing  *store.Row[Document] // document of an earlier upload with the same key
	id        string               // of the pending document, or empty
}

// Begin stores the bytes of a file. It fails with fault.TooLarge when the file is
// larger than MaxBytes, fault.Unsupported when the type is not allowed or differs
// from the declared type, fault.Invalid when the file is empty, fault.QuotaExceeded when
// the quota of the owner is exhausted, and with the errors of Body. After an error,
// nothing of the file is stored.
//
// If a document with the idempotency key exists, Begin only computes the checksum of
// the file, and Commit compares it.
func (s *Service) Begin(ctx context.Context, by auth.Principal, f File) (*Upload, error) {
	if by.EmailUnverified {
		return nil, fault.New(fault.Forbidden, "the email address of your account is not confirmed; open the link in the mail, or register again for another mail")
	}
	head, mediaType, err := s.detect(f)
	if err != nil {
		return nil, err
	}
	up := &Upload{by: by, name: f.Name, mediaType: mediaType, head: len(head), body: &hashingReader{
		from: io.MultiReader(bytes.NewReader(head), f.Body), sum: sha256.New(), limit: s.MaxBytes,
		macros: macroMarkers(mediaType),
	}}
	if strings.HasPrefix(mediaType, "text/") {
		up.body.utf8 = transform.NewWriter(io.Discard, encoding.UTF8Validator)
	}
	if f.IdempotencyKey != "" {
		up.key = idempotencyID(by, f.IdempotencyKey)
	}
	if err := s.receive(ctx, up); err != nil {
		s.Abort(ctx, up)
		return nil, sweptError(err)
	}
	return up, nil
}

// idempotencyID returns the id of an upload of p with the key. Keys belong to the uploader
// in the organisation that owns the document: who moves to another organisation cannot
// replay earlier uploads, which would return documents of the former one.
func idempotencyID(p auth.Principal, key string) string {
	if p.Organisation == "" {
		return idempotency.ID("document", p.UserID, key)
	}
	return idempotency.ID("document of "+p.Organisation, p.UserID, key)
}

// Commit turns the upload into a document with the given details. After an error, nothing is
// stored, so the upload can be repeated. It fails with
// fault.Invalid when a field is not valid or the idempotency key was used for another
// upload, and with fault.Forbidden when the caller must not set the access class. replayed reports whether the document comes from an earlier upload with
// the same key.
func (s *Service) Commit(ctx context.Context, up *Upload, changes Changes) (row store.Row[Document], replayed bool, err error) {
	if err := changes.validate(); err != nil {
		return row, false, err
	}
	details := Details{AccessClass: AccessOwner}
	changes.apply(&details, up.mediaType)
	if err := checkAccessClass(up.by, AccessOwner, details.Class()); err != nil {
		return row, false, err
	}
	if up.existing == nil {
		row, err := s.markReady(ctx, up, changes)
		if err == nil {
			up.id = "" // Abort has nothing to remove
			s.settle(ctx, &row.Doc)
			return row, false, nil
		}
		if index, ok := store.Duplicate(err); !ok || index != byKey {
			return row, false, err
		}
		if err := s.findExisting(ctx, up); err != nil { // a concurrent upload with the same key was committed first
			return row, false, err
		}
	}
	if up.existing == nil {
		return row, false, fault.New(fault.Unavailable, "the document with this Idempotency-Key was deleted during the upload; try again")
	}
	return *up.existing, true, idempotency.Check(up.existing.Doc.Request, up.requestChecksum(changes))
}

// Abort removes the bytes of an upload unless it was committed, even if ctx is
// cancelled. If that fails, a sweep removes them later.
func (s *Service) Abort(ctx context.Context, up *Upload) {
	if up.id == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	if err := s.discard(ctx, up.id, s.now().Add(time.Millisecond)); err != nil {
		s.Log.WarnContext(ctx, "failed upload not removed, a sweep will retry", "document", up.id, "err", err)
	}
}

// detect reads the head of the file and detects the media type.
func (s *Service) detect(f File) (head []byte, mediaType string, err error) {
	head = make([]byte, headSize)
	n, err := io.ReadFull(f.Body, head)
	head = head[:n]
	switch err { // compared by ==, as the errors of Body may wrap these
	case io.EOF:
		return nil, "", fault.New(fault.Invalid, "the file is empty").With(fault.Detail{Path: "/file", Code: "required", Message: "must not be empty"})
	case nil, io.ErrUnexpectedEOF:
	default:
		return nil, "", err
	}
	mediaType, err = s.Types.choose(s.DetectType(head), f.Type, f.Name, head)
	if err != nil {
		return nil, "", err
	}
	return head, mediaType, nil
}

// receive stores the file, or only reads it when the key has a document.
func (s *Service) receive(ctx context.Context, up *Upload) error {
	if err := s.findExisting(ctx, up); err != nil {
		return err
	}
	if up.existing != nil {
		_, err := io.Copy(io.Discard, up.body)
		return err
	}
	d := Document{UploadedBy: up.by.UserID, Organisation: up.by.Organisation}
	if err := s.precheck(ctx, &d, int64(up.head)); err != nil {
		return err
	}
	key, err := s.insertPending(ctx, up)
	if err != nil {
		return err
	}
	if err := s.Objects.Put(ctx, key, up.mediaType, up.body); err != nil {
		return err
	}
	d.ID = up.id
	return s.reserve(ctx, &d, up.body.size)
}

// findExisting looks for a document of an earlier upload with the same key.
func (s *Service) findExisting(ctx context.Context, up *Upload) error {
	if up.key == "" {
		return nil
	}
	row, err := s.Documents.GetBy(ctx, byKey, up.key)
	if err != nil {
		return ignoreNotFound(err)
	}
	up.existing = &row
	return s.setTrust(ctx, &row.Doc)
}

// insertPending inserts the pending document and returns its object key. It runs
// before the file is stored, so every object has a document.
func (s *Service) insertPending(ctx context.Context, up *Upload) (string, error) {
	id, now := s.NewID(), s.now()
	key, err := s.key(ctx, id)
	if err != nil {
		return "", err
	}
	name := cleanName(up.name)
	if name == "" {
		name = "document" + fileTypes[up.mediaType].extensions[0]
	}
	_, err = s.Documents.Insert(ctx, id, Document{
		ID: id, State: Pending, OriginalName: cmp.Or(sentName(up.name), name), Type: up.mediaType,
		Details:    Details{FileName: fileTypes[up.mediaType].addExtension(name), Kind: KindOther, AccessClass: AccessOwner},
		UploadedBy: up.by.UserID, Organisation: up.by.Organisation, CreatedAt: now, UpdatedAt: now,
	})
	if err == nil {
		up.id = id
	}
	return key, err
}

// markReady makes the pending document ready and publishes the event.
func (s *Service) markReady(ctx context.Context, up *Upload, changes Changes) (store.Row[Document], error) {
	row, err := s.Documents.Update(ctx, up.id, func(d *Document) (store.Change, error) {
		if d.State != Pending {
			return store.Change{}, notFound(up.id)
		}
		d.State, d.UpdatedAt = Ready, s.now()
		d.Size, d.SHA256, d.IsUTF8 = up.body.size, up.body.hex(), up.body.isUTF8()
		if up.key != "" {
			d.Key, d.Request = up.key, up.requestChecksum(changes)
		}
		changes.apply(&d.Details, d.Type)
		return store.Change{Events: []event.Envelope{d.uploaded()}}, s.setTrust(ctx, d)
	})
	return row, sweptError(err)
}

// sweptError replaces the fault.NotFound of an upload that a sweep removed.
func sweptError(err error) error {
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.Unavailable, "the upload took too long and was cancelled; try again").Because(err)
	}
	return err
}

// requestChecksum returns the checksum of the file, its name and type, and the fields.
func (up *Upload) requestChecksum(c Changes) string {
	fields, err := wire.Marshal([]any{c.Description, c.PassportID, c.Kind, c.AccessClass, c.IsPublic})
	if err != nil {
		panic(err) // strings and a boolean can always be encoded
	}
	return idempotency.Fingerprint(up.body.hex(), up.name, up.mediaType, string(fields))
}
