package rest

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/battery-passport/suite/pkg/fault"
)

const (
	formType = "multipart/form-data"
	// formRate and linesRate are the least that a streamed body has to bring on
	// the whole, in bytes a second: who sends a byte now and then holds a place
	// for nothing. Places for files are few; lines may be made while they are sent.
	formRate  = 16 << 10
	linesRate = 1 << 10
	// conclude is how long a handler has from the last byte of a form to the
	// first of its answer.
	conclude = 2 * time.Minute
)

// Multipart is the field of an input that stands for a multipart body, which the
// handler reads as it arrives.
type Multipart struct {
	request *http.Request
	answer  http.ResponseWriter
}

// Resolve implements huma.Resolver.
func (f *Multipart) Resolve(hc huma.Context) []error {
	f.request, f.answer = humachi.Unwrap(hc)
	return nil
}

// MultipartBody is for inputs with a Multipart. The form is documented as T.
func MultipartBody[T any]() Option {
	return func(o *operation) {
		Errors(http.StatusBadRequest, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)(o)
		o.finish = func(op *huma.Operation, schemas huma.Registry) {
			form := &huma.MediaType{Schema: schemas.Schema(reflect.TypeFor[T](), true, "")}
			op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{formType: form}}
		}
	}
}

// File is what documents the file in a form.
type File struct{}

// Schema implements huma.SchemaProvider.
func (File) Schema(huma.Registry) *huma.Schema { return binary() }

func binary() *huma.Schema { return &huma.Schema{Type: huma.TypeString, Format: "binary"} }

// Parts returns the parts of the body, which may have limit bytes together. It
// fails with fault.TooLarge when it is said to have more, fault.Unsupported when
// it is said to be no form, and fault.Malformed without a boundary.
func (f *Multipart) Parts(limit int64) (*Parts, error) {
	if f.request.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	given := f.request.Header.Get("Content-Type")
	t, params, err := mime.ParseMediaType(given)
	if t != formType {
		return nil, fault.New(fault.Unsupported, "the body has to be %s, and is said to be %q", formType, given).
			With(fault.Detail{Path: "header:Content-Type", Code: "enum", Message: "has to be " + formType}).Because(err)
	}
	if params["boundary"] == "" {
		return nil, fault.New(fault.Malformed, "the Content-Type names no boundary").
			With(fault.Detail{Path: "header:Content-Type", Code: "required", Message: "needs a boundary"}).Because(err)
	}
	body := newArriving(f.request, f.answer, http.MaxBytesReader(f.answer, f.request.Body, limit), formRate)
	between := &budget{from: body}
	return &Parts{reader: multipart.NewReader(between, params["boundary"]), between: between}, nil
}

// arriving is a body that may take its time as long as something comes, and
// enough of it.
type arriving struct {
	body    io.Reader
	control *http.ResponseController
	stall   time.Duration
	rate    int64         // bytes a second
	left    time.Duration // that may be waited, beside the stall: what has come at the rate, without what was waited
}

func newArriving(r *http.Request, w http.ResponseWriter, body io.Reader, rate int64) *arriving {
	return &arriving{body: body, control: http.NewResponseController(w), stall: stateOf(r.Context()).stall, rate: rate}
}

// Read moves the deadlines of the connection. Where it has none, as in a
// recorder, there is nothing to move. Only what is waited here counts: what is
// done with the bytes meanwhile is not the fault of who sends them.
func (a *arriving) Read(p []byte) (int, error) {
	now := time.Now()
	a.control.SetReadDeadline(now.Add(a.stall + min(0, a.left)))
	a.control.SetWriteDeadline(now.Add(a.stall + conclude))
	n, err := a.body.Read(p)
	a.left += time.Duration(n)*time.Second/time.Duration(a.rate) - time.Since(now)
	if errors.Is(err, io.EOF) {
		a.control.SetReadDeadline(time.Time{}) // it would end the context of the handler
	}
	return n, err
}

// Parts are the parts of a multipart body.
type Parts struct {
	reader  *multipart.Reader
	between *budget
	part    *multipart.Part // the last one
}

// maxHead is how many bytes may come between two bodies of parts: package
// multipart holds all of them in memory.
const maxHead = 64 << 10

// budget is a body of which no more is read than is left, where that is counted.
type budget struct {
	from    io.Reader
	left    int
	counted bool
}

func (b *budget) Read(p []byte) (int, error) {
	if !b.counted {
		return b.from.Read(p)
	}
	if b.left == 0 {
		return 0, fault.New(fault.TooLarge, "there are more than %d bytes before a part of the form begins", maxHead)
	}
	n, err := b.from.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// A Part is a field of a form: a file where it has a FileName.
type Part struct {
	Name, FileName, Type string
	content              io.Reader
}

// Next returns the next part, when the one before is read or not, and io.EOF
// after the last. It fails, as reading a part does, with fault.Malformed,
// fault.TooLarge or timeout.
func (p *Parts) Next() (*Part, error) {
	if p.part != nil {
		if _, err := io.Copy(io.Discard, p.part); err != nil {
			return nil, formError(err)
		}
	}
	p.between.left, p.between.counted = maxHead, true
	part, err := p.reader.NextRawPart() // as it is: no part is unpacked on the way
	p.between.counted = false
	if err != nil {
		return nil, formError(err)
	}
	p.part = part
	_, params, _ := mime.ParseMediaType(part.Header.Get("Content-Disposition")) // no name then, which nobody asks for
	return &Part{params["name"], params["filename"], part.Header.Get("Content-Type"), part}, nil
}

func (p *Part) Read(b []byte) (int, error) {
	n, err := p.content.Read(b)
	return n, formError(err)
}

// formError says why a form ends where it does.
func formError(err error) error {
	if err = readError(err); fault.Is(err, fault.Malformed) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return fault.New(fault.Malformed, "the body is not a multipart form").Because(err)
	}
	return err
}
