package rest

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/battery-passport/suite/pkg/fault"
)

// byteOrderMark begins UTF-8 files of some editors and shells.
var byteOrderMark = []byte("\ufeff")

// checkEncoding fails with fault.Malformed if data is packed with gzip, if it is JSON in UTF-16 or
// UTF-32, with or without a byte order mark, and if it is not valid UTF-8 and charset names another
// encoding. The charset may be empty. JSON in UTF-8 has no NUL, and begins with an ASCII character,
// which is next to a NUL in the other encodings.
func checkEncoding(data []byte, charset string) error {
	head := data[:min(len(data), 4)]
	name := ""
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return fault.New(fault.Malformed, "the body is packed with gzip: send Content-Encoding: gzip").
			With(fault.Detail{Code: "encoding", Message: "is packed with gzip: send Content-Encoding: gzip"})
	case bytes.HasPrefix(head, []byte("\xff\xfe\x00\x00")), bytes.HasPrefix(head, []byte("\x00\x00\xfe\xff")),
		len(head) == 4 && bytes.Count(head, []byte{0}) == 3:
		name = "UTF-32"
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")),
		len(head) >= 2 && (head[0] == 0) != (head[1] == 0):
		name = "UTF-16"
	case charset != "" && !strings.EqualFold(charset, "utf-8") && !utf8.Valid(data):
		name = "charset " + charset
	default:
		return nil
	}
	return fault.New(fault.Malformed, "the body must be encoded in UTF-8, got %s", name).
		With(fault.Detail{Code: "encoding", Message: "must be encoded in UTF-8, got " + name})
}

// unpack returns a reader of the request body, which must not be larger than limit bytes.
// It reads the body from sent, and unpacks it if the request says that it is gzip-encoded:
// the limit then applies to the unpacked size. It fails with fault.Unsupported if the body
// has another encoding.
func unpack(w http.ResponseWriter, r *http.Request, sent io.Reader, limit int64) (io.Reader, error) {
	given := strings.Join(r.Header.Values("Content-Encoding"), ", ")
	switch strings.ToLower(given) {
	case "", "identity":
	case "gzip", "x-gzip":
		// The format adds a few bytes to a body that cannot be compressed.
		packed := limit + min(limit/1024+1024, math.MaxInt64-limit)
		sent = &gzipReader{sent: &countingReader{Reader: http.MaxBytesReader(w, io.NopCloser(sent), packed)}}
	default:
		w.Header().Set("Accept-Encoding", "gzip")
		return nil, fault.New(fault.Unsupported, "Content-Encoding must be gzip or missing, got %q", given).
			With(fault.Detail{Path: "header:Content-Encoding", Code: "enum", Message: "must be gzip or missing"})
	}
	return http.MaxBytesReader(w, io.NopCloser(sent), limit), nil
}

// Limits of the unpacked size in relation to the packed size, because an NDJSON body has
// no other limit. Similar passports are packed to a fiftieth.
const (
	maxRatio     = 100
	freeUnpacked = 1 << 20 // bytes, in addition
)

// countingReader counts the bytes that are read.
type countingReader struct {
	io.Reader
	count int64
	ended bool // the Reader has reached its end
}

func (c *countingReader) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.count += int64(n)
	c.ended = c.ended || err == io.EOF
	return n, err
}

// gzipReader unpacks a body while it is read. The errors of sent are not changed.
type gzipReader struct {
	sent     *countingReader
	unpacked int64        // bytes
	reader   *gzip.Reader // nil before the first Read
	err      error        // returned by the last Read
}

func (g *gzipReader) Read(b []byte) (n int, err error) {
	if g.reader == nil && g.err == nil {
		g.reader, g.err = gzip.NewReader(g.sent)
	}
	if g.err == nil {
		n, g.err = g.reader.Read(b)
	}
	if g.unpacked += int64(n); g.unpacked > freeUnpacked+maxRatio*g.sent.count {
		g.err = fault.New(fault.Malformed, "the request body must not be more than %d times larger than its gzip form", maxRatio).
			With(fault.Detail{Path: "header:Content-Encoding", Code: "range", Message: fmt.Sprintf("the body must not be more than %d times larger than its gzip form", maxRatio)})
		return 0, g.err
	}
	_, corrupt := errors.AsType[flate.CorruptInputError](g.err)
	short := errors.Is(g.err, io.ErrUnexpectedEOF) && g.sent.ended // the client has sent the whole body
	if corrupt || short || errors.Is(g.err, gzip.ErrHeader) || errors.Is(g.err, gzip.ErrChecksum) {
		g.err = fault.New(fault.Malformed, "the body is not valid gzip").
			With(fault.Detail{Path: "header:Content-Encoding", Code: "format", Message: "the body must be valid gzip"}).Because(g.err)
	}
	return n, g.err
}
