package passportd_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

const ndjson = "application/x-ndjson"

// importLine is a line of the response of an import.
type importLine struct {
	Row                           int
	Status, ID, BatteryIdentifier string
	Version                       int64
	State                         string
	Errors, Warnings              []fault.Detail
}

type importSummary struct {
	ImportID                                                        string
	Rows, Created, Updated, Unchanged, Invalid, Conflict, Published int64
	DryRun, Complete                                                bool
	Error                                                           *fault.Detail
}

// importFile imports a file and returns the lines of the response.
func (s *service) importFile(token, query, mediaType, file string) ([]importLine, importSummary) {
	s.T.Helper()
	return parseImport(s.T, s.Call("POST /api/passports/import"+query, token, file, "Content-Type", mediaType).Want(200, nil).Text)
}

func parseImport(t testing.TB, text string) (lines []importLine, sum importSummary) {
	t.Helper()
	all := strings.Split(strings.TrimSpace(text), "\n")
	for i, line := range all {
		var l struct {
			importLine
			Summary *importSummary
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if (l.Summary != nil) != (i == len(all)-1) {
			t.Fatalf("line %d of %d: %s, want the summary as the last line", i+1, len(all), line)
		}
		if l.Summary != nil {
			sum = *l.Summary
			continue
		}
		lines = append(lines, l.importLine)
	}
	return lines, sum
}

// brief returns the results of rows in short: row, status, version and the codes of errors.
func brief(lines []importLine) string {
	var all []string
	for _, l := range lines {
		text := fmt.Sprint(l.Row, " ", l.Status)
		if l.Version > 0 {
			text += fmt.Sprint(" v", l.Version, " ", l.State)
		}
		for _, d := range l.Errors {
			text += " " + d.Path + ":" + d.Code
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

// compact returns a sample as one line.
func compact(t *testing.T, name string) string {
	t.Helper()
	var b strings.Builder
	var v json.RawMessage = []byte(sample(t, name))
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	b.Write(data)
	return b.String()
}

func TestImport(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		operator := s.as(auth.Operator, "nordlicht")
		row := func(name string, mass int) string {
			return fmt.Sprintf(`{"data":{"generalInformation":{"batteryIdentifier":"https://a.example/%s","batteryMass":%d}}}`, name, mass)
		}
		for _, c := range []struct{ name, query, mediaType, file, want, sum string }{
			{"new", "", ndjson, row("1", 1) + "\n\n" + row("2", 2), "1 created v1 draft; 3 created v1 draft", "2 created"},
			{"the same file again", "", ndjson, row("1", 1) + "\n" + row("2", 2), "1 unchanged v1 draft; 2 unchanged v1 draft", "2 unchanged"},
			{"array", "", "application/json", "[" + row("1", 1) + "," + row("3", 3) + "]", "1 unchanged v1 draft; 2 created v1 draft", "1 created 1 unchanged"},
			{"one object", "", "application/json", row("3", 3), "1 unchanged v1 draft", "1 unchanged"},
			{"format", "?format=json", "text/plain", "[]", "", ""},
			{"other data fails", "", ndjson, row("1", 7), "1 conflict v1 draft /data/generalInformation/batteryIdentifier:exists", "1 conflict"},
			{"other data is skipped", "?onExisting=skip", ndjson, row("1", 7), "1 unchanged v1 draft", "1 unchanged"},
			{"dry run", "?onExisting=update&dryRun=true", ndjson, row("1", 7) + "\n" + row("4", 4) + "\n" + row("4", 4) + "\n" + row("4", 5) + "\n" + row("4", 5), "1 updated v2 draft; 2 created v1 draft; 3 unchanged v1 draft; 4 updated v2 draft; 5 unchanged v2 draft", "1 created 2 updated 2 unchanged"},
			{"update", "?onExisting=update", ndjson, row("1", 7), "1 updated v2 draft", "1 updated"},
			{"one battery twice", "?onExisting=update", ndjson, row("5", 1) + "\n" + row("5", 1) + "\n" + row("5", 2), "1 created v1 draft; 2 unchanged v1 draft; 3 updated v2 draft", "1 created 1 updated 1 unchanged"},
			{"bad rows", "", ndjson, "{\n" + `{"data":{"x":{}}}` + "\n" + `{"data":{}}` + "\n[]\n" + row("1", 7)[1:] + "\n" + row("6", -1) + "\n" + row("6", 1),
				"1 invalid :syntax; 2 invalid /data/x:unknownField; 3 invalid /data/generalInformation/batteryIdentifier:required; 4 invalid :type; 5 invalid :syntax; 6 invalid /data/generalInformation/batteryMass:range; 7 created v1 draft", "1 created 6 invalid"},
			{"an exported passport", "", ndjson, strings.Replace(row("7", 1), "{", `{"id":"x","version":3,"state":"active","owner":{},"createdAt":"x","createdBy":"x","updatedAt":"x","updatedBy":"x","batteryIdentifier":"y",`, 1), "1 created v1 draft", "1 created"},
			{"lines of programs", "", "application/jsonl", "{\n" + row("1", 8), "1 invalid :syntax; 2 conflict v2 draft /data/generalInformation/batteryIdentifier:exists", "1 invalid 1 conflict"},
			{"unknown member", "", ndjson, strings.Replace(row("8", 1), "{", `{"date":1,`, 1), "1 invalid /date:unknownField", "1 invalid"},
		} {
			lines, sum := s.importFile(operator, c.query, c.mediaType, c.file)
			if got := brief(lines); got != c.want {
				t.Errorf("%s: got %s, want %s", c.name, got, c.want)
			}
			if got := sum.text(); got != c.sum || !sum.Complete || sum.ImportID == "" || sum.DryRun != strings.Contains(c.query, "dryRun") {
				t.Errorf("%s: summary %+v, want %s", c.name, sum, c.sum)
			}
		}
		var page struct{ Items []apiPassport }
		s.Call("GET /api/passports?limit=100", operator, nil).Want(200, &page)
		if len(page.Items) != 6 {
			t.Errorf("%d passports after the imports, want 6: a dry run writes nothing", len(page.Items))
		}
		for _, p := range page.Items {
			checkHistory(t, s, operator, p)
		}
	})
}

func (s importSummary) text() string {
	var parts []string
	for _, c := range []struct {
		n    int64
		name string
	}{{s.Created, "created"}, {s.Updated, "updated"}, {s.Unchanged, "unchanged"}, {s.Invalid, "invalid"}, {s.Conflict, "conflict"}} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprint(c.n, " ", c.name))
		}
	}
	return strings.Join(parts, " ")
}

