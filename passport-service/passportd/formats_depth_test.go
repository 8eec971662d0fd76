package passportd_test

import (
	"strings"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/archive/archivetest"
	"github.com/battery-passport/suite/passport-service/internal/format/aasx"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// TestDepthOfDocuments imports a shell whose elements have qualifiers, like those of the published templates. It has
// more levels than a passport may have.
func TestDepthOfDocuments(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	maker, other := s.as(auth.Operator, "a"), s.as(auth.Operator, "b")
	p := s.create(maker, sample(t, "ev-nmc-complete.json"))
	document := s.Call("GET /api/passports/"+p.ID+"/export?format=idta-02035", maker, nil).Want(200, nil).Text
	const name = `"idShort":"powerCapabilityAt",`
	qualified := strings.ReplaceAll(document, name, name+`"qualifiers":[{"type":"SMT/Cardinality","valueType":"xs:string","value":"One",`+
		`"semanticId":{"type":"ExternalReference","keys":[{"type":"GlobalReference","value":"x"}]}}],`)
	if qualified == document {
		t.Fatal("the document has no powerCapabilityAt")
	}
	packed, err := aasx.Pack([]byte(qualified))
	if err != nil {
		t.Fatal(err)
	}
	tooDeep := strings.Repeat(`{"a":`, 64) + "{}" + strings.Repeat("}", 64)
	for _, c := range []struct{ query, mediaType, file, want string }{
		{"&format=idta-02035", "application/json", qualified, "1 created v1 draft"},
		{"&format=idta-02035", ndjson, qualified, "1 created v1 draft"},
		{"&format=idta-02035", zipType, archivetest.Zip(t, "a.json", qualified), "1 created v1 draft"},
		{"", aasx.MediaType, string(packed), "1 created v1 draft"},
		{"&format=idta-02035", ndjson, tooDeep, "1 invalid " + strings.Repeat("/a", 64) + ":depth"},
		{"", ndjson, qualified, "depth"},
		{"", "application/json", qualified, "depth"},
		{"", zipType, archivetest.Zip(t, "a.json", qualified), "depth"},
	} {
		lines, _ := s.importFile(other, "?dryRun=true"+c.query, c.mediaType, c.file)
		if got := brief(lines); got != c.want && (c.want != "depth" || !strings.HasSuffix(got, ":depth")) {
			t.Errorf("%s %s: %s, want %s", c.query, c.mediaType, got, c.want)
		}
	}
}
