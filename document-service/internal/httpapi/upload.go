package httpapi

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/battery-passport/suite/document-service/internal/document"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
)

const (
	maxField = 16 << 10 // bytes of a field that is no file
	// envelope is how much a form is larger than its file, at most.
	envelope = 1 << 20
	maxShown = 64 // characters of a field's name
	maxWrong = 16 // mistakes that are told at once
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
	Form rest.Multipart
}

type uploadOutput struct {
	rest.Replayed
	Location string `header:"Location" doc:"where the document is"`
	Body     Document
}

func (a *API) upload(ctx context.Context, in *uploadInput) (*uploadOutput, error) {
	parts, err := in.Form.Parts(a.Documents.MaxBytes + envelope)
	if err != nil {
		return nil, err
	}
	f := &form{parts: parts, fields: map[string]string{}}
	file, err := f.file()
	if err != nil {
		return nil, err
	}
	d, again, err := a.Documents.Upload(ctx, document.File{Name: file.FileName, Type: file.Type, Body: file, Key: in.Key}, f.rest)
	if err != nil {
		return nil, err
	}
	return &uploadOutput{Replayed: rest.ReplayedIf(again), Location: path(d.ID), Body: answerOf(&d)}, nil
}

// form reads the fields around the file.
type form struct {
	parts  *rest.Parts
	fields map[string]string
	wrong  []fault.Detail
}

// file reads until the file begins.
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

// rest reads what comes after the file, and returns what all fields say.
func (f *form) rest() (document.Statement, error) {
	for {
		part, err := f.parts.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return document.Statement{}, err
		}
		if part.Name == "file" {
			f.refuse("/file", "duplicate", "is given twice: upload one file at a time")
			return document.Statement{}, f.invalid() // unread
		}
		if err := f.field(part); err != nil {
			return document.Statement{}, err
		}
	}
	var said document.Statement
	said.Text, said.PassportID = f.text("description"), f.text("passportId")
	said.Kind = (*document.Kind)(f.text("kind"))
	said.AccessClass = (*document.AccessClass)(f.text("accessClass"))
	if public := f.text("isPublic"); public != nil {
		var err error
		if said.IsPublic, err = flag(*public); err != nil {
			f.refuse("/isPublic", "type", "has to be true or false")
		}
	}
	return said, f.invalid()
}

// text returns the value of a field, nil where it is empty, as forms send what
// was not filled in.
func (f *form) text(name string) *string {
	if value := f.fields[name]; value != "" {
		return &value
	}
	return nil
}

var names = []string{"description", "isPublic", "passportId", "kind", "accessClass"}

// field reads a field, and only notes what is wrong with it, as long as there
// is not too much of that.
func (f *form) field(part *rest.Part) error {
	value, err := io.ReadAll(io.LimitReader(part, maxField+1))
	if err != nil {
		return err
	}
	_, given := f.fields[part.Name]
	switch {
	case part.Name == "file":
		f.refuse("/file", "type", "is no file: it has no filename")
	case !slices.Contains(names, part.Name):
		f.refuse("/"+shown(part.Name), "unknownField", "is no field of this form")
	case given:
		f.refuse("/"+part.Name, "duplicate", "is given twice")
	case len(value) > maxField:
		f.refuse("/"+part.Name, "range", fmt.Sprintf("has more than %d bytes", maxField))
	default:
		f.fields[part.Name] = string(value)
	}
	if len(f.wrong) == maxWrong {
		return f.invalid()
	}
	return nil
}

// shown is the name of a field in a JSON Pointer, as far as it is worth being
// repeated: names that are not ours come from mistakes, or worse.
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
