package passportd_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// removedBy returns the message of a row about the values that it removed.
func removedBy(l importLine) string {
	for _, w := range l.Warnings {
		if w.Code == "removed" {
			return w.Message
		}
	}
	return ""
}

// TestUpdateReportsWhatItRemoves updates drafts with rows that have fewer values.
func TestUpdateReportsWhatItRemoves(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	operator := s.as(auth.Operator, "a")
	s.importFile(operator, "", ndjson, draft("https://a.example/1"))
	table := "generalInformation.batteryIdentifier,generalInformation.batteryMass\nhttps://a.example/1,451\n"
	for _, query := range []string{"?onExisting=update&dryRun=true", "?onExisting=update"} {
		lines, _ := s.importFile(operator, query, "text/csv", table)
		if got := brief(lines); got != "2 updated v2 draft" || !strings.HasSuffix(removedBy(lines[0]), "(1): data.generalInformation.batteryCategory") {
			t.Errorf("%s: %s %v", query, got, lines)
		}
	}
	full := compact(t, "lmt-ebike.json")
	s.importFile(operator, "", ndjson, full)
	lines, _ := s.importFile(operator, "?onExisting=update", ndjson, `{"data":{"generalInformation":{"batteryIdentifier":"https://vlf.example/01/09521100002073/21/V4E10077"}}}`)
	if got := removedBy(lines[0]); strings.Count(got, "data.") != 20 || !strings.Contains(got, " more") {
		t.Errorf("many values: %s, want 20 paths and the number of the rest", got)
	}
	lines, _ = s.importFile(operator, "?onExisting=update", ndjson, full)
	if got := removedBy(lines[0]); lines[0].Status != "updated" || got != "" {
		t.Errorf("values that were added: %s", got)
	}
}

// TestUpdateFromAnotherDataModel imports exports in other data models. Values that a
// model cannot hold stay.
func TestUpdateFromAnotherDataModel(t *testing.T) {
	for _, name := range formatNames(t) {
		t.Run(name, func(t *testing.T) {
			s := start(t, connect.Config{Dir: t.TempDir()})
			operator := s.as(auth.Operator, "a")
			lines, _ := s.importFile(operator, "", ndjson, compact(t, "ev-nmc-complete.json"))
			path := "/api/passports/" + lines[0].ID
			read := func() (p apiPassport) {
				s.Call("GET "+path, operator, nil).Want(200, &p)
				return p
			}
			before := read()
			document := s.Call("GET "+path+"/export?format="+name, operator, nil).Want(200, nil).Text
			lines, _ = s.importFile(operator, "?onExisting=update&format="+name, "application/json", document)
			if got := brief(lines); got != "1 unchanged v1 draft" {
				t.Errorf("the export as it is: %s", got)
			}
			changed := strings.ReplaceAll(document, "Nordlicht 82 NMC", "Nordlicht 83 NMC")
			if changed == document { // the data model has no model name
				return
			}
			lines, _ = s.importFile(operator, "?onExisting=update&format="+name, "application/json", changed)
			if got := brief(lines); got != "1 updated v2 draft" || removedBy(lines[0]) != "" {
				t.Errorf("another model name: %s, removed: %s", got, removedBy(lines[0]))
			}
			want := strings.ReplaceAll(string(before.Data), "Nordlicht 82 NMC", "Nordlicht 83 NMC")
			if got := read(); !sameJSON(t, string(got.Data), want) {
				t.Errorf("got %s, want %s", got.Data, want)
			}
		})
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	texts := []string{a, b}
	for i, text := range texts {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		canonical, _ := json.Marshal(v)
		texts[i] = string(canonical)
	}
	return texts[0] == texts[1]
}
