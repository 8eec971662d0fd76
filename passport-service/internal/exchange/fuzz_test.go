package exchange_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/exchange"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

// checkSource reads all rows. Their numbers must ascend, and each must have errors or a body
// that the parser of passports can read.
func checkSource(t *testing.T, src exchange.Source, err error) {
	t.Helper()
	rules, last := rules(), 0
	defer func() { exchange.Close(src) }()
	for err == nil {
		var r exchange.Record
		if r, err = src.Next(); err != nil {
			break
		}
		if r.Number <= last {
			t.Fatalf("row %d follows row %d", r.Number, last)
		}
		last = r.Number
		if len(r.Errors) > 0 {
			continue
		}
		if err := wire.Check(r.Body); err != nil {
			t.Fatalf("row %d has the body %.1000s: %v", r.Number, r.Body, err)
		}
		rules.Parse(r.Body)
	}
	if _, ok := errors.AsType[*fault.Error](err); err != io.EOF && !ok {
		t.Fatalf("error for the log: %v", err)
	}
}

func FuzzCSV(f *testing.F) {
	for _, seed := range []string{
		idHeader + "," + massHeader + "\ni,5\n\nj,x\n", "sep=;\r\n" + idHeader + ";" + dateHeader + "\ni;18.2.2027", "\ufeff" + idHeader + "\n\"a\nb\"\"\"\n\"c",
		"materialComposition.materials[0].massKg\t#\n1\t# a\n2,5\t'=", "data,reason\n\"{\"\"a\"\":[1]}\",'\"\\u0000\"\n", "labelsAndConformity.labelMeanings[1].meaning.pt-BR\nx\n",
		"Gewicht,materialComposition.criticalRawMaterials\n1e5,\"a\nb\"\n", "materialComposition.materials\n[[[[]]]]\n",
	} {
		f.Add(seed, "")
		f.Add(seed, "windows-1252")
		f.Add(seed, "utf-16le")
	}
	f.Fuzz(func(t *testing.T, file, charset string) {
		src, err := exchange.CSV(strings.NewReader(file), charset, rules())
		checkSource(t, src, err)
	})
}

func FuzzWorkbook(f *testing.F) {
	head := row(idHeader, massHeader, nameHeader, dateHeader)
	for _, seed := range []string{
		`<row r="2"><c r="A2" t="s"><v>0</v></c><c r="B2"><f>1+2</f><v>3</v></c><c r="D2" s="1"><v>46436</v></c></row>`,
		`<row><c t="b"><v>1</v></c><c t="e"><v>#REF!</v></c><c t="str"><v>_x000D_</v></c><c s="3"><v>0.125</v></c></row>`,
		`<row/><row r="7"><c r="C7" t="inlineStr"><is><r><t>a</t></r><rPh><t>b</t></rPh></is></c><c t="d"><v>2027-01-01T00:00:00</v></c></row></sheetData><mergeCells><mergeCell ref="A1:B1"/></mergeCells>`,
		`<row><c r="XFD2"/></row><!-- a --><row r="2"/>`, `<row><c><v>1E+17</v></c></row><![CDATA[ ]]>`,
	} {
		f.Add(head+seed, "<si><t>a</t></si>", `<numFmt numFmtId="164" formatCode="[$-407]d. mmmm yyyy;@"/><cellXfs><xf/><xf numFmtId="164"/><xf/><xf numFmtId="9"/></cellXfs>`)
	}
	f.Fuzz(func(t *testing.T, sheet, texts, styles string) {
		if strings.Contains(sheet+texts+styles, "\x00") { // a mark of repeat
			return
		}
		file := workbook(t, sheet, texts, parts{"xl/styles.xml": "<styleSheet>" + styles + "</styleSheet>"})
		src, err := exchange.XLSX(context.Background(), bytes.NewReader(file), 1<<30, rules())
		checkSource(t, src, err)
	})
}

// FuzzWorkbookFile reads any file as a workbook.
func FuzzWorkbookFile(f *testing.F) {
	f.Add(workbook(f, row(idHeader)+row("i"), "", nil))
	f.Fuzz(func(t *testing.T, file []byte) {
		src, err := exchange.XLSX(context.Background(), bytes.NewReader(file), 1<<30, rules())
		checkSource(t, src, err)
	})
}
