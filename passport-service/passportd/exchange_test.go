package passportd_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/passport-service/samples"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store/connect"
)

const (
	csvFile  = "text/csv"
	xlsxFile = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
)

var fileTypes = map[string]string{"ndjson": ndjson, "csv": csvFile, "xlsx": xlsxFile}

// generator makes data that the structure check accepts, with values that are hard to
// write into a table.
type generator struct {
	*rand.Rand
	rules *ruleset.RuleSet
}

var nastyTexts = []string{"", " ", "x", "=1+1", "+1", "-1", "@a", "'", "'=x", "''", "\tx", "a\nb", "a\r\nb", " lead", "trail ", `"quoted"`, `'"x"`, "a;b,c", "0012", "1e5", "true", "2027-02-18", "_x000D_", "#x", "[1]", "{}", "\u0001", "\ufffe", "𝄞", "Größe <&>", "\u2028", "null", "sep=;"}

func (g *generator) text(a *ruleset.Attribute) string {
	if len(a.AllowedValues) > 0 {
		return a.AllowedValues[g.IntN(len(a.AllowedValues))]
	}
	return nastyTexts[g.IntN(len(nastyTexts))]
}

func (g *generator) value(f *ruleset.Field) any {
	switch a := f.Attribute; a.Type {
	case ruleset.String:
		return g.text(a)
	case ruleset.Integer:
		if a.Minimum != nil {
			return int(*a.Minimum) + g.IntN(5)
		}
		return g.IntN(100) + 1
	case ruleset.Number:
		least, most := 0.001, math.Pow(10, float64(g.IntN(12)-2))
		if a.Minimum != nil {
			least = *a.Minimum
		}
		if a.Maximum != nil {
			most = *a.Maximum
		}
		return least + g.Float64()*(most-least)
	case ruleset.Boolean:
		return g.IntN(2) == 0
	case ruleset.Strings:
		items := make([]string, g.IntN(4))
		for i := range items {
			items[i] = g.text(a)
		}
		return items
	case ruleset.Localized:
		return map[string]string{"de": g.text(a), "pt-BR": g.text(a)}
	case ruleset.Objects:
		items := make([]any, g.IntN(3))
		for i := range items {
			items[i] = g.object(f)
		}
		return items
	}
	return g.object(f)
}

func (g *generator) object(f *ruleset.Field) map[string]any {
	o := map[string]any{}
	for _, c := range f.Children {
		if g.IntN(3) == 0 {
			o[c.Name] = g.value(c)
		}
	}
	return o
}

func (g *generator) body(i int) string {
	data := map[string]any{}
	for _, s := range g.rules.Sections() {
		if g.IntN(2) == 0 {
			data[s.Name] = g.object(s)
		}
	}
	general, _ := data["generalInformation"].(map[string]any)
	if general == nil {
		general = map[string]any{}
		data["generalInformation"] = general
	}
	delete(general, "batteryPassportIdentifier")
	general["batteryIdentifier"] = fmt.Sprint("https://a.example/generated/", i)
	text, err := json.Marshal(map[string]any{"data": data})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// dataOf returns the canonical data of all passports that a caller lists, by battery.
func (s *service) dataOf(token string) map[string]string {
	s.T.Helper()
	all := map[string]string{}
	for line := range strings.Lines(s.Call("GET /api/passports/export", token, nil).Want(200, nil).Text) {
		var p apiPassport
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			s.T.Fatal(err)
		}
		all[p.BatteryIdentifier] = string(p.Data)
	}
	return all
}

