package exchange

import (
	"bytes"
	"slices"

	"github.com/battery-passport/suite/pkg/fault"
)

// otherKinds are files that are sent as texts by mistake, by their first bytes.
var otherKinds = []struct{ begin, message string }{
	{"PK\x03\x04", "the file is a workbook or archive; send Content-Type: application/vnd.openxmlformats-officedocument.spreadsheetml.sheet for a workbook (.xlsx), or application/zip"},
	{"\xd0\xcf\x11\xe0", "the file is a workbook in the old format .xls, or encrypted; save it as .xlsx without a password"},
	{"\x1f\x8b", "the file is packed with gzip; send Content-Encoding: gzip"},
	{"eyJ", "the file is a signed credential (JWT); send its payload, which is JSON, and verify the signature before"},
	{"%PDF", "the file is a PDF document; send a table, JSON or NDJSON"},
	{"<", "the file is HTML or XML; save a table as .xlsx or CSV, and documents as JSON"},
	{"{", "the file is JSON; send Content-Type: application/json, or application/x-ndjson for an object on each line"},
	{"[", "the file is a JSON array; send Content-Type: application/json"},
}

// checkKind fails with fault.Malformed if a file of texts begins like another kind of file. refused are the beginnings
// that are refused in addition to those that no text has.
func checkKind(head []byte, refused ...string) error {
	head = bytes.TrimLeft(bytes.TrimPrefix(head, byteOrderMark), " \t\r\n")
	for _, k := range otherKinds {
		if isJSON := k.begin == "{" || k.begin == "["; isJSON && !slices.Contains(refused, k.begin) {
			continue
		}
		if bytes.HasPrefix(head, []byte(k.begin)) {
			return fault.New(fault.Malformed, "%s", k.message)
		}
	}
	return nil
}
