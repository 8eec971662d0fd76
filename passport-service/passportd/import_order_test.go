package passportd_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// TestRowsWithCommonIdentifiersStayInOrder imports rows of a battery after a row that waits for another one: the data
// of the last row of the battery remains.
func TestRowsWithCommonIdentifiersStayInOrder(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	s.importFile(s.as(auth.Operator, "veloform"), "?publish=true", ndjson, compact(t, "lmt-ebike.json"))
	operator := s.as(auth.Operator, "a")
	const identifier = `"batteryPassportIdentifier":"urn:uuid:6a2f6c1e-3f0b-4d55-9c1e-5f1a7d2b8e01"`
	file := strings.Join([]string{
		`{"data":{"generalInformation":{"batteryIdentifier":"https://vlf.example/01/09521100002073/21/V4E10077",` + identifier + `}}}`,
		`{"data":{"generalInformation":{"batteryIdentifier":"https://a.example/b","batteryMass":1,` + identifier + `}}}`,
		`{"data":{"generalInformation":{"batteryIdentifier":"https://a.example/b","batteryMass":2}}}`,
	}, "\n")
	for _, dry := range []string{"&dryRun=true", ""} {
		lines, _ := s.importFile(operator, "?onExisting=update"+dry, ndjson, file)
		want := "1 conflict /data/generalInformation/batteryIdentifier:duplicate; 2 created v1 draft; 3 updated v2 draft"
		if got := brief(lines); got != want {
			t.Errorf("%s: got %s, want %s", dry, got, want)
		}
		if dry == "" {
			var p apiPassport
			s.Call("GET /api/passports/"+lines[2].ID, operator, nil).Want(200, &p)
			if data := string(p.Data); !strings.Contains(data, `"batteryMass":2`) || !strings.Contains(data, identifier) {
				t.Errorf("got %s, want the mass of the last row", data)
			}
		}
	}
}

// TestExportHasTheOrderOfTheFile imports rows that are written in parallel.
func TestExportHasTheOrderOfTheFile(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	operator := s.as(auth.Operator, "a")
	var want []string
	for i := range 250 {
		want = append(want, fmt.Sprintf("https://a.example/battery/%d", i))
	}
	s.importFile(operator, "", ndjson, manyRows(len(want)))
	var got []string
	for line := range strings.Lines(s.Call("GET /api/passports/export", operator, nil).Want(200, nil).Text) {
		var p apiPassport
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			t.Fatal(err)
		}
		got = append(got, p.BatteryIdentifier)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

// TestDryRunKnowsPassportIdentifiers imports rows whose passport identifiers change, in a few batches and in many. A dry run
// says the same as the import. The battery S has a passport before.
func TestDryRunKnowsPassportIdentifiers(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	operator := s.as(auth.Operator, "a")
	for i, c := range []struct{ rows, want string }{
		{"A1 A2 B1", "created updated created"},                        // 1 is free again
		{"A1 A2 B2", "created updated conflict"},                       // 2 is in use
		{"A1 B1 A2", "created conflict updated"},                       // 1 is free after the row that wants it
		{"A1 A- B1", "created updated conflict"},                       // A keeps 1
		{"A1 A2 A1 B2 B1", "created updated updated created conflict"}, // 2 is free again
		{"A1 S1", "created conflict"},                                  // of a passport that existed before
		{"A1 B2 B1", "created created conflict"},                       // of a passport of the import
		{"A1 B2 A3 B1 A2", "created created updated updated updated"},  // A and B swap 1 and 2
	} {
		for j, filler := range []string{"", manyRows(150)} {
			row := func(name string, mass int) string {
				more := ""
				if name[1:] != "-" {
					more = fmt.Sprintf(`,"batteryPassportIdentifier":"urn:uuid:6a2f6c1e-3f0b-4d55-9c1e-5f1a7d2b%d%d0%s"`, i, j, name[1:])
				}
				return fmt.Sprintf(`{"data":{"generalInformation":{"batteryIdentifier":"https://a.example/%d/%d/%c","batteryMass":%d%s}}}`+"\n", i, j, name[0], mass, more)
			}
			s.importFile(operator, "", ndjson, row("S-", 1))
			names := strings.Fields(c.rows)
			file := ""
			for n, name := range names {
				if n == len(names)-1 {
					file += filler
				}
				file += row(name, n+1)
			}
			for _, dry := range []string{"&dryRun=true", ""} {
				lines, _ := s.importFile(operator, "?onExisting=update"+dry, ndjson, file)
				var got []string
				for n, l := range lines {
					if n < len(names)-1 || n == len(lines)-1 {
						got = append(got, l.Status)
					}
				}
				if strings.Join(got, " ") != c.want {
					t.Errorf("%s, %d rows %s: got %s, want %s", c.rows, len(lines), dry, got, c.want)
				}
			}
		}
	}
}
