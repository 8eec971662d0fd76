package exchange

import (
	"bytes"
	"slices"

	"github.com/battery-passport/suite/pkg/fault"
)

// kind is a kind of file, by its first bytes, and what to send instead.
type kind struct{ begin, message string }

// otherKinds are files that are sent as texts by mistake.
var otherKinds = []kind{
	{"PK\x03\x04", "the file is a workbook or archive; send Content-Type: application/vnd.openxmlformats-officedocument.spreadsheetml.sheet for a workbook (.xlsx), or application/zip"},
	{"\xd0\xcf\x11\xe0", "the file is a workbook in the old format .xls, or encrypted; save it as .xlsx without a password"},
	{"\x1f\x8b", "the file is packed with gzip; send Content-Encoding: gzip"},
	{"%PDF", "the file is a PDF document; send a table, JSON or NDJSON"},
	{"<", "the file is HTML or XML; save a table as .xlsx or CSV, and documents as JSON"},
}

// Kinds that are refused where they are not expected.
var (
	jsonObject   = kind{"{", "the file is JSON; send Content-Type: application/json, or application/x-ndjson for an object on each line"}
	jsonArray    = kind{"[", "the file is a JSON array; send Content-Type: application/json"}
	jsonWebToken = kind{"eyJ", "the file is a credential as a JSON Web Token; send Content-Type: " + CredentialType}
)

// checkKind fails with fault.Malformed if a file of texts begins like one of otherKinds or of refused.
func checkKind(head []byte, refused ...kind) error {
	head = bytes.TrimLeft(bytes.TrimPrefix(head, byteOrderMark), " \t\r\n")
	for _, k := range slices.Concat(otherKinds, refused) {
		if bytes.HasPrefix(head, []byte(k.begin)) {
			return fault.New(fault.Malformed, "%s", k.message)
		}
	}
	return nil
}
