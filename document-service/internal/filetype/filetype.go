// Package filetype detects the media type of a file from its first bytes.
package filetype

import (
	"bytes"
	"mime"
	"sync"

	"github.com/gabriel-vasile/mimetype"
)

// maxHead is the number of bytes that Detect examines. Office documents need many,
// because their first entries may be large.
const maxHead = 64 << 10

// setLimit configures package mimetype, whose limit is a global variable.
var setLimit = sync.OnceFunc(func() { mimetype.SetLimit(maxHead) })

// Detect returns the media type, without parameters, of a file that begins with
// head, or application/octet-stream. It does not unpack archives.
func Detect(head []byte) string {
	setLimit()
	t, _, err := mime.ParseMediaType(mimetype.Detect(head).String())
	if err != nil || t == pdf && !bytes.HasPrefix(bytes.TrimLeft(head, "\xef\xbb\xbf \t\r\n"), []byte("%PDF-")) {
		return "application/octet-stream"
	}
	return t
}

// PDF readers accept a header within the first kilobyte. Detect does not: with other
// content before it, the file could be an HTML page for another program.
const pdf = "application/pdf"
