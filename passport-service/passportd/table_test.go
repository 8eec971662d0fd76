package passportd_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/unicode"

	"github.com/battery-passport/suite/passport-service/internal/archive/archivetest"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store/connect"
)

const (
	idColumn   = "generalInformation.batteryIdentifier"
	massColumn = "generalInformation.batteryMass"
	cityColumn = "generalInformation.manufacturerInformation.postalAddress.city"
)

// TestImportCSV imports files with the habits of spreadsheets.
func TestImportCSV(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	operator := s.as(auth.Operator, "maker")
	n := 0
	for name, c := range map[string]struct {
		mediaType, header, row string
		want                   string // part of the data, or the codes of errors
	}{
		"comma":                  {csvFile, idColumn + "," + massColumn, "ID,450.5", `"batteryMass":450.5`},
		"semicolon":              {csvFile, idColumn + ";" + massColumn, "ID;450,5", `"batteryMass":450.5`},
		"semicolon, point":       {csvFile, idColumn + ";" + massColumn, "ID;450.5", `"batteryMass":450.5`},
		"tab":                    {csvFile, idColumn + "\t" + massColumn, "ID\t450.5", `"batteryMass":450.5`},
		"sep=":                   {csvFile, "sep=;\r\n" + idColumn + ";" + massColumn, "ID;7", `"batteryMass":7`},
		"thousands":              {csvFile, idColumn + ";" + massColumn, "ID;1.450", "column:B:type"},
		"thousands, comma":       {csvFile, idColumn + "," + massColumn, `ID,"1,450"`, "column:B:type"},
		"decimal comma, no ;":    {csvFile, idColumn + "," + massColumn, `ID,"450,5"`, "column:B:type"},
		"tab, decimal comma":     {csvFile, idColumn + "\t" + massColumn, "ID\t450,5", `"batteryMass":450.5`},
		"tab, three decimals":    {csvFile, idColumn + "\t" + massColumn, "ID\t0,125", `"batteryMass":0.125`},
		"tab, two meanings":      {csvFile, idColumn + "\t" + massColumn, "ID\t1,450", "column:B:type"},
		"tab, two meanings, .":   {csvFile, idColumn + "\t" + massColumn, "ID\t1.450", "column:B:type"},
		"tab, decimal places":    {csvFile, idColumn + "\t" + massColumn, "ID\t1,4500", `"batteryMass":1.45`},
		"tab, row has commas":    {csvFile, idColumn + "\t" + massColumn + "\tperformanceAndDurability.ratedCapacityAh", "ID\t1,450\t12,5", `"batteryMass":1.45`},
		"tab, row has points":    {csvFile, idColumn + "\t" + massColumn + "\tperformanceAndDurability.ratedCapacityAh", "ID\t1.450\t12.5", `"batteryMass":1.45`},
		"tab, percentage":        {csvFile, idColumn + "\t" + massColumn + "\tperformanceAndDurability.capacityThresholdForExhaustionPercent", "ID\t1,450\t1,234 %", "column:B:type column:C:type"},
		"tab, percentages":       {csvFile, idColumn + "\t" + massColumn + "\tperformanceAndDurability.capacityThresholdForExhaustionPercent", "ID\t1,450\t12,5 %", `"batteryMass":1.45`},
		"tab, thousands":         {csvFile, idColumn + "\t" + massColumn + "\tperformanceAndDurability.ratedCapacityAh", "ID\t1.450\t12,5", "column:B:type"},
		"unit":                   {csvFile, idColumn + "," + massColumn, `ID,450 kg`, "column:B:type"},
		"byte order mark":        {csvFile, "\ufeff" + idColumn + "," + massColumn, "ID,1", `"batteryMass":1`},
		"empty cells are absent": {csvFile, idColumn + "," + massColumn + "," + cityColumn, "ID,,", `"generalInformation":{"batteryIdentifier":"ID"}}`},
		"formula is text":        {csvFile, idColumn + "," + cityColumn, `ID,"=HYPERLINK(""x"")"`, `"city":"=HYPERLINK(\"x\")"`},
		"German date":            {csvFile, idColumn + ";generalInformation.placingOnMarketDate", "ID;18.02.2027", `2027-02-18`},
		"boolean":                {csvFile, idColumn + ",supplyChainDueDiligence.isExempt", "ID,TRUE", `"isExempt":true`},
		"boolean in German":      {csvFile, idColumn + ",supplyChainDueDiligence.isExempt", "ID,FALSCH", `"isExempt":false`},
		"no boolean":             {csvFile, idColumn + ",supplyChainDueDiligence.isExempt", "ID,ja", "column:B:type"},
		"time in German":         {csvFile, idColumn + ";batteryCondition.usage.measuredAt", "ID;01.07.2025 18:00", `"measuredAt":"2025-07-01T18:00:00Z"`},
		"error of a formula":     {csvFile, idColumn + ";" + massColumn, "ID;#NV", "column:B:format"},
		"all errors of a row":    {csvFile, idColumn + ";generalInformation.batteryCategory;" + massColumn + ";performanceAndDurability.ratedCapacityAh", "ID;electric;12x;-5", "column:C:type /data/generalInformation/batteryCategory:enum /data/performanceAndDurability/ratedCapacityAh:range"},
		"Excel on Windows":       {"application/vnd.ms-excel", idColumn + ";" + massColumn, "ID;450,5", `"batteryMass":450.5`},
		"tab-separated values":   {"text/tab-separated-values", idColumn + "\t" + massColumn, "ID\t450.5", `"batteryMass":450.5`},
		"plain text":             {"text/plain; charset=utf-8", idColumn + ";" + massColumn, "ID;450,5", `"batteryMass":450.5`},
		"spacer columns":         {csvFile, idColumn + ",,," + massColumn + ",,", "ID,,,3,,", `"batteryMass":3`},
		"value in a spacer":      {csvFile, idColumn + ",," + massColumn, "ID,x,3", "column:B:header"},
		"lines":                  {csvFile, idColumn + ",materialComposition.criticalRawMaterials", "ID,\"Lithium\nCobalt\"", `["Lithium","Cobalt"]`},
		"items of strings":       {csvFile, idColumn + ",materialComposition.criticalRawMaterials[0],materialComposition.criticalRawMaterials[1]", "ID,Lithium,Cobalt", `["Lithium","Cobalt"]`},
		"items of objects":       {csvFile, idColumn + ",materialComposition.materials[1].massKg,materialComposition.materials[0].massKg", "ID,2,1", `[{"massKg":1},{"massKg":2}]`},
		"JSON in a cell":         {csvFile, idColumn + ",materialComposition.materials", `ID,"[{""massKg"":3}]"`, `[{"massKg":3}]`},
		"no JSON in a cell":      {csvFile, idColumn + ",materialComposition.materials", `ID,steel`, "column:B:type"},
		"10,000 levels":          {csvFile, idColumn + ",materialComposition.materials", "ID," + nested(9999), "column:B:type"},
		"10,000 levels of data":  {csvFile, idColumn + ",data", `ID,"{""materialComposition"":` + nested(9998) + `}"`, "column:B:syntax"},
		"17 levels with path":    {csvFile, idColumn + ",materialComposition.materials", "ID," + nested(14), "/data/materialComposition/materials" + strings.Repeat("/0", 13) + ":depth"},
		"no object in data":      {csvFile, idColumn + ",data", "ID,[]", "column:B:syntax"},
		"same member twice":      {csvFile, idColumn + ",materialComposition.materials", `ID,"[{""massKg"":3,""massKg"":4}]"`, "column:B:type"},
		"language":               {csvFile, idColumn + ",labelsAndConformity.labelMeanings[0].meaning.de", "ID,Nicht in den Müll", `"meaning":{"de":"Nicht in den Müll"}`},
		"label in German":        {csvFile, idColumn + ";Gewicht", "ID;3", `"batteryMass":3`},
		"reason and notes":       {csvFile, "#,reason," + idColumn + "," + massColumn, "see mail,because,ID,3", `"batteryMass":3`},
		"unit in the header":     {csvFile, idColumn + ";Gewicht [kg];\"Verbleibende\nKapazität (Ah)\"", "ID;3;5", `"remainingCapacityAh":5`},
		"spellings of units":     {csvFile, idColumn + ";Gewicht (KG);performanceAndDurability.initialInternalResistance.packOhm [Ohm];carbonFootprint.totalCarbonFootprint (kg CO₂-eq);performanceAndDurability.idleTemperatureRange.minC [C];Modellname (g)", "ID;3;1;1;1;x", `"batteryMass":3`},
		"remarks in brackets":    {csvFile, idColumn + " (required);Gewicht (Pflicht);performanceAndDurability.ratedCapacityAh(optional) [Ah]*;*" + cityColumn + " (facultatif)", "ID;3;5;x", `"ratedCapacityAh":5`},
		"path with a unit":       {csvFile, idColumn + ";" + massColumn + " [kg] *", "ID;3", `"batteryMass":3`},
		"label in one word":      {csvFile, idColumn + ";Allgemeine Informationen/Gewicht", "ID;3", `"batteryMass":3`},
		"decomposed label":       {csvFile, idColumn + ";Verbleibende Kapazita\u0308t", "ID;5", `"remainingCapacityAh":5`},
		"comment":                {csvFile, "#," + idColumn, "# example,ID", ""},
		"empty row":              {csvFile, idColumn + "," + massColumn, ",", ""},
		"more cells":             {csvFile, idColumn, "ID,5", "column:B:header"},
		"bare quote":             {csvFile, idColumn + "," + cityColumn, `ID,a"b`, "column:B:syntax"},
		"wrong encoding":         {csvFile, idColumn + "," + cityColumn, "ID,M\xfcnchen", "column:B:encoding"},
		"windows-1252":           {csvFile + "; charset=windows-1252", idColumn + "," + cityColumn, "ID,M\xfcnchen", "München"},
		"structure":              {csvFile, idColumn + "," + massColumn, "ID,-5", "/data/generalInformation/batteryMass:range"},
		"UTF-16":                 {csvFile, idColumn + "," + cityColumn, "ID,München", "München"},
	} {
		t.Run(name, func(t *testing.T) {
			n++
			id := fmt.Sprint("https://maker.example/csv/", n)
			file := c.header + "\r\n" + strings.ReplaceAll(c.row, "ID", id) + "\r\n"
			if name == "UTF-16" {
				encoded, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(file)
				if err != nil {
					t.Fatal(err)
				}
				file = encoded
			}
			lines, sum := s.importFile(operator, "", c.mediaType, file)
			checkTableRow(t, s, operator, lines, sum, strings.ReplaceAll(c.want, "ID", id))
		})
	}
	res := s.Call("POST /api/passports/import?format=csv", operator, idColumn+";"+cityColumn+"\nhttps://maker.example/csv/excel;M\xfcnchen\n", "Content-Type", "application/vnd.ms-excel; charset=windows-1252")
	lines, sum := parseImport(t, res.Want(200, nil).Text)
	if checkTableRow(t, s, operator, lines, sum, "München"); res.Header.Get("Accept") != "" {
		t.Error("a response with the status 200 has an Accept header")
	}
}

