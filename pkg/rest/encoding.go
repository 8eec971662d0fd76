package rest

import (
	"bytes"

	"github.com/battery-passport/suite/pkg/fault"
)

// byteOrderMark begins UTF-8 files of some editors and shells.
var byteOrderMark = []byte("\ufeff")

// checkUTF16 fails with fault.Malformed if data is JSON in UTF-16 or UTF-32, with or
// without a byte order mark. JSON in UTF-8 has no NUL, and begins with an ASCII
// character, which is next to a NUL in the other encodings.
func checkUTF16(data []byte) error {
	head := data[:min(len(data), 4)]
	name := ""
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xfe\x00\x00")), bytes.HasPrefix(head, []byte("\x00\x00\xfe\xff")),
		len(head) == 4 && bytes.Count(head, []byte{0}) == 3:
		name = "UTF-32"
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")),
		len(head) >= 2 && (head[0] == 0) != (head[1] == 0):
		name = "UTF-16"
	default:
		return nil
	}
	return fault.New(fault.Malformed, "the body must be encoded in UTF-8, got %s", name).
		With(fault.Detail{Code: "encoding", Message: "must be encoded in UTF-8, got " + name})
}
