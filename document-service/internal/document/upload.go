package document

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
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
	cleanTimeout = 15 * time.Second // for what is done away with after a failure
	headSize     = 64 << 10         // bytes that the type is told by
)

// File is a file as it arrives.
type File struct {
	Name string
	Type string // what it is declared to be, with parameters or empty
	Body io.Reader
	Key  string // under which the upload may come again; empty: it may not
}

// Upload stores a file and returns its document when the storage has confirmed
// that all of it is there. said is called when the file is read: what is said
// of a file may come after it.
//
// It fails with fault.TooLarge above MaxBytes, fault.Unsupported when the bytes
// are of no type that may be uploaded or of another than declared,
// fault.Invalid when the file is empty, and as its reader and said do; then
// nothing is stored. A document that the process does not come to the end of
// stays pending, and a sweep removes it.
//
// With a key it stores a file once: again tells that it was stored before. It
// fails with fault.Invalid when the key was used for another upload.
func (s *Service) Upload(ctx context.Context, file File, said func() (Statement, error)) (d Document, again bool, err error) {
	head, mediaType, err := s.begin(file)
	if err != nil {
		return Document{}, false, err
	}
	release, err := s.uploads.take(ctx, s.MaxUploads)
	if err != nil {
		return Document{}, false, err
	}
	defer release()
	up := &upload{File: file, mediaType: mediaType, body: &measured{
		from: io.MultiReader(bytes.NewReader(head), file.Body), sum: sha256.New(), most: s.MaxBytes,
	}}
	if file.Key != "" {
		up.Key = idempotency.ID("document", auth.Caller(ctx).UserID, file.Key)
		if made, err := s.Documents.GetBy(ctx, byKey, up.Key); !fault.Is(err, fault.NotFound) {
			return made.Doc, true, errors.Join(err, up.compare(made.Doc, said))
		}
	}
	d, err = s.store(ctx, up, said)
	if index, ok := store.Duplicate(err); ok && index == byKey { // another came to the end first
		made, err := s.Documents.GetBy(ctx, byKey, up.Key)
		if err != nil {
			return Document{}, false, err
		}
		return made.Doc, true, idempotency.Check(made.Doc.Request, up.request())
	}
	return d, false, err
}

// upload is one under way.
type upload struct {
	File
	mediaType string
	body      *measured
	statement Statement
}

// request is the sum of all that was sent. It is known when all has been read.
func (u *upload) request() string {
	s := u.statement
	said, err := wire.Marshal([]any{s.Text, s.PassportID, s.Kind, s.AccessClass, s.IsPublic})
	if err != nil {
		panic(err) // texts and a flag
	}
	return idempotency.Sum(hex.EncodeToString(u.body.sum.Sum(nil)), u.Name, u.mediaType, string(said))
}

// compare reads an upload that is not stored, and fails when it is another than
// the document was made by.
func (u *upload) compare(made Document, said func() (Statement, error)) (err error) {
	if _, err = io.Copy(io.Discard, u.body); err == nil {
		u.statement, err = said()
	}
	if err != nil {
		return err
	}
	return idempotency.Check(made.Request, u.request())
}

// store stores an upload, or nothing of it.
func (s *Service) store(ctx context.Context, up *upload, said func() (Statement, error)) (Document, error) {
	key, row, err := s.pending(ctx, up.File, up.mediaType)
	if err != nil {
		return Document{}, err
	}
	up.statement, err = s.transfer(ctx, key, up.mediaType, up.body, said)
	if err == nil {
		var ready Document
		if ready, err = s.ready(ctx, row.ID, up); err == nil {
			return ready, nil
		}
	}
	s.giveUp(ctx, row.ID)
	if fault.Is(err, fault.NotFound) { // a sweep took it for left over
		err = fault.New(fault.Unavailable, "the upload took so long that it was given up").Because(err)
	}
	return Document{}, err
}

