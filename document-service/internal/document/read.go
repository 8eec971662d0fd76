package document

import (
	"bytes"
	"encoding/hex"
	"hash"
	"io"
	"slices"
	"strings"

	"golang.org/x/text/transform"

	"github.com/battery-passport/suite/pkg/fault"
)

// hashingReader reads a file, computes its SHA-256, checks whether a text is UTF-8, and fails
// with fault.TooLarge above limit and with fault.Unsupported at a macro.
type hashingReader struct {
	from    io.Reader
	sum     hash.Hash
	size    int64
	limit   int64
	utf8    *transform.Writer // nil: not a text
	utf8Err error
	macros  [][]byte // markers, see macroMarkers
	last    []byte   // the last bytes, which may be the beginning of a marker
}

func (r *hashingReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	r.sum.Write(p[:n])
	if r.utf8 != nil && r.utf8Err == nil {
		_, r.utf8Err = r.utf8.Write(p[:n])
	}
	if r.size += int64(n); r.size > r.limit {
		return n, fault.New(fault.TooLarge, "the file must have at most %s", sizeText(r.limit)).
			With(fault.Detail{Path: "/file", Code: "range", Message: "must have at most " + sizeText(r.limit)})
	}
	if r.hasMacro(p[:n]) {
		return n, unsupported("contains macros, which are not allowed: save it without macros")
	}
	return n, err
}

func (r *hashingReader) hex() string { return hex.EncodeToString(r.sum.Sum(nil)) }

// isUTF8 reports whether the file is a text in valid UTF-8. It must be called once, after the end.
func (r *hashingReader) isUTF8() bool {
	return r.utf8 != nil && r.utf8Err == nil && r.utf8.Close() == nil
}

// hasMacro reports whether p, together with the bytes before it, contains a marker.
func (r *hashingReader) hasMacro(p []byte) bool {
	if r.macros == nil {
		return false
	}
	r.last = append(r.last, p...)
	for _, marker := range r.macros {
		if bytes.Contains(r.last, marker) {
			return true
		}
	}
	r.last = append(r.last[:0], r.last[max(0, len(r.last)-maxMarker):]...)
	return false
}

const maxMarker = 64 // bytes; no marker is longer

// macroMarkers returns the byte sequences that an office document of the type contains if
// it has macros: names of parts, which ZIP and OLE files store unpacked. Files in which
// parts have other names are not found, but office programs do not run their macros either,
// because of the extension that DownloadName gives them.
func macroMarkers(mediaType string) [][]byte {
	switch {
	case mediaType == "application/xml": // Word 2003
		return [][]byte{[]byte(`macrosPresent="yes"`)}
	case !slices.Contains(fileTypes[mediaType].families, office):
		return nil
	}
	ole := strings.Join(strings.Split("_VBA_PROJECT", ""), "\x00") // UTF-16
	return [][]byte{[]byte("vbaProject.bin"), []byte("Basic/script-lc.xml"), []byte(ole)}
}