// checkTableRow checks the import of a file with one row: want is a part of the data, or
// the codes of errors, or empty if the file has no row.
func checkTableRow(t *testing.T, s *service, token string, lines []importLine, sum importSummary, want string) {
	t.Helper()
	switch {
	case want == "":
		if len(lines) > 0 || !sum.Complete {
			t.Errorf("got %s, want no rows", brief(lines))
		}
	case len(lines) != 1:
		t.Errorf("got %s, %+v %v, want one row", brief(lines), sum, sum.Error)
	case lines[0].Status == "created":
		if text := s.Call("GET /api/passports/"+lines[0].ID, token, nil).Want(200, nil).Text; !strings.Contains(text, want) {
			t.Errorf("got %s, want %s", text, want)
		}
	case lines[0].BatteryIdentifier == "" && strings.HasPrefix(want, "column:C"):
		t.Errorf("got no battery identifier with %v", lines[0].Errors)
	case !strings.HasSuffix(brief(lines), "invalid "+want):
		t.Errorf("got %s %v, want %s", brief(lines), lines[0].Errors, want)
	}
}

// TestImportRefusesBadTables sends files that are refused as a whole.
func TestImportRefusesBadTables(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	operator := s.as(auth.Operator, "maker")
	for name, c := range map[string]struct {
		mediaType, file string
		status          int
		problem         []string
		text            string
	}{
		"empty":              {csvFile, "", 400, nil, "the first row must have the names"},
		"unknown column":     {csvFile, idColumn + ",generalInformation.batteryMas", 422, []string{"column:B header"}, "did you mean generalInformation.batteryMass?"},
		"unknown word":       {csvFile, idColumn + ",zzzzzzzzzzzzzzzzzzzz", 422, []string{"column:B header"}, "the template has the names"},
		"same column twice":  {csvFile, idColumn + "," + massColumn + "," + massColumn, 422, []string{"column:C header"}, "is also in column B"},
		"array twice":        {csvFile, idColumn + ",materialComposition.materials,materialComposition.materials[0].massKg", 422, []string{"column:C header"}, "is also in column B"},
		"ambiguous label":    {csvFile, idColumn + ",city", 422, []string{"column:B header"}, "write the path instead"},
		"other units":        {csvFile, idColumn + ",Gewicht (optional) [g]," + massColumn + " (t),performanceAndDurability.initialInternalResistance.packOhm [mOhm],carbonFootprint.totalCarbonFootprint [t CO2eq]", 422, []string{"column:B header", "column:C header", "column:D header", "column:E header"}, `has \"g\" in brackets, but must be in kg: convert the values`},
		"no identifier":      {csvFile, massColumn + "\n5", 422, []string{"column:A required"}, "one of them must be " + idColumn},
		"large index":        {csvFile, idColumn + ",materialComposition.materials[1000].massKg", 422, []string{"column:B header"}, "did you mean materialComposition.materials[0].massKg with an index from 0 to 999?"},
		"pointer":            {csvFile, idColumn + ",/data/generalInformation/batteryMass", 422, []string{"column:B header"}, "did you mean generalInformation.batteryMass?"},
		"other separator":    {csvFile, idColumn + "|" + massColumn, 422, []string{"column:A header"}, "a first line such as sep=|"},
		"section":            {csvFile, idColumn + ",generalInformation", 422, []string{"column:B header"}, "is not an attribute"},
		"no attribute":       {csvFile, "#,id", 422, []string{"column:A required"}, "the names of attributes"},
		"3,000 columns":      {csvFile, strings.Repeat("a,", 2999) + "a", 422, nil, "more than 2000 columns, got 3000"},
		"5,000 columns":      {csvFile, strings.Repeat("a,", 4999) + "a", 413, nil, "more than 4000 columns"},
		"sep, no separator":  {csvFile, "sep=\"\n" + idColumn, 400, nil, "must be a comma, a semicolon, a tab or |"},
		"sep, line end":      {csvFile, "sep=;\r", 400, nil, "the file is empty"},
		"unknown charset":    {csvFile + "; charset=klingon", idColumn, 422, []string{"header:Content-Type charset"}, ""},
		"UTF-16, no mark":    {csvFile + "; charset=utf-16", "a\x00", 400, nil, "byte order mark"},
		"UTF-16, no charset": {csvFile, "a\x00", 400, []string{"header:Content-Type charset"}, "utf-16le"},
		"UTF-8 as 1252":      {csvFile + "; charset=windows-1252", idColumn + "," + cityColumn + "\nID,Köln", 400, []string{"header:Content-Type charset"}, "the file is in UTF-8, but the charset is windows-1252"},
		"open quote":         {csvFile, `"` + strings.Repeat("x", 3<<20), 413, nil, "is a quotation mark not closed?"},
		"one long line":      {csvFile, strings.Repeat("x", 3<<20), 413, nil, "must not be larger"},
		"no workbook":        {xlsxFile, "a;b", 400, nil, "not a zip file"},
		"old workbook":       {xlsxFile, "\xd0\xcf\x11\xe0" + strings.Repeat("x", 600), 400, nil, "save it as .xlsx"},
		"empty zip":          {xlsxFile, archivetest.Zip(t), 400, nil, "without xl/workbook.xml"},
		"no sheet":           {xlsxFile, archivetest.Zip(t, "xl/workbook.xml", "<workbook/>"), 400, nil, "no visible sheet"},
		"OpenDocument":       {xlsxFile, archivetest.Zip(t, "mimetype", "x", "content.xml", "x"), 400, nil, "it is an OpenDocument file; save it as .xlsx"},
		"binary workbook":    {xlsxFile, archivetest.Zip(t, "xl/workbook.bin", "x"), 400, nil, "it is a binary workbook (.xlsb)"},
		"Numbers":            {xlsxFile, archivetest.Zip(t, "Index/Document.iwa", "x"), 400, nil, "it is a document of Numbers"},
		"workbook as zip":    {"application/zip", archivetest.Zip(t, "xl/workbook.xml", "x"), 400, nil, "send Content-Type: " + xlsxFile},
		"package as zip":     {"application/zip", archivetest.Zip(t, "aasx/_rels/aasx-origin.rels", "x"), 400, nil, "send Content-Type: application/asset-administration-shell-package"},
		"macros":             {xlsxFile, archivetest.Zip(t, "xl/vbaProject.bin", "x"), 400, nil, "macros"},
		"macro sheet":        {xlsxFile, archivetest.Zip(t, "xl/macrosheets/sheet1.xml", "x"), 400, nil, "macros"},
		"path in zip":        {xlsxFile, archivetest.Zip(t, "../evil", "x"), 400, nil, "not allowed"},
		"entities":           {xlsxFile, archivetest.Zip(t, "xl/workbook.xml", `<!DOCTYPE x [<!ENTITY a "b">]><workbook/>`), 400, nil, "entities"},
		"external sheet":     {xlsxFile, archivetest.Zip(t, "xl/workbook.xml", `<workbook xmlns:r="r"><sheets><sheet name="a" r:id="1"/></sheets></workbook>`, "xl/_rels/workbook.xml.rels", `<a><Relationship Id="1" Target="http://x.example/" TargetMode="External"/></a>`), 400, nil, "is missing"},
		"bomb":               {xlsxFile, archivetest.Zip(t, "xl/workbook.xml", "<workbook>"+strings.Repeat("<a/>"+strings.Repeat(" ", 1<<18), 256)), 413, nil, "too large when it is unpacked"},
		"workbook as CSV":    {csvFile, archivetest.Zip(t, "a", "b"), 400, nil, "send Content-Type: " + xlsxFile},
		".xls as CSV":        {"application/vnd.ms-excel", "\xd0\xcf\x11\xe0" + strings.Repeat("x", 600), 400, nil, "save it as .xlsx"},
	} {
		t.Run(name, func(t *testing.T) {
			res := s.Call("POST /api/passports/import", operator, c.file, "Content-Type", c.mediaType)
			if res.WantProblem(c.status, c.problem...); !strings.Contains(res.Text, c.text) {
				t.Errorf("got %.500s, want %s", res.Text, c.text)
			}
		})
	}
}