// TestImportOfExportGivesTheSameData exports all samples and generated passports in each
// format, and imports the file for another organisation.
func TestImportOfExportGivesTheSameData(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	maker := s.as(auth.Operator, "maker")
	var rows []string
	names, err := fs.Glob(samples.FS, "*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if text := compact(t, name); strings.HasPrefix(text, `{"data"`) {
			rows = append(rows, text)
		}
	}
	sets := ruleset.Embedded()
	g := &generator{rand.New(rand.NewPCG(18, 1)), sets[len(sets)-1]}
	for i := range 300 {
		rows = append(rows, g.body(i))
	}
	lines, sum := s.importFile(maker, "?onExisting=update", ndjson, strings.Join(rows, "\n"))
	if sum.Created < 305 || sum.Invalid > 0 {
		for _, l := range lines {
			if l.Status == "invalid" {
				t.Errorf("row %d: %v", l.Row, l.Errors)
				break
			}
		}
		t.Fatalf("import of samples: %+v", sum)
	}
	want := s.dataOf(maker)
	for format, mediaType := range fileTypes {
		file := s.Call("GET /api/passports/export?format="+format, maker, nil).Want(200, nil).Text
		other := s.as(auth.Operator, "of-"+format)
		lines, sum := s.importFile(other, "", mediaType, file)
		if int(sum.Created) != len(want) || !sum.Complete {
			for _, l := range lines {
				if l.Status != "created" {
					t.Errorf("%s: row %d %s %v", format, l.Row, l.Status, l.Errors)
					break
				}
			}
			t.Errorf("%s: %+v %v, want %d created", format, sum, sum.Error, len(want))
		}
		got := s.dataOf(other)
		for _, id := range slices.Sorted(maps.Keys(want)) {
			if got[id] != want[id] {
				t.Errorf("%s: %s\ngot  %s\nwant %s", format, id, got[id], want[id])
				break
			}
		}
		if _, sum := s.importFile(other, "?onExisting=update", mediaType, file); int(sum.Unchanged) != len(want) {
			t.Errorf("%s again: %+v, want all unchanged", format, sum)
		}
	}
}

// TestExportIsProjected compares the exports of each reader with what GET returns.
func TestExportIsProjected(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	owner := s.as(auth.Operator, "nordlicht")
	p := s.create(owner, sample(t, "ev-nmc-complete.json"))
	s.Call("POST /api/passports/"+p.ID+"/publish", owner, nil).Want(200, nil)
	for name, token := range map[string]string{"owner": owner, "other": s.as(auth.Operator, "x"), "interest": s.as(auth.LegitimateInterest, "r"), "authority": s.as(auth.Authority, "b")} {
		var got, want apiPassport
		s.Call("GET /api/passports/"+p.ID, token, nil).Want(200, &want)
		file := s.Call("GET /api/passports/"+p.ID+"/export", token, nil).Want(200, &got)
		if string(got.Data) != string(want.Data) || strings.Count(file.Text, "\n") != 1 {
			t.Errorf("%s: export differs from GET", name)
		}
		table := s.Call("GET /api/passports/"+p.ID+"/export?format=csv", token, nil).Want(200, nil).Text
		for _, secret := range []string{"nlb.example/restricted", "NMC"} {
			if strings.Contains(table, secret) != strings.Contains(string(want.Data), secret) {
				t.Errorf("%s: csv and GET differ in %q", name, secret)
			}
		}
	}
	var public struct{ Data json.RawMessage }
	s.Call("GET /api/public/passports/"+p.ID, "", nil).Want(200, &public)
	for _, format := range []string{"ndjson", "csv", "xlsx"} {
		file := s.Call("GET /api/public/passports/"+p.ID+"/export?format="+format, "", nil)
		file.Want(200, nil)
		if d := file.Header.Get("Content-Disposition"); !strings.Contains(d, "passport."+format) {
			t.Errorf("Content-Disposition %q", d)
		}
		if format == "ndjson" && !strings.Contains(file.Text, string(public.Data)) {
			t.Errorf("public export %s, want %s", file.Text, public.Data)
		}
	}
	s.Call("GET /api/passports/export?ids="+p.ID+",none", owner, nil).WantProblem(404)
	s.Call("GET /api/passports/export?batteryIdentifier=https://a.example/1&batteryCategory=EV&state=draft&modelId=x&createdBy=y&ids="+p.ID, owner, nil).
		WantProblem(422, "query:batteryCategory notApplicable", "query:batteryIdentifier notApplicable", "query:createdBy notApplicable", "query:modelId notApplicable", "query:state notApplicable")
	for _, path := range []string{"/api/passports/export", "/api/passports/" + p.ID + "/export", "/api/public/passports/" + p.ID + "/export"} {
		s.Call("GET "+path+"?report=true&format=csv", owner, nil).WantProblem(422, "query:report notApplicable")
	}
	second := s.create(owner, sample(t, "lmt-ebike.json"))
	if text := s.Call("GET /api/passports/export?ids=%20"+p.ID+","+second.ID+",%20"+p.ID, owner, nil).Want(200, nil).Text; strings.Count(text, "\n") != 2 || !strings.HasPrefix(text, `{"id":"`+p.ID) {
		t.Errorf("export of repeated ids: %.200s, want each passport once, in the order of the ids", text)
	}
	s.Call("GET /api/passports/export?format=pdf", owner, nil).WantProblem(422, "query:format enum")
	if text := s.Call("GET /api/passports/export?ids="+p.ID+"&format=csv", owner, nil).Want(200, nil).Text; strings.Count(text, "\n") != 2 || !strings.HasPrefix(text, "\ufeffid,") {
		t.Errorf("export of one id: %d lines, %.20q", strings.Count(text, "\n"), text)
	}
	draftOf := s.create(owner, draft("https://a.example/secret"))
	s.Call("GET /api/passports/"+draftOf.ID+"/export", s.as(auth.Operator, "x"), nil).WantProblem(404)
	s.Call("GET /api/public/passports/"+draftOf.ID+"/export", "", nil).WantProblem(404)
}