// begin reads the beginning of the file and tells its type.
func (s *Service) begin(file File) (head []byte, mediaType string, err error) {
	head = make([]byte, headSize)
	n, err := io.ReadFull(file.Body, head)
	head = head[:n]
	switch err { // what the reader itself fails with may wrap these
	case io.EOF:
		return nil, "", fault.New(fault.Invalid, "the file is empty").With(fault.Detail{Path: "/file", Code: "required", Message: "has no bytes"})
	case nil, io.ErrUnexpectedEOF:
	default:
		return nil, "", err
	}
	declared, _, err := mime.ParseMediaType(file.Type)
	if err != nil || declared == "application/octet-stream" {
		declared = "" // so clients say that they do not know
	}
	found := s.TypeOf(head)
	if mediaType = typeOf(found, declared); mediaType == "" {
		message := fmt.Sprintf("is %s", found)
		if declared != "" {
			message += ", and is said to be " + declared
		}
		return nil, "", fault.New(fault.Unsupported, "a file has to be PDF, JPEG, PNG, GIF, plain text, Word or Excel, and what it is said to be").
			With(fault.Detail{Path: "/file", Code: "type", Message: message})
	}
	return head, mediaType, nil
}

// pending inserts the document before the first byte is stored, so that none is
// without one.
func (s *Service) pending(ctx context.Context, file File, mediaType string) (key string, row store.Row[Document], err error) {
	id, now, caller := s.NewID(), s.now(), auth.Caller(ctx)
	if key, err = s.key(ctx, id); err != nil {
		return "", row, err
	}
	name := cleanName(file.Name)
	if name == "" {
		name = "document" + types[mediaType].extensions[0]
	}
	row, err = s.Documents.Insert(ctx, id, Document{
		ID: id, State: Pending, OriginalName: name, Type: mediaType,
		Description: Description{FileName: types[mediaType].fit(name), Kind: Other, AccessClass: ForOwner},
		UploadedBy:  caller.UserID, Organisation: caller.Organisation, CreatedAt: now, UpdatedAt: now,
	})
	return key, row, err
}

// transfer stores the bytes, reads what is said of them, and has the storage
// confirm the size. The checksum it confirms with each request.
func (s *Service) transfer(ctx context.Context, key, mediaType string, body *measured, said func() (Statement, error)) (Statement, error) {
	if err := s.Objects.Put(ctx, key, mediaType, body); err != nil {
		return Statement{}, err
	}
	statement, err := said()
	if err == nil {
		err = statement.Check()
	}
	if err != nil {
		return Statement{}, err
	}
	size, err := s.Objects.Size(ctx, key)
	if err == nil && size != body.size {
		err = fmt.Errorf("object %s has %d bytes, and %d were sent", key, size, body.size)
	}
	return statement, err
}

func (s *Service) ready(ctx context.Context, id string, up *upload) (Document, error) {
	row, err := s.Documents.Update(ctx, id, func(d *Document) (store.Change, error) {
		if d.State != Pending {
			return store.Change{}, notFound(id)
		}
		d.State, d.UpdatedAt = Ready, s.now()
		d.Size, d.SHA256 = up.body.size, hex.EncodeToString(up.body.sum.Sum(nil))
		if up.Key != "" {
			d.Key, d.Request = up.Key, up.request()
		}
		up.statement.apply(&d.Description, d.Type)
		return store.Change{Events: []event.Envelope{d.uploaded()}}, nil
	})
	return row.Doc, err
}

// giveUp removes what is stored of an upload that failed, also when its client
// has gone. What it cannot remove is left to a sweep.
func (s *Service) giveUp(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanTimeout)
	defer cancel()
	row, err := s.Documents.Update(ctx, id, func(d *Document) (store.Change, error) {
		if d.State != Pending {
			return store.Change{}, store.ErrNoChange
		}
		d.State, d.UpdatedAt = Deleting, s.now()
		return store.Change{}, nil
	})
	if err == nil && row.Doc.State == Deleting {
		err = s.remove(ctx, row)
	}
	if ignoreGone(err) != nil {
		s.Log.WarnContext(ctx, "a failed upload is removed later", "document", id, "err", err)
	}
}

// measured reads a file of a size at most, and sums it up.
type measured struct {
	from io.Reader
	sum  hash.Hash
	size int64
	most int64
}

func (m *measured) Read(p []byte) (int, error) {
	n, err := m.from.Read(p)
	m.sum.Write(p[:n])
	if m.size += int64(n); m.size > m.most {
		return n, fault.New(fault.TooLarge, "a file may have at most %d bytes", m.most).
			With(fault.Detail{Path: "/file", Code: "range", Message: fmt.Sprintf("has more than %d bytes", m.most)})
	}
	return n, err
}
