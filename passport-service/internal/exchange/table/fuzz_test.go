package table_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/battery-passport/suite/passport-service/internal/exchange/table"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/wire"
)

func rules() *ruleset.RuleSet {
	sets := ruleset.Embedded()
	return sets[len(sets)-1]
}

// FuzzParse parses any header and row, whose cells are lines. A body must be valid.
func FuzzParse(f *testing.F) {
	f.Add("generalInformation.batteryIdentifier\ngeneralInformation.batteryMass\ngeneralInformation.placingOnMarketDate", "i\n1,5\n18.2.2027", uint8(table.CommaOrPoint), false)
	f.Add("materialComposition.materials[0].massKg\nmaterialComposition.materials[2]\ndata\nreason", "1e5\n[]\n{\"a\":{}}\n'\"x\"", uint8(table.Point), true)
	f.Add("Gewicht\nlabelsAndConformity.labelMeanings[0].meaning.de\n#", "1.1000000000000001\na\n#", uint8(table.Point), true)
	f.Add("materialComposition.criticalRawMaterials[1]\nsupplyChainDueDiligence.isExempt", "a\nTRUE\nb", uint8(table.Unknown), false)
	f.Fuzz(func(t *testing.T, header, row string, decimals uint8, isNumber bool) {
		p, err := table.NewParser(rules(), cells(header, false), table.Options{Decimals: table.Decimals(decimals % 3)})
		if err != nil {
			return
		}
		parsed, ok := p.Parse(cells(row, isNumber))
		if !ok || parsed.Body == nil {
			return
		}
		if err := wire.Check(parsed.Body); err != nil {
			t.Fatalf("body %.1000s: %v", parsed.Body, err)
		}
		rules().Parse(parsed.Body)
	})
}

func cells(text string, isNumber bool) (cells []table.Cell) {
	for line := range strings.SplitSeq(text, "\n") {
		kind := table.TextCell
		if isNumber && table.IsNumber(line) {
			kind = table.NumberCell
		}
		cells = append(cells, table.Cell{Text: line, Kind: kind})
	}
	return cells
}

// FuzzRoundTrip writes any text into cells, and reads them.
func FuzzRoundTrip(f *testing.F) {
	for _, text := range []string{"a", "", "'", "=1+1", "'\"", "\t", " a ", "a\r\nb", "_x000D_", "\x00", "\ufffd", "\ufffe", "# a", "1.50", "true", "[1]", "#REF!", "01.07.2025 18:00", "07.2025"} {
		f.Add(text)
	}
	columns := table.ColumnsOf(rules())
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return
		}
		quoted, err := jsontext.AppendQuote(nil, text)
		if err != nil {
			t.Fatal(err)
		}
		data := `{"generalInformation":{"placingOnMarketDate":` + string(quoted) + `,"puttingIntoServiceDate":` + string(quoted) + `,"manufacturerInformation":{"manufacturerName":` + string(quoted) + `}},"batteryCondition":{"usage":{"measuredAt":` + string(quoted) + `}},"materialComposition":{"criticalRawMaterials":[` + string(quoted) + `]}}`
		p, err := table.NewParser(rules(), cells(strings.Join(columns.Header(), "\n"), false), table.Options{})
		if err != nil {
			t.Fatal(err)
		}
		row, _ := p.Parse(columns.Cells(rules().Parse(wire.Value(data))))
		body, errs := row.Body, row.Errors
		want := wire.Value(`{"data":` + data + `}`)
		if err := want.Canonicalize(); err != nil {
			t.Fatal(err)
		}
		if err := body.Canonicalize(); err != nil || string(body) != string(want) {
			t.Errorf("got %s %v %v, want %s", body, errs, err, want)
		}
	})
}
