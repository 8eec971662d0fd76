package documentd_test

import (
	"archive/zip"
	"bytes"
	"embed"
	"strings"
	"testing"

	"github.com/battery-passport/suite/document-service/documentd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store/connect"
)

const (
	odf  = "application/vnd.oasis.opendocument."
	ooxm = "application/vnd.openxmlformats-officedocument."
)

//go:embed testdata/files
var files embed.FS // the S3 server changes the working directory

// TestFilesOfOtherPrograms uploads files of phones, office and CAD programs, without a
// declared type, as their family, as another type of the family, and as another family.
func TestFilesOfOtherPrograms(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	user := s.as(auth.User, "A")
	for name, c := range map[string]struct{ stored, accepted, refused string }{
		"photo.jpg":        {"image/jpeg", "image/jpg", "application/pdf"},
		"photo.heic":       {"image/heic", "image/jpeg", "video/mp4"},
		"photo.webp":       {"image/webp", "image/png", "text/plain"},
		"photo.avif":       {"image/avif", "image/*", "video/mp4"},
		"photo.tif":        {"image/tiff", "application/octet-stream", "audio/mpeg"},
		"anim.png":         {"image/png", "application/force-download", "application/zip"},
		"cell.dxf":         {"image/vnd.dxf", "application/dxf", "application/pdf"},
		"binary.dxf":       {"image/vnd.dxf", "image/x-dxf", "font/ttf"},
		"cell.stl":         {"model/stl", "application/vnd.ms-pki.stl", "image/png"},
		"ascii.stl":        {"model/stl", "text/plain", "application/zip"},
		"report.docx":      {ooxm + "wordprocessingml.document", "application/zip", "image/png"},
		"cells.xlsx":       {ooxm + "spreadsheetml.sheet", "application/vnd.ms-excel", "application/pdf"},
		"slides.pptx":      {ooxm + "presentationml.presentation", "application/x-zip-compressed", "video/mp4"},
		"report.odt":       {odf + "text", "application/msword", "text/plain"},
		"cells.ods":        {odf + "spreadsheet", "application/zip", "text/csv"},
		"slides.odp":       {odf + "presentation", "application/unknown", "image/gif"},
		"battery.aasx":     {"application/aas+zip", "application/asset-administration-shell-package", "application/pdf"},
		"certificates.zip": {"application/zip", "application/x-zip", ooxm + "wordprocessingml.document"},
		"mail.eml":         {"message/rfc822", "text/plain", "application/pdf"},
	} {
		content, err := files.ReadFile("testdata/files/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, declared := range []string{"", c.stored, c.accepted} {
			var d documentResponse
			if s.post(user, file(name, declared, string(content))).Want(201, &d); d.FileType != c.stored || d.FileName != name {
				t.Errorf("%s declared as %q is stored as %s %s, want %s", name, declared, d.FileType, d.FileName, c.stored)
			}
			h := s.Call("GET /api/documents/"+d.DocID+"/content", user, nil).Want(200, nil).Header
			if !strings.HasPrefix(h.Get("Content-Disposition"), "attachment;") || h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") {
				t.Errorf("%s has the headers %v", name, h)
			}
		}
		a := s.post(user, file(name, c.refused, string(content)))
		a.WantProblem(415, "/file type")
		if !strings.Contains(a.Text, "declared as "+c.refused) {
			t.Errorf("%s declared as %s: %s", name, c.refused, a.Text)
		}
	}
}

