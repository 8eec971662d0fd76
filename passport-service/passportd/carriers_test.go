package passportd_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/auth"
)

// TestIdentifierIsMadeOnRequest creates passports without a battery identifier, and
// scans the identifiers that the service made.
func TestIdentifierIsMadeOnRequest(t *testing.T) {
	s, _, operator := startScan(t, true)
	const body = `{"data":{"generalInformation":{"batteryModel":{"gtin":"09521100000116"}}}}`
	seen := map[string]bool{}
	for query, pattern := range map[string]string{
		"gs1": `^https://id\.example/01/09521100000116/21/[0-9A-HJKMNP-TV-Z]{15}$`,
		"uri": `^https://id\.example/p/[0-9A-HJKMNP-TV-Z]{15}$`,
	} {
		for range 2 {
			var p struct {
				BatteryIdentifier string
				Data              struct {
					GeneralInformation struct{ BatteryIdentifier, BatterySerialNumber string }
				}
			}
			s.Call("POST /api/passports?identifier="+query, operator, body).Want(201, &p)
			if !regexp.MustCompile(pattern).MatchString(p.BatteryIdentifier) || p.Data.GeneralInformation.BatteryIdentifier != p.BatteryIdentifier || seen[p.BatteryIdentifier] {
				t.Errorf("%s: got %q", query, p.BatteryIdentifier)
			}
			if serial := p.Data.GeneralInformation.BatterySerialNumber; query == "gs1" && !strings.HasSuffix(p.BatteryIdentifier, "/"+serial) {
				t.Errorf("serial number: got %q", serial)
			}
			seen[p.BatteryIdentifier] = true
		}
	}
	for body, want := range map[string]string{
		`{"data":{"generalInformation":{}}}`: "/data/generalInformation/batteryModel/gtin required",
		`{"data":{"generalInformation":{"batteryIdentifier":"https://a.example/1","batteryModel":{"gtin":"09521100000116"}}}}`: "/data/generalInformation/batteryIdentifier notApplicable",
		`{"data":{"generalInformation":{"batteryModel":{"gtin":"09521100000116"},"batterySerialNumber":"ü"}}}`:                 "/data/generalInformation/batterySerialNumber format",
	} {
		s.Call("POST /api/passports?identifier=gs1", operator, body).WantProblem(422, want)
	}
	s.Call("POST /api/passports?identifier=rfid", operator, body).WantProblem(422, "query:identifier enum")
	var p apiPassport
	s.Call("POST /api/passports?identifier=gs1", operator, body, "Idempotency-Key", "k").Want(201, &p)
	var again apiPassport
	if s.Call("POST /api/passports?identifier=gs1", operator, body, "Idempotency-Key", "k").Want(201, &again); again.BatteryIdentifier != p.BatteryIdentifier {
		t.Errorf("repeated request: got %s and %s", p.BatteryIdentifier, again.BatteryIdentifier)
	}
}

// TestCarriers draws codes, and refuses sizes, colours and types that cannot be read.
func TestCarriers(t *testing.T) {
	s, p, operator := startScan(t, true)
	path := "/api/public/passports/" + p.ID + "/carrier"
	for query, start := range map[string]string{
		"": "<svg ", "?type=datamatrix&format=png": "\x89PNG", "?type=gs1datamatrix": "<svg ", "?ecc=H&size=30&dpi=600&format=png&text=true": "\x89PNG", "?color=003300&background=ffffe0": "<svg ",
	} {
		res, body := s.get("GET", path+query)
		if res.StatusCode != 200 || !strings.HasPrefix(body, start) {
			t.Errorf("%s: got %d: %.200s", query, res.StatusCode, body)
		}
		if res, _ := s.get("GET", path+query, "If-None-Match", res.Header.Get("ETag")); res.StatusCode != 304 {
			t.Errorf("%s with If-None-Match: got %d", query, res.StatusCode)
		}
	}
	for query, want := range map[string]string{
		"size=0": "query:size range", "size=10000": "query:size range", "dpi=1&format=png": "query:dpi range", "dpi=1000000&format=png": "query:dpi range", "size=500&dpi=2400&format=png": "query:size range",
		"size=5&dpi=72&format=png": "query:size range", "color=ffffff": "query:background range", "color=777777&background=999999": "query:background range", "color=red": "query:color format",
		"type=aztec": "query:type enum", "ecc=L": "query:ecc enum",
	} {
		s.Call("GET "+path+"?"+query, "", nil).WantProblem(422, want)
	}
	unlinked := s.publishURI(operator)
	s.Call("GET /api/passports/"+unlinked+"/carrier?type=gs1datamatrix", operator, nil).WantProblem(422, "query:type consistency")
	empty := s.create(operator, `{"data":{}}`)
	s.Call("GET /api/passports/"+empty.ID+"/carrier", operator, nil).WantProblem(409)
	s.Call("GET /api/passports/"+empty.ID+"/carrier", s.as(auth.Operator, "B"), nil).WantProblem(404)
}

