package rest

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
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

// Content is a file to send. Clients may request a range of it.
type Content struct {
	Name     string // file name for the client
	Type     string
	Size     int64
	ETag     string // without quotes; unique for the content
	Modified time.Time
	// Open returns a reader of length bytes, starting at offset.
	Open func(ctx context.Context, offset, length int64) (io.ReadCloser, error)
}

// Download is the output of an operation that sends a Content.
type Download struct{ Body func(huma.Context) }

// Download returns the output that sends c.
func (c Content) Download() *Download {
	return &Download{func(hc huma.Context) {
		r, w := humachi.Unwrap(hc)
		if err := c.send(w, r); err != nil {
			for _, name := range []string{"Content-Disposition", "Content-Length", "Accept-Ranges", "ETag", "Last-Modified"} {
				w.Header().Del(name)
			}
			WriteProblem(w, r, err)
		}
	}}
}

// describeDownload documents the responses of an operation whose output is a Download.
func describeDownload(o *operation) {
	file := map[string]*huma.MediaType{"*/*": {Schema: binary()}} // of the type of the file
	o.Responses["200"] = &huma.Response{Description: "the file", Content: file}
	o.Responses["206"] = &huma.Response{Description: "the requested range of the file", Content: file}
	o.Responses["304"] = notModified
	Errors(http.StatusRequestedRangeNotSatisfiable)(o)
}

// send handles conditional and range requests like http.ServeContent, but opens the
// content before it writes the header, so that it can still return an error. If the
// content fails later, the client gets fewer bytes than Content-Length says.
func (c Content) send(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Type", c.Type)
	w.Header().Set("Content-Disposition", Attachment(c.Name))
	w.Header().Set("ETag", strconv.Quote(c.ETag))
	status := c.head(w.Header(), r)
	switch {
	case status == http.StatusPreconditionFailed:
		return Precondition{r.Header.Get("If-Match")}.explain(fault.New(fault.Stale, "the file does not match If-Match or If-Unmodified-Since"))
	case status >= http.StatusBadRequest:
		return fault.New(outOfRange, "the range must be within the %d bytes of the file", c.Size).
			With(fault.Detail{Path: "header:Range", Code: "range", Message: "must start before the end of the file"})
	case status == http.StatusNotModified, r.Method == http.MethodHead, c.Size == 0:
		w.WriteHeader(status)
		return nil
	}
	offset, length := int64(0), c.Size
	if status == http.StatusPartialContent {
		var last int64
		if _, err := fmt.Sscanf(w.Header().Get("Content-Range"), "bytes %d-%d/", &offset, &last); err != nil {
			return err
		}
		length = last - offset + 1
	}
	return c.stream(w, r, status, offset, length)
}

// stream writes the header after it has read the first bytes of the content, and then
// the rest.
func (c Content) stream(w http.ResponseWriter, r *http.Request, status int, offset, length int64) error {
	body, err := c.Open(r.Context(), offset, length)
	if err != nil {
		return err
	}
	defer body.Close() // read-only, so an error does not matter
	first := make([]byte, min(length, step))
	n, err := io.ReadFull(body, first)
	if n == 0 {
		return err
	}
	w.WriteHeader(status)
	if _, e := w.Write(first[:n]); err == nil && e == nil {
		_, err = io.Copy(struct{ io.Writer }{w}, body)
	}
	if err != nil {
		Annotate(r.Context(), slog.Any("err", err))
	}
	return nil
}

// head sets the headers of the response and returns its status.
func (c Content) head(h http.Header, r *http.Request) int {
	r = r.Clone(r.Context())
	r.Method = http.MethodHead
	unit, ranges, _ := strings.Cut(r.Header.Get("Range"), "=")
	if r.Header.Del("Range"); strings.EqualFold(unit, "bytes") && !strings.Contains(ranges, ",") {
		r.Header.Set("Range", "bytes="+ranges) // otherwise the whole file is a valid response (RFC 9110, 14.2)
	}
	w := &headWriter{header: h}
	http.ServeContent(w, r, "", c.Modified, io.NewSectionReader(nil, 0, c.Size))
	return w.status
}

// headWriter is an http.ResponseWriter without a body.
type headWriter struct {
	header http.Header
	status int
}

func (w *headWriter) Header() http.Header         { return w.header }
func (w *headWriter) WriteHeader(status int)      { w.status = status }
func (w *headWriter) Write(b []byte) (int, error) { return len(b), nil }

// Attachment returns the Content-Disposition header for a file that browsers save
// instead of showing it (RFC 6266). Names that are not ASCII are encoded (RFC 5987).
func Attachment(name string) string {
	return mime.FormatMediaType("attachment", map[string]string{"filename": name})
}

// StreamedFile returns the output that streams a file of unknown size. If write fails, the
// connection is closed, so that the client does not take a part of the file for the
// whole; the error is in the access log.
func StreamedFile(mediaType, name string, write func(context.Context, io.Writer) error) *Stream {
	return &Stream{func(hc huma.Context) {
		r, w := humachi.Unwrap(hc)
		w.Header().Set("Content-Type", mediaType)
		w.Header().Set("Content-Disposition", Attachment(name))
		if err := write(r.Context(), w); err != nil {
			Annotate(r.Context(), slog.Any("write_err", err))
			panic(http.ErrAbortHandler)
		}
	}}
}

// SentFile returns the output that sends a file, with its Content-Digest (RFC 9530) and with more
// headers, as names and values.
func SentFile(mediaType, name string, content []byte, headers ...string) *Stream {
	digest := sha256.Sum256(content)
	return &Stream{func(hc huma.Context) {
		_, w := humachi.Unwrap(hc)
		w.Header().Set("Content-Type", mediaType)
		w.Header().Set("Content-Disposition", Attachment(name))
		w.Header().Set("Content-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(digest[:])+":")
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Add(headers[i], headers[i+1])
		}
		_, _ = w.Write(content) // an error means that the client has disconnected
	}}
}