// TestTypesOfText: the content of a text does not show its format, its name or declared type does.
func TestTypesOfText(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	user := s.as(auth.User, "A")
	const csv, xml = "a;b\n1;2\n", `<?xml version="1.0"?><a/>`
	for _, c := range []struct{ name, declared, content, stored, storedName string }{
		{"a.csv", "", csv, "text/csv", "a.csv"}, {"a", "text/csv", csv, "text/csv", "a.csv"}, {"a.csv", "application/octet-stream", csv, "text/csv", "a.csv"},
		{"a.CSV", "text/html", csv, "text/csv", "a.CSV"}, {"a.tsv", "text/plain", "a\tb\n", "text/tab-separated-values", "a.tsv"},
		{"a.md", "", "text", "text/markdown", "a.md"}, {"README", "", "text", "text/plain", "README.txt"}, {"a.log", "text/csv", csv, "text/plain", "a.log"},
		{"a.xml", "text/xml", xml, "application/xml", "a.xml"}, {"a.xml", "", "<a/>", "application/xml", "a.xml"}, {"a.xml", "", "text", "text/plain", "a.xml.txt"},
		{"a.xml", "text/plain", "\ufeff" + xml, "application/xml", "a.xml"}, {"a.json", "text/plain", "[1]", "application/json", "a.json"},
		{"a.json", "application/json", "a", "text/plain", "a.json.txt"}, {"a.geojson", "", `{"type":"Feature"}`, "application/json", "a.geojson"},
		{"a.ndjson", "", "{\"a\":1}\n{\"a\":2}\n", "text/plain", "a.ndjson"}, {"a.rtf", "application/msword", `{\rtf1 a}`, "application/rtf", "a.rtf"},
		{"a.eml", "message/rfc822", "MIME-Version: 1.0\nX: y\n\ntext", "message/rfc822", "a.eml"}, {"a.svg", "", xml[:21] + `<svg xmlns="http://www.w3.org/2000/svg"/>`, "image/svg+xml", "a.svg"},
		{"a.dxf", "", "999\r\nmade by hand\r\n  0\r\nSECTION\r\n  2\r\n", "image/vnd.dxf", "a.dxf"}, {"a.dwg", "image/x-dwg", "AC1032\x00\x00\x00\x00\x00", "image/vnd.dwg", "a.dwg"},
		{"a.p21", "", "\nISO-10303-21;\n", "model/step", "a.p21"},
		{"a.json", "", "5", "application/json", "a.json"}, {"a.json", "", "\"x\"\n", "application/json", "a.json"}, {"a.json", "", "5 6", "text/plain", "a.json.txt"},
		{"a.xml", "", "<!-- made by X -->\n<root/>", "application/xml", "a.xml"}, {"a.xml", "text/xml", "<Body>a</Body>", "application/xml", "a.xml"},
		{"a.xml", "", "<Table><Title/></Table>", "application/xml", "a.xml"}, {"a.xsd", "", "<P x=\"1\"/>", "application/xml", "a.xsd"},
		{"a.xml", "", "\ufeff<a><b>1</b></a>\n<!-- end -->", "application/xml", "a.xml"}, {"a.xml", "", "<Title>" + strings.Repeat("<a>ä</a>", 20_000) + "</Title>", "application/xml", "a.xml"},
		{"a.svg", "", `<!-- drawn --><svg xmlns="http://www.w3.org/2000/svg"/>`, "image/svg+xml", "a.svg"},
		{"a.md", "", "<!-- toc -->\n# Title", "text/markdown", "a.md"}, {"a.md", "text/markdown", "<div align=\"center\">", "text/markdown", "a.md"}, {"a.md", "", "<h1 align=center>", "text/markdown", "a.md"},
		{"a.csv", "", "<b>5;3\n", "text/csv", "a.csv"}, {"a.txt", "", "<a> is a tag", "text/plain", "a.txt"},
	} {
		var d documentResponse
		if s.post(user, file(c.name, c.declared, c.content)).Want(201, &d); d.FileType != c.stored || d.FileName != c.storedName {
			t.Errorf("%s declared as %q is stored as %s %s, want %s %s", c.name, c.declared, d.FileType, d.FileName, c.stored, c.storedName)
		}
	}
}

