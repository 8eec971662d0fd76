package rest

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/battery-passport/suite/pkg/fault"
)

const (
	formType = "multipart/form-data"
	// maxPartHeader limits the bytes between the bodies of two parts: package multipart
	// buffers them in memory.
	maxPartHeader = 64 << 10
)

// Multipart is the field of an input for a multipart body, which the handler reads
// as it arrives. The form is documented as T.
type Multipart[T any] struct{ exchange }

func (Multipart[T]) describe(o *operation) {
	Errors(http.StatusBadRequest, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)(o)
	describeForm[T](o, formType)
}

// File is the type of a file in the documentation of a form.
type File struct{}

// Schema implements huma.SchemaProvider.
func (File) Schema(huma.Registry) *huma.Schema { return binary() }

func binary() *huma.Schema { return &huma.Schema{Type: huma.TypeString, Format: "binary"} }

// Parts returns a reader for the parts of the body, which must not have more than limit
// bytes in total. It fails with fault.TooLarge, fault.Unsupported or fault.Malformed.
func (f *Multipart[T]) Parts(limit int64) (*Parts, error) {
	if f.request.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	given := f.request.Header.Get("Content-Type")
	t, params, err := mime.ParseMediaType(given)
	if t != formType {
		return nil, unsupported(f.response, given, formType).Because(err)
	}
	if params["boundary"] == "" {
		return nil, fault.New(fault.Malformed, "the Content-Type has no boundary").
			With(fault.Detail{Path: "header:Content-Type", Code: "required", Message: "the boundary is missing"}).Because(err)
	}
	unpacked, _, err := f.open(limit)
	if err != nil {
		return nil, err
	}
	body := &headerLimit{body: unpacked}
	return &Parts{reader: multipart.NewReader(body, params["boundary"]), body: body}, nil
}

// headerLimit limits the bytes that are read between the bodies of two parts.
type headerLimit struct {
	body      io.Reader
	remaining int  // bytes
	active    bool // reading between two bodies
}

func (l *headerLimit) Read(b []byte) (int, error) {
	if !l.active {
		return l.body.Read(b)
	}
	if l.remaining == 0 {
		return 0, fault.New(fault.TooLarge, "there must not be more than %d bytes before the content of a part", maxPartHeader)
	}
	n, err := l.body.Read(b[:min(len(b), l.remaining)])
	l.remaining -= n
	return n, err
}

// Parts reads a multipart body part by part.
type Parts struct {
	reader *multipart.Reader
	body   *headerLimit
	part   *multipart.Part // returned last
}

// Part is a field of a form. It is a file if FileName is set.
type Part struct {
	Name, FileName, Type string
	content              io.Reader
}

// Next skips the rest of the current part and returns the next one, or io.EOF after the
// last. Like Read of a part, it fails with fault.Malformed, fault.TooLarge or a timeout.
func (p *Parts) Next() (*Part, error) {
	if p.part != nil {
		if _, err := io.Copy(io.Discard, p.part); err != nil {
			return nil, formError(err)
		}
	}
	p.body.remaining, p.body.active = maxPartHeader, true
	part, err := p.reader.NextRawPart() // NextPart would decode quoted-printable
	p.body.active = false
	if err == io.EOF { // read the rest, so that a gzip checksum is verified
		if _, err := io.Copy(io.Discard, p.body); err != nil {
			return nil, formError(err)
		}
	}
	if err != nil {
		return nil, formError(err)
	}
	p.part = part
	_, params, _ := mime.ParseMediaType(part.Header.Get("Content-Disposition")) // if it is broken, the name is empty, which no form has
	return &Part{params["name"], params["filename"], part.Header.Get("Content-Type"), part}, nil
}

func (p *Part) Read(b []byte) (int, error) {
	n, err := p.content.Read(b)
	return n, formError(err)
}

// formError turns an error of package multipart into a fault.
func formError(err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok { // of the reader of the body
		return f
	}
	if err = readError(err); fault.Is(err, fault.Malformed) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return fault.New(fault.Malformed, "the request body is not a valid multipart form").Because(err)
	}
	return err
}