// publishURI creates a passport whose identifier is not a GS1 Digital Link.
func (s *service) publishURI(token string) string {
	return s.create(token, draft("https://a.example/battery/1")).ID
}

// TestLabels prints labels by ids and by filter, and names all passports without one.
func TestLabels(t *testing.T) {
	s, p, operator := startScan(t, true)
	other := s.create(operator, draft("https://a.example/battery/1"))
	foreign := s.create(s.as(auth.Operator, "B"), draft("https://a.example/battery/2"))
	empty := s.create(operator, `{"data":{}}`)
	order := func(format string, values ...any) string { return fmt.Sprintf(format, values...) }
	for body, count := range map[string]int{
		order(`{"ids":[%q,%q]}`, p.ID, other.ID): 2, `{}`: 2, `{"filter":{"state":"active"},"layout":"letter-30"}`: 1, `{"layout":"single","width":50,"height":30,"cropMarks":true}`: 2,
	} {
		res := s.Call("POST /api/passports/labels", operator, body).Want(200, nil)
		pages := bytes.Count([]byte(res.Text), []byte("/Type /Page "))
		if wantPages := map[bool]int{true: count, false: 1}[strings.Contains(body, "single")]; res.Header.Get("Content-Type") != "application/pdf" || !strings.HasPrefix(res.Text, "%PDF-") || pages != wantPages {
			t.Errorf("%s: got %s with %d pages, want %d", body, res.Header.Get("Content-Type"), pages, wantPages)
		}
	}
	zpl := s.Call("POST /api/passports/labels", operator, `{"format":"zpl","dpi":300}`).Want(200, nil).Text
	if strings.Count(zpl, "^XA") != 2 || strings.Count(zpl, "^XZ") != 2 || !strings.Contains(zpl, "^FDS/N NB7K2Q9X^FS") {
		t.Errorf("ZPL: %s", zpl)
	}
	s.Call("POST /api/passports/labels", operator, order(`{"ids":[%q,%q,%q,"none"]}`, p.ID, foreign.ID, empty.ID)).WantProblem(422, "/ids/1 notFound", "/ids/2 required", "/ids/3 notFound")
	s.Call("POST /api/passports/labels", operator, order(`{"ids":[%q],"layout":"single","width":10,"height":10}`, p.ID)).WantProblem(422, "/ids/0 consistency")
	for body, want := range map[string]string{
		`{"layout":"single","width":0.001}`: "/width range", `{"layout":"single","width":10000}`: "/width range", `{"layout":"single","height":-1}`: "/height range",
		`{"format":"zpl","dpi":1}`: "/dpi enum", `{"format":"zpl","dpi":1000000}`: "/dpi enum", `{"layout":"a0"}`: "/layout enum", `{"type":"aztec"}`: "/type enum", `{"ecc":"L"}`: "/ecc enum", `{"format":"docx"}`: "/format enum",
	} {
		s.Call("POST /api/passports/labels", operator, body).WantProblem(422, want)
	}
	s.Call("POST /api/passports/labels", operator, `{"ids":[]}`).WantProblem(422, "/ids range")
	s.Call("POST /api/passports/labels", operator, `{"filter":{"state":"archived"}}`).WantProblem(422, "/filter required")
	s.Call("POST /api/passports/labels", s.as(auth.User, "A"), `{}`).WantProblem(403)
}