// TestProgramsAreRefused uploads HTML, programs, and office documents with macros.
func TestProgramsAreRefused(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()}, func(cfg *documentd.Config) { cfg.MaxBytes = 30 << 20 })
	user := s.as(auth.User, "A")
	macroTypes := `<Types><Override PartName="/word/document.xml" ContentType="application/vnd.ms-word.document.macroEnabled.main+xml"/></Types>`
	long := strings.Repeat("x", 20<<20) // the macro is not in the part of the file that Detect reads
	utf16 := strings.Join(strings.Split("_VBA_PROJECT", ""), "\x00")
	for name, c := range map[string]struct{ name, declared, content, message string }{
		"HTML":                   {"a.xml", "text/xml", "<!DOCTYPE html><p>", "text/html"},
		"XHTML":                  {"a.xml", "application/xml", `<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>`, "xhtml"},
		"HTML by its name":       {"a.html", "", "<p>text", "text/html"},
		"HTML in XML":            {"a.xml", "", "<!-- c --><html></html>", "text/html"},
		"XHTML after a comment":  {"a.xml", "", `<?xml version="1.0"?><!-- c --><html xmlns="http://www.w3.org/1999/xhtml"/>`, "xhtml"},
		"no XML":                 {"a.xml", "", "<body><p>text</body>", "text/html"},
		"two roots":              {"a.xml", "", "<p></p><p></p>", "text/html"},
		"script in Markdown":     {"a.md", "text/markdown", "<!-- toc --> <SCRIPT>alert(1)</SCRIPT>", "text/html"},
		"script, empty comment":  {"a.md", "", "<!--><script>alert(1)</script>", "text/html"},
		"page as CSV":            {"a.csv", "", "<!-- a -->\n<!DOCTYPE html><p>", "text/html"},
		"HTML after a mark":      {"a.txt", "text/plain", "\ufeff<html><script>", "text/html"},
		"HTML after two marks":   {"a.txt", "text/plain", "\ufeff\ufeff<html><script>", "text/html"},
		"HTML in UTF-16":         {"a.txt", "text/plain", "\xff\xfe<\x00h\x00t\x00m\x00l\x00>\x00", "text/html"},
		"SVG after a mark":       {"a.pdf", "application/pdf", "\ufeff<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"},
		"Java":                   {"a.zip", "application/zip", zipOf("META-INF/MANIFEST.MF", "Main-Class: A\n"), "application/java-archive"},
		"macros, by type":        {"a.docx", "", zipOf("[Content_Types].xml", macroTypes, "word/document.xml", "x"), "vnd.ms-word.document.macroEnabled.12"},
		"macros, at the end":     {"a.xlsx", "", zipOf("[Content_Types].xml", "x", "xl/workbook.xml", "x", "a", long, "xl/vbaProject.bin", "x"), "macros"},
		"macros in OpenDocument": {"a.odt", "", zipOf("mimetype", odf+"text", "Basic/script-lc.xml", "x"), "macros"},
		"macros before 2007":     {"a.xls", "", ole + long + utf16, "macros"},
		"macros of Word 2003":    {"a.xml", "", `<?xml version="1.0"?><w:wordDocument w:macrosPresent="yes"/>`, "macros"},
	} {
		a := s.post(user, file(c.name, c.declared, c.content))
		a.WantProblem(415, "/file type")
		if !strings.Contains(a.Text, c.message) {
			t.Errorf("%s: %s, want %q", name, a.Text, c.message)
		}
	}
	if objects, _ := s.bucket.keys(t); len(objects) != 0 {
		t.Errorf("stored %v", objects)
	}
}

// zipOf returns a ZIP file with the given names and contents; the first is stored, the others are packed.
func zipOf(entries ...string) string {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(entries); i += 2 {
		method := zip.Deflate
		if i == 0 && entries[0] == "mimetype" {
			method = zip.Store
		}
		f, err := w.CreateHeader(&zip.FileHeader{Name: entries[i], Method: method})
		if err == nil {
			_, err = f.Write([]byte(entries[i+1]))
		}
		if err != nil {
			panic(err) // in memory
		}
	}
	w.Close()
	return b.String()
}

// TestAllowedTypes narrows and widens the allowed types.
func TestAllowedTypes(t *testing.T) {
	bmp, err := files.ReadFile("testdata/files/photo.bmp")
	if err != nil {
		t.Fatal(err)
	}
	for list, want := range map[string]struct {
		pdf, csv, bmp int
		message       string
	}{
		"":                          {201, 201, 415, "the allowed types are AASX, AVIF, CSV,"},
		"default,image/bmp":         {201, 201, 201, ""},
		"application/pdf,image/bmp": {201, 415, 201, "the allowed types are BMP, PDF\""},
		"Text/CSV":                  {415, 201, 415, "the allowed types are CSV\""},
		"text/plain":                {415, 201, 415, "the allowed types are text\""},
	} {
		t.Run(list, func(t *testing.T) {
			s := start(t, connect.Config{Dir: t.TempDir()}, func(cfg *documentd.Config) {
				if list != "" {
					cfg.Types = strings.Split(list, ",")
				}
			})
			for _, c := range []struct {
				field  field
				status int
			}{{file("a.pdf", "", pdf), want.pdf}, {file("a.csv", "", "a;b\n"), want.csv}, {file("a.bmp", "", string(bmp)), want.bmp}} {
				if a := s.post(s.as(auth.User, "A"), c.field); a.Status != c.status || a.Status == 415 && !strings.Contains(a.Text, want.message) {
					t.Errorf("%s: %d %s, want %d", c.field.fileName, a.Status, a.Text, c.status)
				}
			}
		})
	}
	if err := (documentd.Config{MaxBytes: 1, MaxUploads: 1, SweepAfter: 1, Group: "x", Types: []string{"default", "text/html"}}).Validate(); err == nil || !strings.Contains(err.Error(), `ALLOWED_TYPES: must contain media types of docs/api.md or default, got "text/html"`) {
		t.Errorf("ALLOWED_TYPES=default,text/html: %v", err)
	}
}
