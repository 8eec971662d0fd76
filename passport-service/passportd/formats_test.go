package passportd_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"math/rand/v2"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/format/registry"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/passport-service/samples"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// lossReport is the report of a document.
type lossReport struct {
	ID, Format string
	Losses     []struct{ Path, Why string }
}

func readReport(t *testing.T, text string) lossReport {
	t.Helper()
	var r lossReport
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return r
}

// remaining returns the leaves of data without the losses, by path.
func remaining(t *testing.T, data string, r lossReport) map[string]any {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	lost, leaves := map[string]bool{}, map[string]any{}
	for _, l := range r.Losses {
		lost[l.Path] = true
	}
	collectLeaves(v, "/data", lost, leaves)
	return leaves
}

func collectLeaves(v any, path string, lost map[string]bool, leaves map[string]any) {
	if lost[path] {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		for name, child := range v {
			collectLeaves(child, path+"/"+name, lost, leaves)
		}
	case []any:
		for i, child := range v {
			collectLeaves(child, path+"/"+strconv.Itoa(i), lost, leaves)
		}
	default:
		leaves[path] = v
	}
}

func formatNames(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, f := range ruleset.Embedded()[0].Formats {
		names = append(names, f.Name)
	}
	if _, err := registry.New(ruleset.Embedded()[0], registry.Options{}); err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	return names
}

// TestForeignFormatsComeBack exports all samples and 1,000 generated passports (50 with the race
// detector) in each format, and imports the documents for another organisation. The data must be the
// same but for the reported losses.
func TestForeignFormatsComeBack(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	maker := s.as(auth.Operator, "maker")
	var rows []string
	names, err := fs.Glob(samples.FS, "*-*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if text := compact(t, name); strings.HasPrefix(text, `{"data"`) {
			rows = append(rows, text)
		}
	}
	g := &generator{rand.New(rand.NewPCG(18, 2)), ruleset.Embedded()[0]}
	for i := range map[bool]int{false: 1000, true: 50}[hasRaceDetector()] {
		rows = append(rows, g.body(i))
	}
	if _, sum := s.importFile(maker, "?onExisting=update", ndjson, strings.Join(rows, "\n")); sum.Invalid > 0 || !sum.Complete {
		t.Fatalf("import: %+v", sum)
	}
	want := s.dataOf(maker)
	for _, name := range formatNames(t) {
		documents := s.Call("GET /api/passports/export?format="+name, maker, nil).Want(200, nil).Text
		reports := map[string]lossReport{}
		for line := range strings.Lines(s.Call("GET /api/passports/export?report=true&format="+name, maker, nil).Want(200, nil).Text) {
			r := readReport(t, line)
			reports[r.ID] = r
		}
		other := s.as(auth.Operator, "of-"+name)
		lines, sum := s.importFile(other, "?format="+name, ndjson, documents)
		if int(sum.Created) != len(want) || !sum.Complete {
			for _, l := range lines {
				if len(l.Errors) > 0 {
					t.Errorf("%s: row %d: %v", name, l.Row, l.Errors)
				}
			}
			t.Fatalf("%s: %+v, want %d created", name, sum, len(want))
		}
		got := s.dataOf(other)
		for line := range strings.Lines(s.Call("GET /api/passports/export", maker, nil).Want(200, nil).Text) {
			var p apiPassport
			if err := json.Unmarshal([]byte(line), &p); err != nil {
				t.Fatal(err)
			}
			a, b := remaining(t, string(p.Data), reports[p.ID]), remaining(t, got[p.BatteryIdentifier], reports[p.ID])
			// The service sets an identifier where data has none.
			const passportID = "/data/generalInformation/batteryPassportIdentifier"
			if a[passportID] == nil {
				delete(b, passportID)
			}
			if !reflect.DeepEqual(a, b) {
				t.Fatalf("%s: %s\ngot  %v\nwant %v", name, p.BatteryIdentifier, b, a)
			}
		}
	}
}

func TestForeignFormatOfOnePassport(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	owner := s.as(auth.Operator, "nordlicht")
	p := s.create(owner, sample(t, "ev-nmc-complete.json"))
	s.Call("POST /api/passports/"+p.ID+"/publish", owner, nil).Want(200, nil)
	for _, name := range formatNames(t) {
		for path, token := range map[string]string{"/api/passports/": owner, "/api/public/passports/": ""} {
			document := s.Call("GET "+path+p.ID+"/export?format="+name, token, nil).Want(200, nil)
			digest := sha256.Sum256([]byte(document.Text))
			if got, want := document.Header.Get("Content-Digest"), "sha-256=:"+base64.StdEncoding.EncodeToString(digest[:])+":"; got != want {
				t.Errorf("Content-Digest %s, want %s", got, want)
			}
			if got := document.Header.Get("Content-Type"); got != "application/json" {
				t.Errorf("Content-Type %s", got)
			}
			if strings.Contains(document.Text, "nlb.example/restricted") != (token != "") {
				t.Errorf("%s%s: restricted links do not follow the access of the reader", path, name)
			}
			link, _, ok := strings.Cut(strings.TrimPrefix(document.Header.Get("Link"), "<"), `>; rel="describedby"`)
			if !ok {
				t.Fatalf("Link %q", document.Header.Get("Link"))
			}
			r := readReport(t, s.Call("GET "+link, token, nil).Want(200, nil).Text)
			if r.ID != p.ID || r.Format != name || (len(r.Losses) == 0) != ruleset.Embedded()[0].Format(name).Whole {
				t.Errorf("report %+v", r)
			}
			another := strings.ReplaceAll(strings.ReplaceAll(document.Text, "21/NB7K2Q9X", "21/X"), "6a2f6c1e", "6a2f6c1f")
			if lines, _ := s.importFile(s.as(auth.Operator, "x"), "?dryRun=true&format="+name, "application/json", another); brief(lines) != "1 created v1 draft" {
				t.Errorf("import of %s: %s", name, brief(lines))
			}
			if lines, _ := s.importFile(s.as(auth.Operator, "x"), "?dryRun=true&format="+name, "application/json", "["+another+"]"); brief(lines) != "1 created v1 draft" {
				t.Errorf("import of an array of %s: %s", name, brief(lines))
			}
		}
	}
	s.Call("GET /api/passports/"+p.ID+"/export?format=unknown", owner, nil).WantProblem(422, "query:format enum")
}

