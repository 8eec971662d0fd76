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

// Content is a file to send, whole or a range of it.
type Content struct {
	Name     string // under which the client stores it
	Type     string
	Size     int64
	Tag      string // unique for the content
	Modified time.Time
	// Open returns length bytes from offset on. An error before the first byte is
	// answered as a problem.
	Open func(ctx context.Context, offset, length int64) (io.ReadCloser, error)
}

// Download is the output of an operation that sends a Content.
type Download struct{ Body func(huma.Context) }

// Download returns the output that sends c.
func (c Content) Download() *Download {
	return &Download{func(hc huma.Context) {
		r, w := humachi.Unwrap(hc)
		(&sender{ResponseWriter: w, request: r, content: c}).send()
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

// sender lets http.ServeContent read from and write to it. The content is opened,
// and the header sent, with the first byte, so that a failure can be answered.
type sender struct {
	http.ResponseWriter
	request *http.Request
	content Content

	offset  int64
	body    io.ReadCloser
	status  int
	started bool
	err     error
}

func (s *sender) send() {
	h, r := s.Header(), s.request
	h.Set("Content-Type", s.content.Type)
	h.Set("Content-Disposition", Attachment(s.content.Name))
	h.Set("ETag", strconv.Quote(s.content.Tag))
	if strings.Contains(r.Header.Get("Range"), ",") {
		r.Header.Del("Range") // the whole is a right answer to several ranges too (RFC 9110, 14.2)
	}
	http.ServeContent(s, r, "", s.content.Modified, s)
	if s.body != nil {
		s.body.Close() // it was read
	}
	switch {
	case s.status == http.StatusPreconditionFailed:
		s.fail(fault.New(fault.Stale, "the file is another than the one that was asked for"))
	case s.status >= http.StatusBadRequest:
		s.fail(fault.New(outOfRange, "the file has %d bytes", s.content.Size).
			With(fault.Detail{Path: "header:Range", Code: "range", Message: "begins beyond the end"}))
	case !s.started && s.err != nil:
		s.fail(s.err)
	case !s.started:
		s.ResponseWriter.WriteHeader(s.status)
	case s.err != nil: // the client sees that bytes are missing
		Annotate(r.Context(), slog.Any("err", s.err))
	}
}

// fail answers with a problem instead of the file.
func (s *sender) fail(err error) {
	for _, name := range []string{"Content-Disposition", "Content-Length", "Accept-Ranges", "ETag", "Last-Modified"} {
		s.Header().Del(name)
	}
	writeProblem(s.ResponseWriter, s.request, err)
}

// Seek implements io.Seeker.
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

// Read opens the content at the offset, for as long as the header says.
func (s *sender) Read(b []byte) (int, error) {
	if s.body == nil {
		length, err := strconv.ParseInt(s.Header().Get("Content-Length"), 10, 64)
		if err != nil {
			return 0, err
		}
		body, err := s.content.Open(s.request.Context(), s.offset, length)
		if err != nil {
			s.err = err
			return 0, err
		}
		s.body = body
	}
	n, err := s.body.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

func (s *sender) WriteHeader(status int) { s.status = status }

func (s *sender) Write(b []byte) (int, error) {
	if s.status >= http.StatusBadRequest {
		return len(b), nil // ServeContent's text; fail answers instead
	}
	if !s.started {
		s.started = true
		s.ResponseWriter.WriteHeader(s.status)
	}
	return s.ResponseWriter.Write(b)
}

// Attachment is the Content-Disposition of a file to store, not to show (RFC
// 6266). Names beyond ASCII are encoded by RFC 5987.
func Attachment(name string) string {
	return mime.FormatMediaType("attachment", map[string]string{"filename": name})
}
