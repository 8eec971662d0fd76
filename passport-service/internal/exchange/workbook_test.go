package exchange_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/exchange"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/fault"
)

func rules() *ruleset.RuleSet {
	sets := ruleset.Embedded()
	return sets[len(sets)-1]
}

// parts are the files of a workbook, by name.
type parts map[string]string

// workbook returns a workbook with the XML of its only sheet and of shared strings. parts
// replace other files.
func workbook(t testing.TB, sheet, texts string, replaced parts) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range []string{"xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/styles.xml"} {
		text, ok := replaced[name]
		if !ok {
			text = parts{
				"xl/workbook.xml":            `<workbook xmlns:r="r"><sheets><sheet name="a" sheetId="1" r:id="rId1"/></sheets></workbook>`,
				"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="rId1" Target="worksheets/sheet1.xml"/></Relationships>`,
				"xl/worksheets/sheet1.xml":   "<worksheet><sheetData>" + sheet + "</sheetData></worksheet>",
				"xl/sharedStrings.xml":       "<sst>" + texts + "</sst>",
				"xl/styles.xml":              `<styleSheet><numFmts><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd hh:mm:ss.000"/><numFmt numFmtId="165" formatCode="00000"/></numFmts><cellXfs><xf/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="9"/><xf numFmtId="165"/></cellXfs></styleSheet>`,
			}[name]
		}
		w, err := z.Create(name)
		if err == nil {
			err = expand(w, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// repeat returns a text that workbook writes n times.
func repeat(text string, n int) string { return fmt.Sprintf("\x00%s\x00%d\x00", text, n) }

// expand writes a text with results of repeat.
func expand(w io.Writer, text string) error {
	pieces := strings.Split(text, "\x00")
	for i := 0; i+3 <= len(pieces); i += 3 {
		n, err := strconv.Atoi(pieces[i+2])
		if err == nil {
			_, err = io.WriteString(w, pieces[i])
		}
		for block := strings.Repeat(pieces[i+1], min(n, 4096)); n > 0 && err == nil; n -= 4096 {
			_, err = io.WriteString(w, block[:len(pieces[i+1])*min(n, 4096)])
		}
		if err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, pieces[len(pieces)-1])
	return err
}

// peakOf returns how much more memory than before is in use while f runs. It is a little too
// high, because it includes garbage.
func peakOf(f func()) (peak uint64) {
	defer debug.SetGCPercent(debug.SetGCPercent(5))
	runtime.GC()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	before := sample[0].Value.Uint64()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	for {
		select {
		case <-done:
			return peak
		case <-time.After(time.Millisecond):
			metrics.Read(sample)
			peak = max(peak, sample[0].Value.Uint64()-min(before, sample[0].Value.Uint64()))
		}
	}
}

// row returns the XML of a row of inline texts.
func row(texts ...string) string {
	return "<row>" + cells(texts...) + "</row>"
}

func cells(texts ...string) string {
	var b strings.Builder
	for _, text := range texts {
		fmt.Fprintf(&b, `<c t="inlineStr"><is><t>%s</t></is></c>`, text)
	}
	return b.String()
}

// read returns the rows of a source in short: numbers and bodies, or the codes of errors.
func read(src exchange.Source, err error) string {
	var out []string
	for err == nil {
		var r exchange.Record
		if r, err = src.Next(); err != nil {
			break
		}
		text := fmt.Sprint(r.Number, " ")
		if len(r.Errors) == 0 {
			text += strings.TrimSuffix(strings.TrimPrefix(string(r.Body), `{"data":`), "}")
		}
		for _, d := range r.Errors {
			text += fmt.Sprint(d.Path, " ", d.Code, " ", d.Message)
		}
		for _, d := range r.Warnings {
			text += fmt.Sprint(" warning ", d.Path, " ", d.Message)
		}
		out = append(out, text)
	}
	if c, ok := src.(exchange.Closer); ok {
		c.Close()
	}
	if err != io.EOF {
		out = append(out, err.Error())
	}
	return strings.Join(out, "; ")
}

const (
	idHeader   = "generalInformation.batteryIdentifier"
	massHeader = "generalInformation.batteryMass"
	nameHeader = "generalInformation.manufacturerInformation.manufacturerName"
	dateHeader = "generalInformation.placingOnMarketDate"
	timeHeader = "batteryCondition.usage.measuredAt"
)

// TestCancelledImportStopsReading reads a workbook with a million empty rows. Next returns when the context ends.
func TestCancelledImportStopsReading(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	src, err := exchange.XLSX(ctx, bytes.NewReader(workbook(t, row(idHeader)+repeat("<row/>", 1<<20), "", nil)), 1<<30, rules())
	if err != nil {
		t.Fatal(err)
	}
	defer exchange.Close(src)
	cancel()
	if _, err := src.Next(); !errors.Is(err, context.Canceled) {
		t.Errorf("Next = %v, want the error of the context", err)
	}
}

// TestSheetOfAnotherKind reads a workbook whose first sheet is a chart.
func TestSheetOfAnotherKind(t *testing.T) {
	chart := parts{"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/chartsheet" Target="chartsheets/sheet1.xml"/></Relationships>`}
	got := read(exchange.XLSX(t.Context(), bytes.NewReader(workbook(t, row(idHeader), "", chart)), 1<<30, rules()))
	if want := `its first visible sheet "a" is a chartsheet; move the sheet with the table to the first place`; !strings.Contains(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestOtherSheets reads workbooks with several sheets.
func TestOtherSheets(t *testing.T) {
	names := parts{
		"xl/workbook.xml":            `<workbook xmlns:r="r"><sheets><sheet name="Old" state="hidden" r:id="rId2"/><sheet name="Without id"/><sheet name="a" r:id="rId1"/><sheet name="b" r:id="rId2"/><sheet name="Empty" r:id="rId3"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="rId1" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Target="/xl/worksheets/sheet1.xml"/><Relationship Id="rId3" Target="styles.xml"/></Relationships>`,
	}
	const other = `only the first visible sheet is read, "a", not ["b"]: move the sheet with the table to the first place, and send one file for each table`
	want := `2 {"generalInformation":{"batteryIdentifier":"i"}} warning sheet:b ` + other + `; 3 {"generalInformation":{"batteryIdentifier":"j"}}`
	if got := read(exchange.XLSX(t.Context(), bytes.NewReader(workbook(t, row(idHeader)+row("i")+row("j"), "", names)), 1<<30, rules())); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	_, err := exchange.XLSX(t.Context(), bytes.NewReader(workbook(t, row("Please fill in the next sheet"), "", names)), 1<<30, rules())
	if f, ok := errors.AsType[*fault.Error](err); !ok || len(f.Details) != 2 || f.Details[1].Message != other {
		t.Errorf("cover sheet: %+v", f)
	}
}

// manyRanges returns n ranges of merged cells below the rows.
func manyRanges(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `<mergeCell ref="A%d:B%d"/>`, 10+i, 10+i)
	}
	return b.String()
}

// TestReadWorkbook reads sheets that spreadsheets and other programs write.
func TestReadWorkbook(t *testing.T) {
	head := row(idHeader, massHeader, nameHeader, dateHeader, timeHeader)
	measured := func(at string) string {
		return `2 {"generalInformation":{"batteryIdentifier":"i"},"batteryCondition":{"usage":{"measuredAt":` + at + `}}}`
	}
	general := func(member string) string { return `2 {"generalInformation":{"batteryIdentifier":"i",` + member + `}}` }
	name := func(text string) string {
		return general(`"manufacturerInformation":{"manufacturerName":` + text + `}`)
	}
	aDate := func(date string) string {
		return " warning column:C manufacturerInformation.manufacturerName is a date in the spreadsheet, imported as " + date + ": if it is another text, such as 1-2, format the cell as text, and write it again"
	}
	id := `<row r="2"><c r="A2" t="inlineStr"><is><t>i</t></is></c>`
	for title, c := range map[string]struct{ sheet, want string }{
		"number":                        {id + `<c r="B2"><v>1.1000000000000001</v></c></row>`, general(`"batteryMass":1.1000000000000001`)},
		"number in a text column":       {id + `<c r="C2"><v>1.1000000000000001</v></c></row>`, name(`"1.1"`)},
		"negative exponent":             {id + `<c r="C2"><v>2.0000000000000001E-4</v></c></row>`, name(`"0.0002"`)},
		"digits in a text column":       {id + `<c r="C2"><v>12345678901234567</v></c></row>`, name(`"12345678901234567"`)},
		"rounded digits":                {id + `<c r="C2"><v>1.23456789012346E+17</v></c></row>`, "2 column:C type manufacturerInformation.manufacturerName has a number with more than 15 digits, which spreadsheets round: format the cell as text, and write it again"},
		"rounded digits, no exponent":   {id + `<c r="C2"><v>1234567890123450</v></c></row>`, "2 column:C type manufacturerInformation.manufacturerName has a number with more than 15 digits, which spreadsheets round: format the cell as text, and write it again"},
		"digits in a format":            {id + `<c r="C2" s="4"><v>1067</v></c></row>`, name(`"01067"`)},
		"number in a format":            {id + `<c r="B2" s="4"><v>1067</v></c></row>`, general(`"batteryMass":1067`)},
		"percentage":                    {id + `<c r="B2" s="3"><v>4.5</v></c></row>`, "2 column:B type batteryMass must be a number in kg, greater than 0, with up to 3 decimal places, got the percentage 450 %"},
		"percentage in a text column":   {id + `<c r="C2" s="3"><v>0.5</v></c></row>`, name(`"50%"`)},
		"no number":                     {id + `<c r="B2"><v>1,5</v></c></row>`, "2 column:B format batteryMass has a number that cannot be read"},
		"not a number":                  {id + `<c r="C2"><v>NaN</v></c></row>`, "2 column:C format manufacturerInformation.manufacturerName has a number that cannot be read"},
		"value with spaces":             {id + `<c r="B2"><v> 5 </v></c></row>`, general(`"batteryMass":5`)},
		"rich text":                     {id + `<c r="C2" t="inlineStr"><is><r><t>a</t></r><r><t xml:space="preserve"> b</t></r><rPh><t>x</t></rPh></is></c></row>`, name(`"a b"`)},
		"shared rich text":              {id + `<c r="C2" t="s"><v>1</v></c></row>`, name(`"c d"`)},
		"missing shared string":         {id + `<c r="C2" t="s"><v>9</v></c></row>`, `the file cannot be read as a workbook: the shared string "9" is missing`},
		"character data":                {id + `<c r="C2" t="str"><v><![CDATA[<b>]]></v></c></row>`, name(`"<b>"`)},
		"boolean":                       {id + `<c r="C2" t="b"><v>1</v></c></row>`, name(`"true"`)},
		"error":                         {id + `<c r="B2" t="e"><v>#REF!</v></c></row>`, "2 column:B format batteryMass has the error #REF! of a formula"},
		"formula":                       {id + `<c r="B2"><f>3+4</f><v>7</v></c></row>`, general(`"batteryMass":7`)},
		"shared formula":                {id + `<c r="B2"><f t="shared" si="0"/><v>7</v></c></row>`, general(`"batteryMass":7`)},
		"formula with a text":           {id + `<c r="C2" t="str"><f>A2</f><v>x</v></c></row>`, name(`"x"`)},
		"formula with an empty text":    {id + `<c r="C2" t="str"><f>A9</f><v></v></c></row>`, `2 {"generalInformation":{"batteryIdentifier":"i"}}`},
		"formula without a value":       {id + `<c r="B2"><f>3+4</f></c></row>`, "2 column:B format batteryMass has a formula without a value; open the file in a spreadsheet and save it"},
		"formula of a program":          {id + `<c r="B2"><f>3+4</f><v></v></c></row>`, "2 column:B format batteryMass has a formula without a value; open the file in a spreadsheet and save it"},
		"formula of a program, <v/>":    {id + `<c r="B2"><f>3+4</f><v/></c></row>`, "2 column:B format batteryMass has a formula without a value; open the file in a spreadsheet and save it"},
		"date":                          {id + `<c r="D2" s="1"><v>46436</v></c></row>`, general(`"placingOnMarketDate":"2027-02-18"`)},
		"time in a date column":         {id + `<c r="D2" s="2"><v>46436.5</v></c></row>`, general(`"placingOnMarketDate":"2027-02-18"`) + " warning column:D placingOnMarketDate has no time of day: 12:00:00 was removed"},
		"time in a time column":         {id + `<c r="E2" s="2"><v>46436.75</v></c></row>`, measured(`"2027-02-18T18:00:00Z"`) + " warning column:E usage.measuredAt has no time zone: UTC was assumed, 2027-02-18T18:00:00Z"},
		"date in a time column":         {id + `<c r="E2" s="1"><v>46436</v></c></row>`, measured(`"2027-02-18T00:00:00Z"`) + " warning column:E usage.measuredAt has no time of day: UTC was assumed, 2027-02-18T00:00:00Z"},
		"plain number in a time column": {id + `<c r="E2"><v>46436.75</v></c></row>`, measured(`"2027-02-18T18:00:00Z"`) + " warning column:E usage.measuredAt has no time zone: UTC was assumed, 2027-02-18T18:00:00Z"},
		"white space around a text":     {id + `<c r="C2" t="inlineStr"><is><t> a b&#160;</t></is></c></row>`, name(`"a b"`)},
		"only white space":              {id + `<c r="C2" t="inlineStr"><is><t> </t></is></c></row>`, `2 {"generalInformation":{"batteryIdentifier":"i"}}`},
		"date in ISO 8601":              {id + `<c r="D2" t="d"><v>2027-02-18T00:00:00</v></c></row>`, general(`"placingOnMarketDate":"2027-02-18"`)},
		"first date":                    {id + `<c r="C2" s="1"><v>1</v></c></row>`, name(`"1900-01-01"`) + aDate("1900-01-01")},
		"last day of February 1900":     {id + `<c r="C2" s="1"><v>59</v></c></row>`, name(`"1900-02-28"`) + aDate("1900-02-28")},
		"first day of March 1900":       {id + `<c r="C2" s="1"><v>61</v></c></row>`, name(`"1900-03-01"`) + aDate("1900-03-01")},
		"time without a date":           {id + `<c r="C2" s="1"><v>0.5</v></c></row>`, "2 column:C format manufacturerInformation.manufacturerName has a time without a date, or a date that spreadsheets cannot show"},
		"date before 1900":              {id + `<c r="D2" s="1"><v>-5</v></c></row>`, "2 column:D format placingOnMarketDate has a time without a date, or a date that spreadsheets cannot show"},
		"mass that has become a date":   {id + `<c r="B2" s="1"><v>46436</v></c></row>`, `2 column:B type batteryMass must be a number in kg, greater than 0, with up to 3 decimal places, got "2027-02-18"`},
		"unknown style":                 {id + `<c r="B2" s="99"><v>5</v></c></row>`, general(`"batteryMass":5`)},
		"rows without numbers":          {`<row><c t="inlineStr"><is><t>i</t></is></c><c/><c><v>5</v></c></row>`, name(`"5"`)},
		"row after empty ones":          {`<row r="9"><c r="A9" t="inlineStr"><is><t>i</t></is></c></row>`, `9 {"generalInformation":{"batteryIdentifier":"i"}}`},
		"row twice":                     {id + `</row><row r="2"/>`, `2 {"generalInformation":{"batteryIdentifier":"i"}}; the file cannot be read as a workbook: row 2 follows row 2`},
		"rows in another order":         {`<row r="5"/><row r="3"/>`, "the file cannot be read as a workbook: row 3 follows row 5"},
		"cells in another order":        {`<row r="2"><c r="C2"><v>1</v></c><c r="A2"><v>1</v></c></row>`, "the file cannot be read as a workbook: column A follows column C in row 2"},
		"cell twice":                    {id + `<c r="A2"><v>1</v></c></row>`, "the file cannot be read as a workbook: column A follows column A in row 2"},
		"empty cell in the last column": {id + `<c r="XFD2" s="1"/></row>`, `2 {"generalInformation":{"batteryIdentifier":"i"}}`},
		"value in the last column":      {id + `<c r="XFD2"><v>1</v></c></row>`, "the file cannot be read as a workbook: row 2 has more than 4000 columns"},
		"value without a header":        {id + `<c r="F2"><v>1</v></c></row>`, "2 column:F header column F has a value, but no header: name it # to ignore it"},
		"only values without a header":  {`<row r="2"><c r="F2"><v>1</v></c></row>`, "2 column:F header column F has a value, but no header: name it # to ignore it"},
		"merged rows":                   {id + `</row></sheetData><mergeCells><mergeCell ref="A2:A4"/></mergeCells><sheetData>`, `2 {"generalInformation":{"batteryIdentifier":"i"}}`},
		"merged rows without values":    {id + `</row><row r="3"><c r="B3"><v>5</v></c></row></sheetData><mergeCells><mergeCell ref="A2:A4"/></mergeCells><sheetData>`, `2 {"generalInformation":{"batteryIdentifier":"i"}}; 3 {"generalInformation":{"batteryMass":5}} warning row:3 the cells A2:A4 are merged: only the first one of them has their value`},
		"merged columns":                {id + `</row></sheetData><mergeCells><mergeCell ref="B2:C2"/><mergeCell ref="B3:C4"/></mergeCells><sheetData>` + `<row r="5"><c r="A5" t="inlineStr"><is><t>j</t></is></c></row>`, `2 {"generalInformation":{"batteryIdentifier":"i"}} warning row:2 the cells B2:C2 are merged: only the first one of them has their value; 5 {"generalInformation":{"batteryIdentifier":"j"}}`},
		"merged header, last range":     {id + `</row></sheetData><mergeCells>` + manyRanges(1002) + `<mergeCell ref="A1:B1"/></mergeCells><sheetData>`, "the header of the file is not valid"},
		"merged header":                 {id + `</row></sheetData><x:mergeCells><x:mergeCell ref='$A$1:$B$1'/></x:mergeCells><sheetData>`, "the header of the file is not valid"},
		"text that looks like merged":   {id + `<c r="C2" t="str"><v>mergeCell ref="A1:B1"</v></c></row>`, name(`"mergeCell ref=\"A1:B1\""`)},
		"end in a row":                  {id + `</c>`, "the file cannot be read as a workbook: it ends early"},
		"text with escapes":             {id + `<c r="C2" t="inlineStr"><is><t>a_x000D_b_x00</t></is></c></row>`, name(`"a\rb_x00"`)},
	} {
		if got := read(exchange.XLSX(context.Background(), bytes.NewReader(workbook(t, head+c.sheet, "<si><t>a</t></si><si><r><t>c </t></r><r><t>d</t></r></si>", nil)), 1<<30, rules())); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", title, got, c.want)
		}
	}
}
