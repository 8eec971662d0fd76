package format_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/format"
)

// TestNothingIsInvented encodes passports without a statement that the data model requires. The member is missing, and
// reported.
func TestNothingIsInvented(t *testing.T) {
	for _, c := range []struct{ format, data, pointer string }{
		{"untp-0.6", `{"labelsAndConformity":{"euDeclarationOfConformity":{"issueDate":"2027-01-02"}}}`, "/credentialSubject/conformityClaim/0/conformance"},
		{"untp-0.6", `{"labelsAndConformity":{"euDeclarationOfConformity":{"documentUrl":"https://a.example/d"}}}`, "/credentialSubject/conformityClaim/0/conformance"},
		{"untp-0.6", `{"labelsAndConformity":{"testReports":[{"title":"A","documentUrl":"https://a.example/d"}]}}`, "/credentialSubject/conformityClaim/0/conformance"},
		{"catenax-6.1.0", `{"circularity":{"spareParts":[{"partNumber":"1"}]}}`, "/handling/applicable"},
	} {
		f := registry(t)[c.format]
		document, losses, err := f.Encode([]byte(c.data), format.Header{})
		if err != nil || len(losses) > 0 {
			t.Fatal(losses, err)
		}
		_, member, _ := strings.Cut(c.pointer[strings.LastIndex(c.pointer, "/"):], "/")
		isMissing := slices.ContainsFunc(f.Missing(document), func(l format.Loss) bool { return l.Path == c.pointer })
		if strings.Contains(string(document), `"`+member+`"`) || !isMissing {
			t.Errorf("%s: %s, missing %v, want %s to be missing", c.format, document, f.Missing(document), c.pointer)
		}
	}
}
