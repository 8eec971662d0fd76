package document

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"mime"
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/idempotency"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/wire"
)

const (
	abortTimeout = 15 * time.Second
	headSize     = 64 << 10 // bytes that the type is detected from
)

// File is a file to upload.
type File struct {
	Name           string
	Type           string // the declared media type, with parameters; may be empty
	Body           io.Reader
	IdempotencyKey string // repeats the upload that had the same; empty: the upload is new
}

// Upload is a file whose bytes are stored and which has no description yet.
// Every upload must be aborted: after a successful Commit that only frees its
// slot.
type Upload struct {
	by        auth.Principal
	name      string
	mediaType string
	body      *hashingReader
	key       string    // derived from the idempotency key; empty without one
	made      *Document // what an earlier upload with the key made
	id        string    // of the pending document; empty when there is none
	release   func()
}

// Begin stores the bytes of a file. It fails with fault.TooLarge above MaxBytes,
// fault.Unsupported when the type is not allowed or differs from the declared
// one, fault.Invalid when the file is empty, fault.Unavailable when no slot is
// free, and as Body does; then nothing stays stored.
//
// When the idempotency key has made a document before, Begin only reads the
// file, for Commit to compare it.
func (s *Service) Begin(ctx context.Context, by auth.Principal, f File) (*Upload, error) {
	head, mediaType, err := s.detect(f)
	if err != nil {
		return nil, err
	}
	release, err := s.slots.acquire(ctx, by.UserID, s.MaxUploads)
	if err != nil {
		return nil, err
	}
	up := &Upload{by: by, name: f.Name, mediaType: mediaType, release: release, body: &hashingReader{
		from: io.MultiReader(bytes.NewReader(head), f.Body), sum: sha256.New(), limit: s.MaxBytes,
	}}
	if f.IdempotencyKey != "" {
		up.key = idempotency.ID("document", by.UserID, f.IdempotencyKey)
	}
	if err := s.receive(ctx, up); err != nil {
		s.Abort(ctx, up)
		return nil, swept(err)
	}
	return up, nil
}

// Commit makes the upload a document with the given fields. It fails with
// fault.Invalid when the fields are not valid or the idempotency key was used
// for another upload. replayed reports that an earlier upload with the key made
// the document.
func (s *Service) Commit(ctx context.Context, up *Upload, fields Fields) (d Document, replayed bool, err error) {
	if err := fields.validate(); err != nil {
		return Document{}, false, err
	}
	if up.made == nil {
		d, err := s.ready(ctx, up, fields)
		if err == nil {
			up.id = "" // nothing is left to abort
		}
		if index, ok := store.Duplicate(err); !ok || index != byKey {
			return d, false, err
		}
		if err := s.findMade(ctx, up); err != nil { // another upload was faster
			return Document{}, false, err
		}
	}
	if up.made == nil {
		return Document{}, false, fault.New(fault.Unavailable, "the document of this key was deleted meanwhile; try again")
	}
	return *up.made, true, idempotency.Check(up.made.Request, up.request(fields))
}

// Abort removes what is stored of an upload that was not committed, also when
// its client has gone, and frees its slot. A sweep removes what Abort cannot.
func (s *Service) Abort(ctx context.Context, up *Upload) {
	defer up.release()
	if up.id == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	if err := s.discard(ctx, up.id, s.now().Add(time.Millisecond)); err != nil {
		s.Log.WarnContext(ctx, "failed upload not removed yet, a sweep will", "document", up.id, "err", err)
	}
}

// detect reads the head of the file and returns it with the media type.
func (s *Service) detect(f File) (head []byte, mediaType string, err error) {
	head = make([]byte, headSize)
	n, err := io.ReadFull(f.Body, head)
	head = head[:n]
	switch err { // compared by ==, as the errors of Body may wrap these
	case io.EOF:
		return nil, "", fault.New(fault.Invalid, "the file is empty").With(fault.Detail{Path: "/file", Code: "required", Message: "has no bytes"})
	case nil, io.ErrUnexpectedEOF:
	default:
		return nil, "", err
	}
	declared, _, err := mime.ParseMediaType(f.Type)
	if err != nil || declared == "application/octet-stream" {
		declared = "" // the client does not know
	}
	found := s.TypeOf(head)
	if mediaType = typeOf(found, declared); mediaType == "" {
		message := fmt.Sprintf("is %s", found)
		if declared != "" {
			message += ", and is declared as " + declared
		}
		return nil, "", fault.New(fault.Unsupported, "a file must be PDF, JPEG, PNG, GIF, plain text, Word or Excel, and match its declared type").
			With(fault.Detail{Path: "/file", Code: "type", Message: message})
	}
	return head, mediaType, nil
}

