//go:build !race

package exchange_test

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/exchange"
	"github.com/battery-passport/suite/passport-service/internal/format"
)

// The race detector needs memory itself, and makes these tests more than ten times as slow.

// TestWorkbooksNeedLittleMemory reads small files that are large when they are unpacked.
func TestWorkbooksNeedLittleMemory(t *testing.T) {
	const columns = 40
	languages := make([]string, columns)
	for i := range languages {
		languages[i] = fmt.Sprintf("labelsAndConformity.labelMeanings[0].meaning.d%c", 'a'+i%26)
		if i >= 26 {
			languages[i] = fmt.Sprintf("labelsAndConformity.labelMeanings[0].meaning.e%c", 'a'+i%26)
		}
	}
	long := strings.Repeat("a", 260_000)
	many := repeat("a", 30<<20)
	head, shared := row(idHeader), `<c t="s"><v>0</v></c>`
	id := `<c t="inlineStr"><is><t>x</t></is></c>`
	for name, c := range map[string]struct {
		sheet, texts string
		parts        parts
		want         string
	}{
		"shared string in 40 cells":     {row(append(languages, idHeader)...) + "<row>" + strings.Repeat(shared, columns) + "</row>" + row("x"), "<si><t>" + long + "</t></si>", nil, `2  too-large row 2 must not be larger than 2097152 bytes; 3 {"labelsAndConformity"`},
		"shared string in the header":   {"<row>" + strings.Repeat(shared, columns) + "</row>", "<si><t>" + long + "</t></si>", nil, "row 1 must not be larger than"},
		"long value":                    {head + `<row><c t="str"><v>` + many + `</v></c></row>`, "", nil, "the workbook has a cell with more than 262144 bytes"},
		"long inline text":              {head + row(many), "", nil, "the workbook has a cell with more than 262144 bytes"},
		"long shared string":            {head, "<si><t>" + many + "</t></si>", nil, "the workbook has a cell with more than 262144 bytes"},
		"long comment":                  {head + "<!--" + many + "-->", "", nil, "the workbook has a text, a comment or an element of more than"},
		"long processing instruction":   {head + "<?a " + many + "?>", "", nil, "the workbook has a text, a comment or an element of more than"},
		"long character data":           {head + "<![CDATA[" + many + "]]>", "", nil, "the workbook has a text, a comment or an element of more than"},
		"long attribute":                {head + `<row r="` + many + `"/>`, "", nil, "the workbook has a text, a comment or an element of more than"},
		"many attributes":               {head + `<row` + repeat(` a=""`, 1<<20) + `/>`, "", nil, "the workbook has a text, a comment or an element of more than"},
		"text in pieces":                {head + `<row><c t="str"><v>` + repeat("a<!---->", 300_000) + `</v></c></row>`, "", nil, "the workbook has a cell with more than 262144 bytes"},
		"rich text in pieces":           {head, "<si>" + repeat("<r><t>a</t></r>", 300_000) + "</si>", nil, "the workbook has a cell with more than 262144 bytes"},
		"many styles":                   {head, "", parts{"xl/styles.xml": "<a><cellXfs>" + repeat("<xf/>", 1<<20) + "</cellXfs></a>"}, "it has more than 65536 styles"},
		"many number formats":           {head, "", parts{"xl/styles.xml": manyFormats()}, "it has more than 65536 styles"},
		"many merged cells":             {head + "</sheetData>" + repeat(`<mergeCell ref="A2:B2"/>`, 1<<20), "", nil, ""},
		"many empty cells":              {head + "<row>" + repeat("<c/>", 1<<20) + id + "</row>", "", nil, "row 2 has more than 4000 columns"},
		"many empty rows":               {head + repeat("<row/>", 1<<20), "", nil, ""},
		"many columns in the header":    {row(strings.Split(strings.Repeat("x,", 2500), ",")...), "", nil, "the file must not have more than 2000 columns, got 2500"},
		"many unknown columns":          {row(strings.Split(strings.Repeat(strings.Repeat("x", 200)+",", 2000), ",")[:2000]...), "", nil, "the header of the file is not valid"},
		"many errors":                   {row(append([]string{idHeader}, massItems(1000)...)...) + row(strings.Split(strings.Repeat("x,", 1000), ",")...), "", nil, "2 column:B type materials[0].massKg must be a number"},
		"declared in another encoding":  {"", "", parts{"xl/worksheets/sheet1.xml": `<?xml version="1.0" encoding="ebcdic"?><worksheet/>`}, "the file cannot be read as a workbook: its XML is not valid"},
		"deeply nested elements":        {head + repeat("<a>", 1<<20), "", nil, ""},
		"attribute without a last mark": {head + `<row r="`, "", nil, "the file cannot be read as a workbook: its XML is not valid"},
	} {
		file := workbook(t, c.sheet, c.texts, c.parts)
		peak := peakOf(func() {
			if got := read(exchange.XLSX(context.Background(), bytes.NewReader(file), 1<<30, rules())); !strings.Contains(got, c.want) || c.want == "" && got != "" {
				t.Errorf("%s: got %.300s, want %s", name, got, c.want)
			}
		})
		t.Logf("%s: %d KiB, peak %d MiB", name, len(file)>>10, peak>>20)
		if peak > 24<<20 {
			t.Errorf("%s: a file of %d KiB needs %d MiB of memory", name, len(file)>>10, peak>>20)
		}
	}
}

// manyFormats returns styles with too many number formats.
func manyFormats() string {
	var b strings.Builder
	for i := range 1<<16 + 1 {
		fmt.Fprintf(&b, `<numFmt numFmtId="%d"/>`, i)
	}
	return "<a>" + b.String() + "</a>"
}

// massItems returns the headers of the first n items of an array.
func massItems(n int) (headers []string) {
	for i := range n {
		headers = append(headers, fmt.Sprintf("materialComposition.materials[%d].massKg", i))
	}
	return headers
}

// small is a format whose documents are empty passports.
type small struct{ faulty }

func (small) Decode([]byte) ([][]byte, []format.Loss, error) { return [][]byte{[]byte("{}")}, nil, nil }

// TestWaitingRowsDoNotKeepDocuments reads large documents with little data. The rows, which wait until they are written
// together, must not need the memory of the documents.
func TestWaitingRowsDoNotKeepDocuments(t *testing.T) {
	file := strings.Repeat(`{"a":"`+strings.Repeat("x", 1<<20)+"\"}\n", 40)
	documents, err := exchange.NDJSON(strings.NewReader(file), 10)
	source, before := exchange.Foreign(documents, small{}, func([]byte) string { return "; x" }, nil), inUse()
	var rows []exchange.Record
	for err == nil {
		var r exchange.Record
		if r, err = source.Next(); err == nil {
			rows = append(rows, r)
		}
	}
	grown := inUse() - before
	if len(rows) != 40 || rows[39].Hint != "; x" {
		t.Errorf("got %d rows", len(rows))
	}
	if grown > 10<<20 {
		t.Errorf("40 small rows of documents of 1 MiB need %d MiB of memory", grown>>20)
	}
	runtime.KeepAlive(file)
}

// inUse returns the memory of all values that are reachable.
func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