// TestPassportIdentifierTwice imports rows of two batteries with the same passport identifier, in one batch and in two. A
// dry run says the same as the import.
func TestPassportIdentifierTwice(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	row := func(name, identifier string) string {
		return fmt.Sprintf(`{"data":{"generalInformation":{"batteryIdentifier":"https://a.example/%s","batteryPassportIdentifier":"urn:uuid:%s"}}}`, name, identifier)
	}
	const one, two = "6a2f6c1e-3f0b-4d55-9c1e-5f1a7d2b8e01", "6a2f6c1e-3f0b-4d55-9c1e-5f1a7d2b8e02"
	file := strings.Join([]string{row("1", one), row("2", one), row("1", one), row("3", two)}, "\n") + "\n" + manyRows(150) + row("4", two)
	const conflict = "conflict /data/generalInformation/batteryPassportIdentifier:duplicate"
	for _, dry := range []string{"?dryRun=true", ""} {
		lines, _ := s.importFile(s.as(auth.Operator, "a"), dry, ndjson, file)
		if got, want := brief(lines[:4]), "1 created v1 draft; 2 "+conflict+"; 3 unchanged v1 draft; 4 created v1 draft"; got != want {
			t.Errorf("%s: got %s, want %s", dry, got, want)
		}
		if got, want := brief(lines[154:]), "155 "+conflict; got != want {
			t.Errorf("%s: got %s, want %s", dry, got, want)
		}
	}
}

// TestImportPublishes imports complete and incomplete passports twice.
func TestImportPublishes(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	operator := s.as(auth.Operator, "nordlicht")
	file := strings.Join([]string{compact(t, "ev-nmc-complete.json"), draft("https://nlb.example/incomplete"), compact(t, "lmt-ebike.json")}, "\n")
	for _, dry := range []string{"&dryRun=true", ""} {
		lines, sum := s.importFile(operator, "?publish=true"+dry, ndjson, file)
		if got := brief(lines); got != "1 created v2 active; 2 created v1 draft; 3 created v2 active" || sum.Published != 2 {
			t.Errorf("%s: got %s, %+v", dry, got, sum)
		}
		if w := lines[1].Warnings; len(w) < 10 || !strings.HasPrefix(w[0].Message, "not published: ") {
			t.Errorf("warnings of the incomplete row: %v", w)
		}
	}
	lines, sum := s.importFile(operator, "?publish=true", ndjson, file)
	if got := brief(lines); got != "1 unchanged v2 active; 2 unchanged v1 draft; 3 unchanged v2 active" || sum.Published != 0 {
		t.Errorf("again: got %s, %+v", got, sum)
	}
	changed := strings.Replace(compact(t, "lmt-ebike.json"), `"modelName":"`, `"modelName":"New `, 1)
	lines, _ = s.importFile(operator, "?onExisting=update", ndjson, changed)
	if got := brief(lines); got != "1 invalid v2 active /reason:required" {
		t.Errorf("change without a reason: %s", got)
	}
	lines, _ = s.importFile(operator, "?onExisting=update&reason=weighed", ndjson, changed)
	if got := brief(lines); got != "1 updated v3 active" {
		t.Errorf("change: %s %v", got, lines)
	}
	other := s.as(auth.Operator, "veloform")
	lines, _ = s.importFile(other, "?onExisting=update", ndjson, file)
	if got := brief(lines); got != "1 conflict /data/generalInformation/batteryIdentifier:duplicate; 2 created v1 draft; 3 conflict /data/generalInformation/batteryIdentifier:duplicate" {
		t.Errorf("by another organisation: %s", got)
	}
}