// receive stores the bytes, or only reads them when the key has made a document.
func (s *Service) receive(ctx context.Context, up *Upload) error {
	if err := s.findMade(ctx, up); err != nil {
		return err
	}
	if up.made != nil {
		_, err := io.Copy(io.Discard, up.body)
		return err
	}
	key, err := s.insertPending(ctx, up)
	if err != nil {
		return err
	}
	return s.Objects.Put(ctx, key, up.mediaType, up.body)
}

// findMade sets what an earlier upload with the key made, if there is one.
func (s *Service) findMade(ctx context.Context, up *Upload) error {
	if up.key == "" {
		return nil
	}
	row, err := s.Documents.GetBy(ctx, byKey, up.key)
	if err != nil {
		return ignoreGone(err)
	}
	up.made = &row.Doc
	return nil
}

// insertPending inserts the document before its first byte is stored, so that
// no object is without a document, and returns the object's key.
func (s *Service) insertPending(ctx context.Context, up *Upload) (string, error) {
	id, now := s.NewID(), s.now()
	key, err := s.key(ctx, id)
	if err != nil {
		return "", err
	}
	name := cleanName(up.name)
	if name == "" {
		name = "document" + types[up.mediaType].extensions[0]
	}
	_, err = s.Documents.Insert(ctx, id, Document{
		ID: id, State: Pending, OriginalName: name, Type: up.mediaType,
		Description: Description{FileName: types[up.mediaType].fit(name), Kind: Other, AccessClass: ForOwner},
		UploadedBy:  up.by.UserID, Organisation: up.by.Organisation, CreatedAt: now, UpdatedAt: now,
	})
	if err == nil {
		up.id = id
	}
	return key, err
}

// ready makes the pending document visible.
func (s *Service) ready(ctx context.Context, up *Upload, fields Fields) (Document, error) {
	row, err := s.Documents.Update(ctx, up.id, func(d *Document) (store.Change, error) {
		if d.State != Pending {
			return store.Change{}, notFound(up.id)
		}
		d.State, d.UpdatedAt = Ready, s.now()
		d.Size, d.SHA256 = up.body.size, up.body.hex()
		if up.key != "" {
			d.Key, d.Request = up.key, up.request(fields)
		}
		fields.apply(&d.Description, d.Type)
		return store.Change{Events: []event.Envelope{d.uploaded()}}, nil
	})
	return row.Doc, swept(err)
}

// swept replaces the fault.NotFound of an upload that a sweep removed meanwhile.
func swept(err error) error {
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.Unavailable, "the upload took too long and was given up").Because(err)
	}
	return err
}

// request is the checksum of everything that was sent.
func (up *Upload) request(f Fields) string {
	fields, err := wire.Marshal([]any{f.Text, f.PassportID, f.Kind, f.AccessClass, f.IsPublic})
	if err != nil {
		panic(err) // texts and a flag are always JSON
	}
	return idempotency.Fingerprint(up.body.hex(), up.name, up.mediaType, string(fields))
}

// hashingReader reads a file of a limited size and computes its SHA-256.
type hashingReader struct {
	from  io.Reader
	sum   hash.Hash
	size  int64
	limit int64
}

func (r *hashingReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	r.sum.Write(p[:n])
	if r.size += int64(n); r.size > r.limit {
		return n, fault.New(fault.TooLarge, "a file may have at most %d bytes", r.limit).
			With(fault.Detail{Path: "/file", Code: "range", Message: fmt.Sprintf("has more than %d bytes", r.limit)})
	}
	return n, err
}

func (r *hashingReader) hex() string { return hex.EncodeToString(r.sum.Sum(nil)) }
