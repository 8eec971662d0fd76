package rest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/battery-passport/suite/pkg/fault"
)

// Content is a file as it is sent: whole, a range of it, or not at all to who
// has it.
type Content struct {
	Name     string // under which the client keeps it
	Type     string
	Size     int64
	Tag      string // that no other content has
	Modified time.Time
	// Open returns length bytes from the offset on. What it fails with is
	// answered, if it comes before the first byte.
	Open func(ctx context.Context, offset, length int64) (io.ReadCloser, error)
}

// Download is the output of an operation that sends a Content.
type Download struct{ Body func(huma.Context) }

// Download returns the output that sends c.
func (c Content) Download() *Download {
	return &Download{func(hc huma.Context) {
		r, w := humachi.Unwrap(hc)
		s := &sender{ResponseWriter: w, ctx: hc.Context(), content: c, control: http.NewResponseController(w)}
		s.send(r)
	}}
}

// FileResponse is for operations whose output is a Download.
func FileResponse(o *operation) {
	file := map[string]*huma.MediaType{"*/*": {Schema: binary()}} // of the type of the file
	o.Responses["200"] = &huma.Response{Description: "the file", Content: file}
	o.Responses["206"] = &huma.Response{Description: "the range that was asked for", Content: file}
	o.Responses["304"] = &huma.Response{Description: "the file with the ETag at hand has not changed"}
	Errors(http.StatusRequestedRangeNotSatisfiable)(o)
}

// sender lets http.ServeContent do its work on a content that is opened when
// the first byte is wanted. It is both what is read and what is written to: the
// head of the answer waits for that byte, so that a failure can still be told.
type sender struct {
	http.ResponseWriter
	ctx     context.Context
	content Content
	control *http.ResponseController

	offset  int64
	body    io.ReadCloser
	status  int
	started bool
	err     error
}

func (s *sender) send(r *http.Request) {
	h := s.Header()
	h.Set("Content-Type", s.content.Type)
	h.Set("Content-Disposition", Attachment(s.content.Name))
	h.Set("ETag", strconv.Quote(s.content.Tag))
	if strings.Contains(r.Header.Get("Range"), ",") {
		r.Header.Del("Range") // of several ranges the whole is a right answer too (RFC 9110, 14.2)
	}
	http.ServeContent(s, r, "", s.content.Modified, s)
	if s.body != nil {
		s.body.Close() // it was read, or there is nobody left to tell
	}
	switch {
	case s.status == http.StatusPreconditionFailed:
		s.fail(r, fault.New(fault.Stale, "the file is another than the one that was asked for"))
	case s.status >= http.StatusBadRequest:
		s.fail(r, fault.New(outOfRange, "the file has %d bytes", s.content.Size).
			With(fault.Detail{Path: "header:Range", Code: "range", Message: "begins beyond the end"}))
	case !s.started && s.err != nil:
		s.fail(r, s.err)
	case !s.started:
		s.ResponseWriter.WriteHeader(s.status)
	case s.err != nil: // the client sees that bytes are missing
		Annotate(s.ctx, slog.Any("err", s.err))
	}
}

// fail answers with a problem in the place of the file.
func (s *sender) fail(r *http.Request, err error) {
	for _, name := range []string{"Content-Disposition", "Content-Length", "Accept-Ranges", "ETag", "Last-Modified"} {
		s.Header().Del(name)
	}
	writeProblem(s.ResponseWriter, r.WithContext(s.ctx), err)
}

func (s *sender) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += s.offset
	case io.SeekEnd:
		offset += s.content.Size
	}
	s.offset = offset
	return offset, nil
}

// Read opens the content at the place that was sought, as long as the head that
// was written meanwhile says.
func (s *sender) Read(p []byte) (int, error) {
	if s.body == nil {
		length, err := strconv.ParseInt(s.Header().Get("Content-Length"), 10, 64)
		if err != nil {
			return 0, err
		}
		if s.body, s.err = s.content.Open(s.ctx, s.offset, length); s.err != nil {
			s.body = nil
			return 0, s.err
		}
	}
	n, err := s.body.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

func (s *sender) WriteHeader(status int) { s.status = status }

// Write lets a client take its time as long as it takes something: a piece in
// the time that it may stand still.
func (s *sender) Write(p []byte) (n int, err error) {
	if s.status >= http.StatusBadRequest {
		return len(p), nil // what ServeContent says of it; fail says it our way
	}
	if !s.started {
		s.started = true
		stateOf(s.ctx).streams = true
		s.ResponseWriter.WriteHeader(s.status)
	}
	for n < len(p) && err == nil {
		var m int
		s.control.SetWriteDeadline(time.Now().Add(stateOf(s.ctx).stall))
		m, err = s.ResponseWriter.Write(p[n:min(len(p), n+pieceSize)])
		n += m
	}
	return n, err
}

// copySize is how much of a file is read at a time: with the 32 KiB of io.Copy
// the work per piece outweighs that of the bytes.
const copySize = 512 << 10

// ReadFrom implements io.ReaderFrom, which io.Copy prefers.
func (s *sender) ReadFrom(r io.Reader) (int64, error) {
	return io.CopyBuffer(struct{ io.Writer }{s}, r, make([]byte, copySize))
}

// Attachment is the Content-Disposition of a file that is to be kept, not shown
// (RFC 6266). Names beyond ASCII are written as RFC 5987 has it.
func Attachment(name string) string {
	return mime.FormatMediaType("attachment", map[string]string{"filename": name})
}