// nested returns a JSON array in n-1 arrays.
func nested(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

// TestImportXLSX imports workbooks that another program has written.
func TestImportXLSX(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	operator := s.as(auth.Operator, "maker")
	styled := func(format int, code string) func(*excelize.File, string) error {
		return func(f *excelize.File, cell string) error {
			style := &excelize.Style{NumFmt: format}
			if code != "" {
				style.CustomNumFmt = &code
			}
			id, err := f.NewStyle(style)
			if err == nil {
				err = f.SetCellStyle("Sheet1", cell, cell, id)
			}
			return err
		}
	}
	for name, c := range map[string]struct {
		column string
		value  any
		change func(*excelize.File, string) error
		want   string
	}{
		"number":               {massColumn, 450.123456789012, nil, `"batteryMass":450.123456789012`},
		"number as text":       {massColumn, "450.5", nil, `"batteryMass":450.5`},
		"text as number":       {"generalInformation.batterySerialNumber", 12345, nil, `"batterySerialNumber":"12345"`},
		"long number as text":  {"generalInformation.batteryModel.gtin", 9521100000116, nil, `"gtin":"9521100000116"`},
		"date":                 {"generalInformation.placingOnMarketDate", time.Date(2027, 2, 18, 0, 0, 0, 0, time.UTC), nil, `2027-02-18`},
		"date without a style": {"generalInformation.placingOnMarketDate", 46436, nil, `2027-02-18`},
		"date in own format":   {"generalInformation.placingOnMarketDate", 46436, styled(0, `[$-407]d\. mmmm yyyy;@`), `2027-02-18`},
		"date as text":         {"generalInformation.placingOnMarketDate", "2027-02-18", nil, `2027-02-18`},
		"percent":              {"performanceAndDurability.capacityThresholdForExhaustionPercent", 0.125, styled(9, ""), `12.5`},
		"boolean":              {"supplyChainDueDiligence.isExempt", true, nil, `"isExempt":true`},
		"formula-like text":    {cityColumn, "=1+1", nil, `"city":"=1+1"`},
		"formula":              {massColumn, 7, func(f *excelize.File, cell string) error { return f.SetCellFormula("Sheet1", cell, "3+4") }, `"batteryMass":7`},
		"formula, no value":    {massColumn, nil, func(f *excelize.File, cell string) error { return f.SetCellFormula("Sheet1", cell, "3+4") }, "column:B:format"},
		"error value":          {massColumn, "x", func(f *excelize.File, cell string) error { return f.SetCellDefault("Sheet1", cell, "#REF!") }, "column:B:format"},
		"merged rows":          {massColumn, 3, func(f *excelize.File, _ string) error { return f.MergeCell("Sheet1", "B3", "B5") }, `"batteryMass":3`},
	} {
		t.Run(name, func(t *testing.T) {
			id := "https://maker.example/xlsx/" + strings.ReplaceAll(name, " ", "-")
			file := book(t, [][]any{{idColumn, c.column}, {id, c.value}}, func(f *excelize.File) error {
				if c.change == nil {
					return nil
				}
				return c.change(f, "B2")
			})
			lines, sum := s.importFile(operator, "", xlsxFile, file)
			checkTableRow(t, s, operator, lines, sum, c.want)
		})
	}
	res := s.Call("POST /api/passports/import", operator, book(t, [][]any{{"note", "", massColumn}}, func(f *excelize.File) error { return f.MergeCell("Sheet1", "A1", "B1") }), "Content-Type", xlsxFile)
	if res.WantProblem(422, "row:1 header"); !strings.Contains(res.Text, "A1:B1") {
		t.Errorf("merged header: %s", res.Text)
	}
}

func book(t *testing.T, rows [][]any, change func(*excelize.File) error) string {
	t.Helper()
	f := excelize.NewFile()
	for i, row := range rows {
		if err := f.SetSheetRow("Sheet1", fmt.Sprint("A", i+1), &row); err != nil {
			t.Fatal(err)
		}
	}
	if err := change(f); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
