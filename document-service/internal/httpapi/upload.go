package httpapi

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/battery-passport/suite/document-service/internal/document"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
)

const (
	maxField    = 16 << 10 // size of a field other than the file, in bytes
	maxOverhead = 1 << 20  // size of a form without its file, in bytes
	maxName     = 64       // characters of an unknown field name in an error
	maxErrors   = 16       // details in one response
)

// DocumentUpload is the multipart form of uploadDocument.
type DocumentUpload struct {
	File        rest.File `json:"file" doc:"file to upload; the part needs a filename"`
	Description string    `json:"description,omitempty" maxLength:"2000" doc:"free text of at most 2000 characters"`
	IsPublic    bool      `json:"isPublic,omitempty" doc:"true: the same as accessClass public"`
	PassportID  string    `json:"passportId,omitempty" format:"uuid" doc:"UUID of the passport that the document is about; authorities see it only if its owner also owns the passport"`
	Kind        string    `json:"kind,omitempty" default:"other" doc:"purpose of the document; the schema Document explains the values"`
	AccessClass string    `json:"accessClass,omitempty" default:"owner" doc:"readers of the document: owner (the organisation of the uploader; without one, the uploader), authority (also authorities) or public (also every signed-in user and, for a document of the owner of a published passport, everyone); only operators and admins may set authority and public"`
}

type uploadInput struct {
	rest.IdempotencyKey
	Form rest.Multipart[DocumentUpload]
}

type uploadOutput struct {
	rest.Replayed
	Location string `header:"Location" doc:"path of the document"`
	ETag     string `header:"ETag" doc:"version number of the metadata, for If-Match"`
	Body     Document
}

func (a *API) upload(ctx context.Context, in *uploadInput) (*uploadOutput, error) {
	parts, err := in.Form.Parts(a.Documents.MaxBytes + maxOverhead)
	if err != nil {
		return nil, err
	}
	f := &form{ctx: ctx, parts: parts, fields: map[string]string{}}
	file, err := f.file()
	if err != nil {
		return nil, err
	}
	up, err := a.Documents.Begin(ctx, auth.Caller(ctx), document.File{Name: file.FileName, Type: file.Type, Body: checkedReader{ctx, file}, IdempotencyKey: in.Key})
	if err != nil {
		return nil, err
	}
	defer a.Documents.Abort(ctx, up)
	fields, err := f.rest()
	if err != nil {
		return nil, err
	}
	row, replayed, err := a.Documents.Commit(ctx, up, fields)
	if err != nil {
		return nil, err
	}
	out := outputOf(row)
	return &uploadOutput{Replayed: rest.ReplayedIf(replayed), Location: path(row.ID), ETag: out.ETag, Body: out.Body}, nil
}

// checkedReader reads a file as long as its uploader has access: an upload may take longer than
// the lifetime of the access token.
type checkedReader struct {
	ctx  context.Context
	file io.Reader
}

func (r checkedReader) Read(b []byte) (int, error) {
	if err := auth.Recheck(r.ctx); err != nil {
		return 0, err
	}
	return r.file.Read(b)
}

// form reads an upload. Its fields may come before or after the file.
type form struct {
	ctx    context.Context
	parts  *rest.Parts
	fields map[string]string
	errors []fault.Detail
}

// file reads the fields before the file and returns the file.
func (f *form) file() (*rest.Part, error) {
	for {
		part, err := f.next()
		if err == io.EOF {
			f.addError("/file", "required", "is missing: send the file in a field named file, with a filename")
			return nil, f.invalid()
		}
		if err != nil {
			return nil, err
		}
		if part.Name == "file" && part.FileName != "" {
			return part, f.invalid() // fail before the file is stored
		}
		if err := f.field(part); err != nil {
			return nil, err
		}
	}
}

// next returns the next part, or io.EOF. It fails if the caller has lost access, so that nothing
// is stored for a caller who loses it during the upload.
func (f *form) next() (*rest.Part, error) {
	part, err := f.parts.Next()
	if denied := auth.Recheck(f.ctx); denied != nil {
		return nil, denied
	}
	return part, err
}

// rest reads the fields after the file and returns all fields.
func (f *form) rest() (document.Changes, error) {
	for {
		part, err := f.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return document.Changes{}, err
		}
		if part.Name == "file" {
			f.addError("/file", "duplicate", "must not be repeated: upload one file per request")
			return document.Changes{}, f.invalid() // without reading the second file
		}
		if err := f.field(part); err != nil {
			return document.Changes{}, err
		}
	}
	var changes document.Changes
	changes.Description, changes.PassportID = f.text("description"), f.text("passportId")
	changes.Kind = (*document.Kind)(f.text("kind"))
	changes.AccessClass = (*document.AccessClass)(f.text("accessClass"))
	if public := f.text("isPublic"); public != nil {
		var err error
		if changes.IsPublic, err = parseBool(*public); err != nil {
			f.addError("/isPublic", "type", "must be true or false")
		}
	}
	return changes, f.invalid()
}

// text returns the value of a field, or nil when it is empty: browsers send an empty
// string for a field without input.
func (f *form) text(name string) *string {
	if value := f.fields[name]; value != "" {
		return &value
	}
	return nil
}

var fieldNames = []string{"description", "isPublic", "passportId", "kind", "accessClass"}

// field reads a field and collects its errors. It fails at maxErrors errors.
func (f *form) field(part *rest.Part) error {
	value, err := io.ReadAll(io.LimitReader(part, maxField+1))
	if err != nil {
		return err
	}
	_, duplicate := f.fields[part.Name]
	switch {
	case part.Name == "file":
		f.addError("/file", "type", "must be a file: its filename is missing")
	case !slices.Contains(fieldNames, part.Name):
		f.addError("/"+pointerToken(part.Name), "unknownField", "is unknown"+fault.DidYouMean(part.Name, append(fieldNames, "file")))
	case duplicate:
		f.addError("/"+part.Name, "duplicate", "must not be repeated")
	case len(value) > maxField:
		f.addError("/"+part.Name, "range", fmt.Sprintf("must have at most %d bytes", maxField))
	default:
		f.fields[part.Name] = string(value)
	}
	if len(f.errors) == maxErrors {
		return f.invalid()
	}
	return nil
}

// pointerToken returns the name of an unknown field for a JSON Pointer, without
// control characters, or "…" if it is too long.
func pointerToken(name string) string {
	token := strings.NewReplacer("~", "~0", "/", "~1").Replace(strings.Trim(strconv.QuoteToASCII(name), `"`))
	if len(token) > maxName {
		return "…"
	}
	return token
}

func (f *form) addError(path, code, message string) {
	f.errors = append(f.errors, fault.Detail{Path: path, Code: code, Message: message})
}

func (f *form) invalid() error {
	if f.errors == nil {
		return nil
	}
	return fault.New(fault.Invalid, "the form is not valid").With(f.errors...)
}
