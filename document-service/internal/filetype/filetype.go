// Package filetype detects the media type of a file from its first bytes.
package filetype

import (
	"bytes"
	"encoding/binary"
	"math"
	"mime"
	"regexp"
	"sync"

	"github.com/gabriel-vasile/mimetype"
	"golang.org/x/text/encoding/unicode"
)

// maxHead is the number of bytes that Detect examines. Office documents need many,
// because their first entries may be large.
const maxHead = 64 << 10

// setLimit configures package mimetype, whose limit is a global variable.
var setLimit = sync.OnceFunc(func() { mimetype.SetLimit(maxHead) })

const unknown = "application/octet-stream"

// Detect returns the media type, without parameters, of a file that begins with
// head, or application/octet-stream. Of archives it unpacks only the list of content
// types, and of that at most maxContentTypes bytes.
func Detect(head []byte) string {
	setLimit()
	found := mimetype.Detect(head)
	t, _, err := mime.ParseMediaType(found.String())
	switch {
	case err != nil:
		return unknown
	case t == "application/pdf":
		// PDF readers accept a header within the first kilobyte. Detect does not: with other
		// content before it, the file could be an HTML page for another program.
		if !bytes.HasPrefix(trimmed(head), []byte("%PDF-")) {
			return unknown
		}
	case t == unknown:
		return binaryDrawing(head)
	case t == "text/plain", t == "text/csv", t == "text/tab-separated-values":
		if m := markup(head); m != "" {
			return m
		}
		return drawing(trimmed(head), t)
	case isA(found, "application/zip"):
		return archive(head, t)
	}
	return t
}

// isA reports whether found is a media type or one of its subtypes.
func isA(found *mimetype.MIME, mediaType string) bool {
	for ; found != nil; found = found.Parent() {
		if found.Is(mediaType) {
			return true
		}
	}
	return false
}

// markup returns the type of HTML, SVG or other XML, after byte order marks and in UTF-16, too,
// or "".
func markup(head []byte) string {
	text := head
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) {
		text, _ = unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder().Bytes(head) // invalid bytes are replaced
	}
	found := mimetype.Detect(trimmed(text))
	for _, t := range []string{"text/html", "application/xhtml+xml", "image/svg+xml", "text/xml"} {
		if found.Is(t) {
			return t
		}
	}
	return ""
}

// trimmed returns head without a byte order mark and white space at its beginning.
func trimmed(head []byte) []byte { return bytes.TrimLeft(head, "\xef\xbb\xbf \t\r\n") }

// dxf matches the beginning of an ASCII DXF file, including one after comments.
var dxf = regexp.MustCompile(`^(999\s*\n.*\n\s*)*0\s*\n\s*SECTION\s`)

// drawing returns the type of a drawing or 3D model in text form, or otherwise if head is
// neither.
func drawing(text []byte, otherwise string) string {
	switch {
	case bytes.HasPrefix(text, []byte("ISO-10303-21;")):
		return "model/step"
	case bytes.HasPrefix(text, []byte("solid")) && bytes.Contains(text, []byte("facet normal")):
		return "model/stl"
	case dxf.Match(text):
		return "image/vnd.dxf"
	}
	return otherwise
}

// binaryDrawing returns the type of a drawing or 3D model in binary form.
func binaryDrawing(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte("AutoCAD Binary DXF\r\n\x1a\x00")):
		return "image/vnd.dxf"
	case isBinarySTL(head):
		return "model/stl"
	}
	return unknown
}

// isBinarySTL reports whether head begins a binary STL file: a free header of 80 bytes, the
// number of triangles, and for each of them 50 bytes, whose first three numbers are
// a vector of length 1 or 0.
func isBinarySTL(head []byte) bool {
	const header, triangle = 84, 50
	if len(head) < header+triangle {
		return false
	}
	size := header + triangle*int64(binary.LittleEndian.Uint32(head[80:]))
	if size != int64(len(head)) && (len(head) < maxHead || size < int64(len(head))) {
		return false
	}
	for rest := head[header:]; len(rest) >= triangle; rest = rest[triangle:] {
		length := 0.0
		for i := range 3 {
			n := float64(math.Float32frombits(binary.LittleEndian.Uint32(rest[4*i:])))
			length += n * n
		}
		if !(length < 1e-6 || math.Abs(length-1) < 0.01) {
			return false
		}
	}
	return true
}
