package exchange_test

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"github.com/battery-passport/suite/passport-service/internal/exchange"
)

// TestReadCSV reads files with the habits and the errors of spreadsheets and editors.
func TestReadCSV(t *testing.T) {
	body := func(id string) string { return `{"generalInformation":{"batteryIdentifier":"` + id + `"}}` }
	named := func(name string) string {
		return `{"generalInformation":{"batteryIdentifier":"i","manufacturerInformation":{"manufacturerName":"` + name + `"}}}`
	}
	header, short := idHeader+","+nameHeader+"\n", idHeader+"\n"
	utf16, err := unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewEncoder().String(header + "i,ü\n")
	if err != nil {
		t.Fatal(err)
	}
	latin, err := charmap.Windows1252.NewEncoder().String(header + "i,ü€\n")
	if err != nil {
		t.Fatal(err)
	}
	const separators = `the separator in the first line must be a comma, a semicolon, a tab or |, got `
	for name, c := range map[string]struct{ charset, file, want string }{
		"empty lines count":              {"", short + "\n\na\n\r\nb\n", "4 " + body("a") + "; 6 " + body("b")},
		"lines of a cell do not":         {"", header + "i,\"a\nb\n\nc\"\ni,d\n", "2 " + named(`a\nb\n\nc`) + "; 3 " + named("d")},
		"empty lines before the header":  {"", "\n\n" + short + "a\n", "4 " + body("a")},
		"open quotation mark":            {"", header + "i,a\ni,\"b\ni,c\ni,d\ni,e\n", "2 " + named("a") + "; 3  syntax row 3 is not valid CSV: lines 3–6 were read as one row: a quotation mark is not closed, or not doubled; row 3 is not valid CSV"},
		"open quotation mark, last line": {"", header + "i,a\ni,\"b\n", "2 " + named("a") + `; 3 column:B syntax row 3, column B: a quotation mark is not closed, or not doubled; write "b"`},
		"quotation mark not doubled":     {"", header + "i,\"a\ni,\"b\"\n\ni,c\n", "2  syntax row 2 is not valid CSV: lines 2–3 were read as one row: a quotation mark is not closed, or not doubled; 4 " + named("c")},
		"open mark after a separator":    {"", "sep=,\n" + header + "i,\"a\ni,b\n", "2  syntax row 2 is not valid CSV: lines 3–4 were read as one row: a quotation mark is not closed, or not doubled; row 2 is not valid CSV"},
		"sep=;":                          {"", "sep=;\n" + idHeader + ";" + nameHeader + "\ni;a,b\n", "2 " + named("a,b")},
		"sep=|":                          {"", "SEP=|\r\n" + idHeader + "|" + nameHeader + "\r\ni|a,b\r\n", "2 " + named("a,b")},
		"sep=, a quotation mark":         {"", "sep=\"\n" + short, separators + `"\""`},
		"sep=, a line feed":              {"", "sep=\n\n" + short, separators + `""`},
		"sep=, a carriage return":        {"", "sep=\r\n" + short, separators + `""`},
		"sep=, two characters":           {"", "sep=;;\n" + short, separators + `";;"`},
		"sep=, no ASCII":                 {"", "sep=ü\n" + short, separators + `"ü"`},
		"identifier of a list":           {"", "batteryIdentifier,state\na,active\n", "2 " + body("a")},
		"identifier and its path":        {"", "batteryIdentifier," + idHeader + "\nx,a\n", "2 " + body("a")},
		"identifier twice":               {"", idHeader + ",batteryIdentifier\na,x\n", "2 " + body("a")},
		"sep= alone":                     {"", "sep=", separators + `""`},
		"only a separator":               {"", "sep=;\r", "the file is empty: the first row must have the names of attributes"},
		"carriage returns as line ends":  {"", "sep=;\r" + idHeader + "\ra\r", "2 " + body("a")},
		"carriage returns in a cell":     {"", "sep=,\r" + header[:len(header)-1] + "\ri,\"a\rb\"\ri,c", "2 " + named(`a\nb`) + "; 3 " + named("c")},
		"mark in a cell":                 {"", header + "i,12\" rack\ni,b\n", `2 column:B syntax row 2, column B: a quotation mark in a cell without quotation marks; write "12"" rack"; 3 ` + named("b")},
		"mark in a cell with marks":      {"", header + "\"i\",\"12\" rack\"\ni,b\n", `2 column:B syntax row 2, column B: a quotation mark is not closed, or not doubled; write "12"" rack"; 3 ` + named("b")},
		"workbook":                       {"", "PK\x03\x04", "the file is a workbook or archive; send Content-Type: application/vnd.openxmlformats-officedocument.spreadsheetml.sheet for a workbook (.xlsx), or application/zip"},
		"end of a file of DOS":           {"", short + "a\r\n\x1a", "2 " + body("a")},
		"packed":                         {"", "\x1f\x8b\x08", "the file is packed with gzip; send Content-Encoding: gzip"},
		"HTML":                           {"", "\ufeff\n<html><table>", "the file is HTML or XML; save a table as .xlsx or CSV, and documents as JSON"},
		"JSON":                           {"", `{"data":{}}`, "the file is JSON; send Content-Type: application/json, or application/x-ndjson for an object on each line"},
		"old workbook":                   {"", "\xd0\xcf\x11\xe0\xa1", "the file is a workbook in the old format .xls, or encrypted; save it as .xlsx without a password"},
		"columns without names":          {"", idHeader + ",,," + nameHeader + ",\ni,,,a,\ni,,x,b,\n", "2 " + named("a") + "; 3 column:C header column C has a value, but no header: name it # to ignore it"},
		"replacement character":          {"", header + "i,a\ufffdb\n", "2 " + named("a\ufffdb")},
		"replacement character, utf-8":   {"UTF8", header + "i,a\ufffdb\n", "2 " + named("a\ufffdb")},
		"invalid UTF-8":                  {"", header + "i,\xfc\ni,b\n", "2 column:B encoding the file is not valid in UTF-8: row 2, column B: send its charset, such as Content-Type: text/csv; charset=windows-1252; 3 " + named("b")},
		"wrong charset":                  {"shift_jis", header + "i,\xfd\n", "2 column:B encoding the file is not valid in shift_jis: row 2, column B: the charset shift_jis is not that of the file"},
		"mark, utf8":                     {"utf8", "\ufeff" + short + "a\n", "2 " + body("a")},
		"mark, another charset":          {"windows-1252", "\ufeff" + header + "i,ü\n", "2 " + named("ü")},
		"windows-1252":                   {"cp1252", latin, "2 " + named("ü€")},
		"latin1":                         {"ISO-8859-1", latin, "2 " + named("ü€")},
		"utf-16be":                       {"utf-16be", utf16, "2 " + named("ü")},
		"utf-16 with a mark":             {"utf-16", "\xfe\xff" + utf16, "2 " + named("ü")},
		"no encoding":                    {"iso-2022-kr", short, `the charset "iso-2022-kr" is unknown`},
		"too many columns":               {"", short + "a\nb\n" + strings.Repeat(",", 4000) + "\nc\n", "2 " + body("a") + "; 3 " + body("b") + "; row 4 must not have more than 4000 columns: is a quotation mark not closed?"},
		"too many columns in the header": {"", strings.Repeat("a,", 1<<20), "row 1 must not have more than 4000 columns: is a quotation mark not closed?"},
		"commas in a cell":               {"", header + "i,\"" + strings.Repeat(",", 4000) + "\"\"" + strings.Repeat(",", 4000) + "\"\n", "2 " + named(strings.Repeat(",", 4000)+`\"`+strings.Repeat(",", 4000))},
		"UTF-8, another charset":         {"windows-1252", header + "i,Köln\n", "the file is in UTF-8, but the charset is windows-1252"},
		"UTF-8, cut in the buffer":       {"shift_jis", header + "i," + strings.Repeat("ü", 40_000) + "\n", "the file is in UTF-8, but the charset is shift_jis"},
		"ASCII, another charset":         {"windows-1252", header + "i,a\n", "2 " + named("a")},
		"single letters":                 {"windows-1252", header + "i,K\xf6ln\n", "2 " + named("Köln")},
		"UTF-16 without mark":            {"", "a\x00,\x00", "the file is not in UTF-8, but in UTF-16 without a byte order mark"},
		"UTF-16, big endian":             {"", "\x00a", "the file is not in UTF-8, but in UTF-16 without a byte order mark"},
	} {
		if got := read(exchange.CSV(strings.NewReader(c.file), c.charset, rules())); got != c.want {
			t.Errorf("%s:\ngot  %.600s\nwant %.600s", name, got, c.want)
		}
	}
	long := strings.Repeat(",", 2<<20)
	if peak := peakOf(func() { read(exchange.CSV(strings.NewReader(short+long), "", rules())) }); peak > 8<<20 {
		t.Errorf("a row with many columns needs %d MiB of memory", peak>>20)
	}
}

// TestHeaderWithManyBrackets is refused in time that is proportional to its length. It would take an hour to cut every bracket.
func TestHeaderWithManyBrackets(t *testing.T) {
	for _, header := range []string{massHeader + strings.Repeat(" (a)", 200_000), massHeader + strings.Repeat(" [g]", 200_000)} {
		if _, err := exchange.CSV(strings.NewReader(idHeader+","+header+"\n"), "", rules()); err == nil || !strings.Contains(fmt.Sprint(err), "header") {
			t.Errorf("got %.200v", err)
		}
	}
}