// TestForeignImportWarns imports a document with values that a passport cannot hold.
func TestForeignImportWarns(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	operator := s.as(auth.Operator, "a")
	lines, _ := s.importFile(operator, "?format=batterypass-1.2", "application/json",
		`{"GeneralProductInformation":{"productIdentifier":"https://a.example/1","batteryCategory":"ev","batteryPassportIdentifier":"urn:bmwk:1","colour":"red"}}`)
	if len(lines) != 1 || lines[0].Status != "created" {
		t.Fatalf("got %+v", lines)
	}
	var warnings bytes.Buffer
	for _, w := range lines[0].Warnings {
		warnings.WriteString(w.Path + " " + w.Code + "\n")
	}
	if want := "/GeneralProductInformation/batteryPassportIdentifier loss\n/GeneralProductInformation/colour loss\n"; warnings.String() != want {
		t.Errorf("warnings %s, want %s", warnings.String(), want)
	}
	lines, _ = s.importFile(operator, "?format=batterypass-1.2", "application/json", `{"identification":{"idDmc":"https://a.example/1"}}`)
	if got := lines[0].Errors[0].Message; !strings.Contains(got, "has it at GeneralProductInformation.productIdentifier; this looks like Catena-X") {
		t.Errorf("document of another data model: %s", got)
	}
	for text, want := range map[string]string{
		`{"GeneralProductInformation":{"batteryCategory":"ev"}}`: "1 invalid /data/generalInformation/batteryIdentifier:required",
		`{"data":{}}`: "1 invalid /data/generalInformation/batteryIdentifier:required",
		`{"GeneralProductInformation":{"productIdentifier":"https://a.example/2","batteryMass":-1}}`: "1 invalid /data/generalInformation/batteryMass:range",
	} {
		if lines, _ := s.importFile(operator, "?format=batterypass-1.2", ndjson, text); brief(lines) != want {
			t.Errorf("%s: %s, want %s", text, brief(lines), want)
		}
	}
}

// TestForeignDocumentsAreRecognised sends documents of others as if they were passports.
func TestForeignDocumentsAreRecognised(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	operator := s.as(auth.Operator, "a")
	data := s.create(operator, sample(t, "ev-nmc-complete.json"))
	for _, f := range ruleset.Embedded()[0].Formats {
		document := s.Call("GET /api/passports/"+data.ID+"/export?format="+f.Name, operator, nil).Want(200, nil).Text
		if !json.Valid([]byte(document)) {
			continue // a package
		}
		name := strings.TrimSuffix(f.Name, "-full")
		want := "send it to /api/passports/import?format=" + name + `"`
		for path, status := range map[string]int{"POST /api/passports": 422, "POST /api/passports/validate": 200} {
			got := s.Call(path, operator, json.RawMessage(document)).Want(status, nil).Text
			if strings.Count(got, want) != 1 || !strings.Contains(got, "/data") {
				t.Errorf("%s %s: %s", path, f.Name, got)
			}
		}
	}
	for _, text := range []string{`{}`, `[]`, `{"data":{"identification":{"idDmc":"x"}}}`, `{"identification":1}`} {
		if got := s.Call("POST /api/passports", operator, json.RawMessage(text)).Want(422, nil).Text; strings.Contains(got, "looks like") {
			t.Errorf("%s: %s", text, got)
		}
	}
}

// TestExamplesOfOthersAreImported imports published examples. Values that a passport cannot hold are warnings.
func TestExamplesOfOthersAreImported(t *testing.T) {
	const shared = "../../../shared/data/"
	s := start(t, connect.Config{Dir: t.TempDir()})
	operator := s.as(auth.Operator, "a")
	for file, name := range map[string]string{
		"catena-x-battery-pass-6.1.0/BatteryPass.json":                           "catenax-6.1.0",
		"openepcis-batterypass-ready-examples/ev.gefeg.json":                     "batterypass-ready",
		"openepcis-batterypass-ready-examples/lmt.gefeg.json":                    "batterypass-ready",
		"openepcis-batterypass-ready-examples/stationary.gefeg.json":             "batterypass-ready",
		"openepcis-batterypass-ready-examples/industrial-without-bms.gefeg.json": "batterypass-ready",
	} {
		text, err := os.ReadFile(shared + file)
		if os.IsNotExist(err) {
			t.Skip("the data of others is not here")
		}
		document := strings.Replace(string(text), `"34567890"`, `"https://a.example/34567890"`, 1) // not an identifier of a battery
		lines, _ := s.importFile(operator, "?format="+name, "application/json", document)
		if brief(lines) != "1 created v1 draft" || len(lines[0].Warnings) == 0 {
			t.Errorf("%s: %s, %d warnings", file, brief(lines), len(lines[0].Warnings))
		}
	}
}
