package gs1

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestVectorsOfTheSyntaxEngine reads the vectors of GS1's own syntax engine. The engine
// has options for forms that URI syntax 1.7 does not allow: short names of keys, GTINs of
// 13 digits and unknown AIs. Parse must refuse these.
func TestVectorsOfTheSyntaxEngine(t *testing.T) {
	data, err := os.ReadFile("../../../../shared/data/anchors/gs1-dl-parse-vectors.json")
	if err != nil {
		t.Skip("the vectors are not part of the repository: ", err)
	}
	var file struct {
		Vectors []struct {
			Valid   bool
			URI, AI string
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	outside := func(uri string) bool {
		return strings.Contains(uri, "/gtin/") || strings.Contains(uri, "/sscc/") || strings.Contains(uri, "/01/952") || strings.Contains(uri, "&89=")
	}
	for _, v := range file.Vectors {
		link, err := Parse(v.URI)
		valid := v.Valid && !outside(v.URI)
		if valid != (err == nil) {
			t.Errorf("Parse(%q): got error %v, want valid: %v", v.URI, err, valid)
		}
		if want := strings.ReplaceAll(v.AI, "^", string(FNC1)); valid && link.ElementString() != want {
			t.Errorf("Parse(%q).ElementString() = %q, want %q", v.URI, link.ElementString(), want)
		}
	}
	if len(file.Vectors) != 83 {
		t.Errorf("got %d vectors, want 83", len(file.Vectors))
	}
}

func TestParse(t *testing.T) {
	for uri, want := range map[string]string{
		"https://a.example/01/09521100000116/21/NB7K2Q9X":               "/01/09521100000116/21/NB7K2Q9X",
		"https://a.example/x/y/01/09521100000116/22/V/10/L/21/S":        "/01/09521100000116/22/V/10/L/21/S",
		"https://a.example/01/09521100000116/21/F1%2f2":                 "/01/09521100000116/21/F1%2F2",
		"https://a.example/8006/095211000001160102/21/S":                "/8006/095211000001160102/21/S",
		"https://a.example/8013/1987654Ad4X4bL5ttr2310c2K":              "/8013/1987654Ad4X4bL5ttr2310c2K",
		"https://a.example/414/9521321000001/254/A":                     "/414/9521321000001/254/A",
		"https://a.example/01/09521100000116?linkType=gs1:dpp&a=%zz#to": "/01/09521100000116",
		"https://a.example/01/09521100000117":                           "has a wrong check digit: got 7, want 6",
		"https://a.example/01/9521100000116":                            "is too short",
		"https://a.example/01/09521100000116/21/S/10/L":                 "(21) (10) cannot follow (01)",
		"https://a.example/01/09521100000116/235/T/21/S":                "(235) (21) cannot follow (01)",
		"https://a.example/01/09521100000116/21/":                       "is too short",
		"https://a.example/01/09521100000116/21/%00":                    `the character '\x00'`,
		"https://a.example/01/09521100000116/21/%C3%BC":                 "the character 'ü'",
		"https://a.example/01/09521100000116/21/%zz":                    "invalid percent-encoding",
		"https://a.example/01/09521100000116/21/123456789012345678901":  "is too long",
		"https://a.example/8013/1987654Ad4X4bL5ttr2310c2L":              "wrong check characters: got 2L, want 2K",
		"https://a.example/8006/095211000001160302":                     "number of a piece",
		"https://a.example/p/1":                                         "no GS1 key",
		"https://a.example/01/09521100000116?17=261332":                 "must be a date",
		"https://a.example/01/09521100000116?21=S":                      "must not be in the query",
		"urn:epc:id:sgtin:1":                                            "must begin with https",
	} {
		got := ""
		if link, err := Parse(uri); err != nil {
			got = err.Error()
		} else {
			got = link.Path()
		}
		if !strings.Contains(got, want) {
			t.Errorf("Parse(%q): got %q, want %q", uri, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("https://a.example/01/09521100000116/10/%2B/21/S?17=261300")
	f.Fuzz(func(t *testing.T, uri string) {
		link, err := Parse(uri)
		if err != nil {
			return
		}
		same, err := ParsePath(link.Path())
		if err != nil || same.Path() != link.Path() {
			t.Errorf("%q: path %q is read as %q, %v", uri, link.Path(), same.Path(), err)
		}
	})
}
