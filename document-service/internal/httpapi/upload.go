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
	maxField    = 16 << 10 // bytes of a field other than the file
	maxOverhead = 1 << 20  // bytes of a form without its file
	maxShown    = 64       // characters of a field name in an error
	maxErrors   = 16       // in one response
)

// Upload is the form of an upload.
type Upload struct {
	File        rest.File `json:"file" doc:"the file"`
	Description string    `json:"description,omitempty" maxLength:"2000"`
	IsPublic    string    `json:"isPublic,omitempty" enum:"true,false" default:"false" doc:"whether everybody with a login may read it"`
	PassportID  string    `json:"passportId,omitempty" format:"uuid" doc:"the passport it belongs to; it is not checked"`
	Kind        string    `json:"kind,omitempty" enum:"declaration-of-conformity,test-report,carbon-footprint-study,due-diligence-report,dismantling-manual,safety-instructions,waste-information,state-of-health-report,product-image,other" default:"other"`
	AccessClass string    `json:"accessClass,omitempty" enum:"owner,authority" default:"owner" doc:"authority: readable for authorities too"`
}

type uploadInput struct {
	rest.IdempotencyKey
	Form rest.Multipart[Upload]
}

type uploadOutput struct {
	rest.Replayed
	Location string `header:"Location" doc:"where the document is"`
	Body     Document
}

func (a *API) upload(ctx context.Context, in *uploadInput) (*uploadOutput, error) {
	parts, err := in.Form.Parts(a.Documents.MaxBytes + maxOverhead)
	if err != nil {
		return nil, err
	}
	f := &form{parts: parts, fields: map[string]string{}}
	file, err := f.file()
	if err != nil {
		return nil, err
	}
	up, err := a.Documents.Begin(ctx, auth.Caller(ctx), document.File{Name: file.FileName, Type: file.Type, Body: file, IdempotencyKey: in.Key})
	if err != nil {
		return nil, err
	}
	defer a.Documents.Abort(ctx, up)
	fields, err := f.rest()
	if err != nil {
		return nil, err
	}
	d, replayed, err := a.Documents.Commit(ctx, up, fields)
	if err != nil {
		return nil, err
	}
	return &uploadOutput{Replayed: rest.ReplayedIf(replayed), Location: path(d.ID), Body: responseOf(&d)}, nil
}

// form reads an upload, whose fields may come before or after the file.
type form struct {
	parts  *rest.Parts
	fields map[string]string
	wrong  []fault.Detail
}

// file reads up to the beginning of the file.
func (f *form) file() (*rest.Part, error) {
	for {
		part, err := f.parts.Next()
		if err == io.EOF {
			f.refuse("/file", "required", "is missing: send the file in a field of that name, with a filename")
			return nil, f.invalid()
		}
		if err != nil {
			return nil, err
		}
		if part.Name == "file" && part.FileName != "" {
			return part, f.invalid() // before any byte of it is stored
		}
		if err := f.field(part); err != nil {
			return nil, err
		}
	}
}

// rest reads the fields after the file, and returns all.
func (f *form) rest() (document.Fields, error) {
	for {
		part, err := f.parts.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return document.Fields{}, err
		}
		if part.Name == "file" {
			f.refuse("/file", "duplicate", "is given twice: upload one file at a time")
			return document.Fields{}, f.invalid() // unread
		}
		if err := f.field(part); err != nil {
			return document.Fields{}, err
		}
	}
	var fields document.Fields
	fields.Text, fields.PassportID = f.text("description"), f.text("passportId")
	fields.Kind = (*document.Kind)(f.text("kind"))
	fields.AccessClass = (*document.AccessClass)(f.text("accessClass"))
	if public := f.text("isPublic"); public != nil {
		var err error
		if fields.IsPublic, err = flag(*public); err != nil {
			f.refuse("/isPublic", "type", "must be true or false")
		}
	}
	return fields, f.invalid()
}

// text returns the value of a field, or nil when it is empty: forms send what was
// not filled in as an empty text.
func (f *form) text(name string) *string {
	if value := f.fields[name]; value != "" {
		return &value
	}
	return nil
}

var names = []string{"description", "isPublic", "passportId", "kind", "accessClass"}

// field reads a field and collects what is wrong with it, up to maxErrors.
func (f *form) field(part *rest.Part) error {
	value, err := io.ReadAll(io.LimitReader(part, maxField+1))
	if err != nil {
		return err
	}
	_, given := f.fields[part.Name]
	switch {
	case part.Name == "file":
		f.refuse("/file", "type", "must be a file: it has no filename")
	case !slices.Contains(names, part.Name):
		f.refuse("/"+shown(part.Name), "unknownField", "is unknown")
	case given:
		f.refuse("/"+part.Name, "duplicate", "is given twice")
	case len(value) > maxField:
		f.refuse("/"+part.Name, "range", fmt.Sprintf("has more than %d bytes", maxField))
	default:
		f.fields[part.Name] = string(value)
	}
	if len(f.wrong) == maxErrors {
		return f.invalid()
	}
	return nil
}

// shown returns the name of an unknown field for a JSON Pointer, shortened and
// without control characters.
func shown(name string) string {
	clean := strings.NewReplacer("~", "~0", "/", "~1").Replace(strings.Trim(strconv.QuoteToASCII(name), `"`))
	if len(clean) > maxShown {
		return "…"
	}
	return clean
}

func (f *form) refuse(path, code, message string) {
	f.wrong = append(f.wrong, fault.Detail{Path: path, Code: code, Message: message})
}

func (f *form) invalid() error {
	if f.wrong == nil {
		return nil
	}
	return fault.New(fault.Invalid, "the form is not valid").With(f.wrong...)
}