// TestTemplateIsFilledInAndImported fills in the template in each language with another
// program.
func TestTemplateIsFilledInAndImported(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	operator := s.as(auth.Operator, "maker")
	for _, language := range strings.Split("bg,cs,da,de,el,en,es,et,fi,fr,ga,hr,hu,it,lt,lv,mt,nl,pl,pt,ro,sk,sl,sv", ",") {
		data := s.Call("GET /api/passports/import/template?category=EV&language="+language, operator, nil).Want(200, nil).Text
		book, err := excelize.OpenReader(strings.NewReader(data))
		if err != nil {
			t.Fatalf("%s: %v", language, err)
		}
		rows, err := book.GetRows("Passports")
		if err != nil || len(rows) != 5 {
			t.Fatalf("%s: %d rows, %v", language, len(rows), err)
		}
		validations, err := book.GetDataValidations("Passports")
		if err != nil || len(validations) < 10 {
			t.Errorf("%s: %d drop-down lists, %v", language, len(validations), err)
		}
		panes, err := book.GetPanes("Passports")
		if err != nil || !panes.Freeze || panes.YSplit != 1 {
			t.Errorf("panes %+v, %v", panes, err)
		}
		for row := range 3 {
			for column, example := range rows[4] {
				if column == 0 || example == "" {
					continue
				}
				if column == 2 {
					example = fmt.Sprintf("https://maker.example/%s/%d", language, row)
				}
				if column == 1 {
					continue // the passport identifier is unique, too
				}
				cell, err := excelize.CoordinatesToCellName(column+1, 6+row)
				if err == nil {
					err = book.SetCellValue("Passports", cell, example)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		var file bytes.Buffer
		if err := book.Write(&file); err != nil {
			t.Fatal(err)
		}
		lines, sum := s.importFile(operator, "", xlsxFile, file.String())
		if got := brief(lines); got != "6 created v1 draft; 7 created v1 draft; 8 created v1 draft" {
			t.Errorf("%s: %s %+v", language, got, sum)
		}
	}
	text := s.Call("GET /api/passports/import/template?category=LMT&format=csv", operator, nil).Want(200, nil).Text
	if !strings.HasPrefix(text, "\ufeff#,generalInformation.batteryPassportIdentifier,generalInformation.batteryIdentifier,") || !strings.Contains(text, "\n# duty,mandatory,mandatory") {
		t.Errorf("csv template: %.300s", text)
	}
	s.Call("GET /api/passports/import/template?category=SLI", operator, nil).WantProblem(422, "query:category enum")
}
