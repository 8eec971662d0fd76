// Package filetype tells what a file is by its first bytes.
package filetype

import (
	"bytes"
	"mime"
	"sync"

	"github.com/gabriel-vasile/mimetype"
)

// Head is how many bytes Of looks at: enough for the beginning of an office
// document, whose first entries may be large.
const Head = 64 << 10

// limit is a variable of that package.
var limit = sync.OnceFunc(func() { mimetype.SetLimit(Head) })

// Of returns the media type, without parameters, of the file that begins with
// head. It opens nothing: of an archive it reads the names at the front.
func Of(head []byte) string {
	limit()
	t, _, err := mime.ParseMediaType(mimetype.Detect(head).String())
	if err != nil || t == pdf && !bytes.HasPrefix(bytes.TrimLeft(head, "\xef\xbb\xbf \t\r\n"), []byte("%PDF-")) {
		return "application/octet-stream"
	}
	return t
}

// pdf may begin somewhere in its first kilobyte, say PDF readers; what stands
// before that is something else to another program.
const pdf = "application/pdf"
