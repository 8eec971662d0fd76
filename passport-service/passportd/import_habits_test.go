package passportd_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// TestTemplateIsFilledInAsPeopleDo fills in the template in ways that it does not ask for.
func TestTemplateIsFilledInAsPeopleDo(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	operator := s.as(auth.Operator, "maker")
	template := s.Call("GET /api/passports/import/template?category=EV&language=de", operator, nil).Want(200, nil).Text
	const battery = "https://maker.example/habits"
	for name, c := range map[string]struct {
		cells map[string]any
		want  string // the rows, or a part of the error
		text  string // in the response
	}{
		"blank rows, notes below":     {map[string]any{"C6": battery, "C9": battery + "/2", "A12": "values of the laboratory", "B13": ""}, "6 created; 9 created", ""},
		"example overwritten":         {map[string]any{"C5": battery}, "", "the file has no rows; in tables, a row whose first cell begins with # is a comment"},
		"example overwritten, others": {map[string]any{"C5": battery, "C6": battery + "/2"}, "6 created", `the row \"# example\" with the battery \"https://maker.example/habits\" was not imported: empty its first cell`},
		"example imported":            {map[string]any{"A5": nil, "C5": battery}, "5 created", ""},
		"example unchanged":           {map[string]any{"C6": battery}, "6 created", `"warnings":[]`},
		"notes in an extra column":    {map[string]any{"C6": battery, "IE1": "#", "IE6": "internal", "IF1": "#"}, "6 created", ""},
		"extra column":                {map[string]any{"C6": battery, "IE1": "Bemerkung"}, "", "name the column # to ignore it"},
		"value without header":        {map[string]any{"C6": battery, "IE6": "internal"}, "6 invalid", "column IE has a value, but no header: name it # to ignore it"},
		"title instead of the header": {map[string]any{"A1": "Batterien", "title": true}, "", "the header of the file is not valid: it must be the first row with cells, without a title above it"},
		"character of the mark":       {map[string]any{"A1": "\ufeff#", "C6": battery}, "6 created", ""},
		"date with spaces":            {map[string]any{"C6": battery, "N6": "1. 3. 2026"}, "6 created", `"warnings":[]`},
		"date in Hungarian":           {map[string]any{"C6": battery, "N6": "2026. 03. 01."}, "6 created", `"warnings":[]`},
		"date of an ERP system":       {map[string]any{"C6": battery, "N6": 20260301}, "6 created", `"warnings":[]`},
		"no date":                     {map[string]any{"C6": battery, "N6": "20261301"}, "6 created", "manufacturingDate should be"},
	} {
		t.Run(name, func(t *testing.T) {
			res := s.Call("POST /api/passports/import?dryRun=true", operator, changed(t, template, c.cells), "Content-Type", xlsxFile)
			got := ""
			if res.Status == 200 {
				lines, _ := parseImport(t, res.Text)
				for _, l := range lines {
					got += fmt.Sprintf("; %d %s", l.Row, l.Status)
				}
			}
			if strings.TrimPrefix(got, "; ") != c.want || !strings.Contains(res.Text, c.text) {
				t.Errorf("got %d %s %.2000s, want %s and %s", res.Status, got, res.Text, c.want, c.text)
			}
		})
	}
}

// changed returns a workbook with other cells. With the key title, its first row has no other cells.
func changed(t *testing.T, workbook string, cells map[string]any) string {
	t.Helper()
	f, err := excelize.OpenReader(strings.NewReader(workbook))
	if err != nil {
		t.Fatal(err)
	}
	if cells["title"] != nil {
		if err := f.InsertRows("Passports", 1, 1); err != nil {
			t.Fatal(err)
		}
	}
	for cell, value := range cells {
		if cell == "title" {
			continue
		}
		if err := f.SetCellValue("Passports", cell, value); err != nil {
			t.Fatal(err)
		}
	}
	var b strings.Builder
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
