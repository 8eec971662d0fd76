package documentd_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/battery-passport/suite/document-service/documentd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store/connect"
)

const (
	png     = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"
	jpeg    = "\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01"
	hugePNG = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\x06\x00\x00\x00"
	gif     = "GIF89a\x01\x00\x01\x00"
	exe     = "MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff\x00\x00"

	excelType = "application/vnd.ms-excel"
	docxType  = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	xlsxType  = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
)

// ole is the head of a Word or Excel file in the format before 2007.
var ole = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + strings.Repeat("\x00", 1000)

// archive returns a ZIP file with entries of the given names.
func archive(names ...string) string {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range names {
		f, err := w.Create(name)
		if err == nil {
			_, err = f.Write(make([]byte, 1<<20)) // highly compressed, so a ZIP bomb
		}
		if err != nil {
			panic(err) // in memory
		}
	}
	w.Close()
	return b.String()
}

// eicar is the test file that every virus scanner reports. It is concatenated, so that
// scanners do not report this source file.
var eicar = `X5O!P%@AP[4\PZX54(P^)7CC)7}$` + "EICAR-STANDARD-ANTIVIRUS-TEST-" + "FILE!$H+H*"

// objectKey matches the key of an object.
var objectKey = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

var (
	docx = archive("[Content_Types].xml", "_rels/.rels", "word/document.xml")
	xlsx = archive("[Content_Types].xml", "_rels/.rels", "xl/workbook.xml")
)

func TestUploadTypes(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	user := s.as(auth.User, "")
	for name, c := range map[string]struct {
		name, declared, content string
		fileType                string // empty: refused
		stored                  string
	}{
		"PDF":                         {"a.pdf", "application/pdf", pdf, "application/pdf", "a.pdf"},
		"PDF, undeclared":             {"a.pdf", "", pdf, "application/pdf", "a.pdf"},
		"PDF as octet-stream":         {"a.PDF", "application/octet-stream", pdf, "application/pdf", "a.PDF"},
		"JPEG":                        {"a.jpeg", "image/jpeg", jpeg, "image/jpeg", "a.jpeg"},
		"PNG":                         {"a.png", "image/png", png, "image/png", "a.png"},
		"GIF":                         {"a.gif", "image/gif", gif, "image/gif", "a.gif"},
		"text":                        {"a.txt", "text/plain; charset=utf-8", "Grüße", "text/plain", "a.txt"},
		"text with commas":            {"a.csv", "text/plain", "a,b\n1,2\n3,4\n", "text/csv", "a.csv"},
		"image/jpg":                   {"a.jpg", "image/jpg", jpeg, "image/jpeg", "a.jpg"},
		"image/pjpeg":                 {"a.jpg", "IMAGE/PJPEG", jpeg, "image/jpeg", "a.jpg"},
		"image/jpg for a PNG":         {"a.jpg", "image/jpg", png, "image/png", "a.jpg.png"},
		"application/x-pdf":           {"a.pdf", "application/x-pdf", pdf, "application/pdf", "a.pdf"},
		"text/csv":                    {"a.csv", "text/csv", "a,b\n1,2\n3,4\n", "text/csv", "a.csv"},
		"text/csv, one column":        {"a.csv", "text/csv; charset=utf-8; header=present", "a\n1\n", "text/csv", "a.csv"},
		"text/x-csv":                  {"a.csv", "text/x-csv", "a;b\n1;2\n", "text/csv", "a.csv"},
		"application/csv":             {"a.csv", "application/csv", "a,b\n1,2\n3,4\n", "text/csv", "a.csv"},
		"CSV declared as Excel":       {"a.csv", "application/vnd.ms-excel", "a,b\n1,2\n3,4\n", "text/csv", "a.csv"},
		"text named as Excel":         {"a.xls", "application/vnd.ms-excel", "a,b\n1,2\n", "text/csv", "a.xls.csv"},
		"text/markdown":               {"a.md", "text/markdown", "# Title\n\nText\n", "text/markdown", "a.md"},
		"PDF declared as text/csv":    {"a.csv", "text/csv", pdf, "", ""},
		"HTML declared as text/csv":   {"a.csv", "text/csv", "<html><body>a,b</body></html>", "", ""},
		"exe declared as Excel":       {"a.xls", "application/vnd.ms-excel", exe, "", ""},
		"other Excel name":            {"a.xls", "application/x-msexcel", ole, excelType, "a.xls"},
		"Word":                        {"a.docx", docxType, docx, docxType, "a.docx"},
		"Excel":                       {"a.xlsx", xlsxType, xlsx, xlsxType, "a.xlsx"},
		"old Word":                    {"a.doc", "application/msword", ole, "application/msword", "a.doc"},
		"old Excel":                   {"a.xls", "application/vnd.ms-excel", ole, excelType, "a.xls"},
		"undeclared OLE":              {"a.doc", "", ole, "application/msword", "a.doc"},
		"OLE of no known kind":        {"a.bin", "", ole, "", ""},
		"exe declared as PDF":         {"a.pdf", "application/pdf", exe, "", ""},
		"exe":                         {"a.exe", "", exe, "", ""},
		"exe as octet-stream":         {"a.bin", "application/octet-stream", exe, "", ""},
		"PNG declared as PDF":         {"a.pdf", "application/pdf", png, "", ""},
		"Word declared as Excel":      {"a.xlsx", xlsxType, docx, docxType, "a.xlsx.docx"},
		"zip bomb declared as Word":   {"a.docx", docxType, archive("bomb"), "", ""},
		"zip bomb":                    {"a.zip", "application/zip", archive("bomb"), "application/zip", "a.zip"},
		"ZIP bomb as Word":            {"a.docx", docxType, docx, docxType, "a.docx"}, // stored without unpacking
		"ZIP in a ZIP":                {"a.zip", "", archive("a.zip", "b.zip"), "application/zip", "a.zip"},
		"PNG of huge dimensions":      {"a.png", "image/png", hugePNG, "image/png", "a.png"}, // stored without decoding
		"HTML":                        {"a.txt", "text/plain", "<!DOCTYPE html><script>alert(1)</script>", "", ""},
		"HTML that is also a PDF":     {"a.pdf", "application/pdf", "<html>" + pdf, "", ""},
		"SVG":                         {"a.svg", "image/svg+xml", `<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>`, "image/svg+xml", "a.svg"},
		"script":                      {"a.txt", "text/plain", "#!/bin/sh\nrm -r /\n", "", ""},
		"PDF that is also a ZIP":      {"a.zip", "", pdf + archive("a"), "application/pdf", "a.zip.pdf"},
		"PDF named as program":        {"a.pdf.hta", "application/pdf", pdf, "application/pdf", "a.pdf.hta.pdf"},
		"virus test file":             {"a.txt", "text/plain", eicar, "text/plain", "a.txt"}, // stored as text: the service does not scan for viruses
		"virus test named as program": {"a.com", "", eicar, "text/plain", "a.com.txt"},
		"binary":                      {"a.txt", "text/plain", "\x00\x01\x02\x03", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := *s
			s.Client = s.On(t)
			a := s.post(user, file(c.name, c.declared, c.content))
			if c.fileType == "" {
				a.WantProblem(415, "/file type")
				return
			}
			var d documentResponse
			a.Want(201, &d)
			if d.FileType != c.fileType || d.FileName != c.stored {
				t.Errorf("stored as %s %s, want %s %s", d.FileType, d.FileName, c.fileType, c.stored)
			}
			if got := s.Call("GET /api/documents/"+d.DocID+"/content", user, nil).Want(200, nil); got.Text != c.content || strings.TrimSuffix(got.Header.Get("Content-Type"), "; charset=utf-8") != c.fileType {
				t.Errorf("download has headers %v and %d bytes", got.Header, len(got.Text))
			}
		})
	}
}

// TestFileNames uploads files with common and with malicious names.
func TestFileNames(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	user := s.as(auth.User, "")
	long := strings.Repeat("ä", 300)
	for disposition, want := range map[string]string{
		`filename="Müll.pdf"`:                                   "Müll.pdf",
		`filename*=UTF-8''M%C3%BCll.pdf`:                        "Müll.pdf",
		`filename="M?ll.pdf"; filename*=UTF-8''M%C3%BCll.pdf`:   "Müll.pdf",
		`filename="電池.pdf"`:                                     "電池.pdf",
		`filename="README"`:                                     "README.pdf",
		`filename="../../etc/passwd"`:                           "passwd.pdf",
		`filename="C:\\Users\\me\\a.pdf"`:                       "a.pdf",
		`filename=".."`:                                         "document.pdf",
		`filename="/"`:                                          "document.pdf",
		`filename*=UTF-8''a%00b.pdf`:                            "ab.pdf",
		`filename*=UTF-8''a%0D%0ASet-Cookie%3A%20x.pdf`:         "aSet-Cookie_ x.pdf",
		`filename*=UTF-8''harmless%E2%80%AEfdp.exe`:             "harmlessfdp.exe.pdf",
		`filename="a` + "\u202e" + `fdp.exe"`:                   "afdp.exe.pdf",
		`filename="a<b>|c?.pdf"`:                                "a_b__c_.pdf",
		`filename="a\"b.pdf"`:                                   "a_b.pdf",
		`filename=" a.pdf. "`:                                   "a.pdf",
		`filename="` + "a\xff" + `.pdf"`:                        "a_.pdf",
		`filename="` + long + `.pdf"`:                           strings.Repeat("ä", 125) + ".pdf",
		`filename="` + strings.Repeat("b", 300) + `"`:           strings.Repeat("b", 251) + ".pdf",
		`filename="` + strings.Repeat("c", 254) + `.x.pdf.exe"`: strings.Repeat("c", 251) + ".pdf",
	} {
		t.Run(disposition[:min(len(disposition), 40)], func(t *testing.T) {
			body := "--b\r\nContent-Disposition: form-data; name=file; " + disposition + "\r\n\r\n" + pdf + "\r\n--b--\r\n"
			var d documentResponse
			s.On(t).Call(upload, user, body, "Content-Type", "multipart/form-data; boundary=b").Want(201, &d)
			if d.FileName != want {
				t.Errorf("%s is stored as %q, want %q", disposition, d.FileName, want)
			}
			a := s.On(t).Call("GET /api/documents/"+d.DocID+"/content", user, nil).Want(200, nil)
			if a.Header.Get("Set-Cookie") != "" || a.Header.Get("Content-Disposition") == "" {
				t.Errorf("headers %v", a.Header)
			}
		})
	}
	left, stored, keys := leftOver(t, s)
	if left != "" || stored == 0 || stored != len(keys) {
		t.Errorf("%d objects for %d documents, left over:%s", stored, len(keys), left)
	}
	for _, key := range keys {
		if !objectKey.MatchString(key) {
			t.Errorf("object key %q must consist of two UUIDs", key)
		}
	}
	// A raw NUL makes the header invalid.
	body := "--b\r\nContent-Disposition: form-data; name=file; filename=\"a\x00.pdf\"\r\n\r\n" + pdf + "\r\n--b--\r\n"
	s.Call(upload, user, body, "Content-Type", "multipart/form-data; boundary=b").WantProblem(400)
}

func TestInvalidUploads(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()}, func(cfg *documentd.Config) { cfg.MaxBytes = 6 << 20 })
	user := s.as(auth.User, "")
	good, contentType := form(file("a.pdf", "", pdf))
	formBody := func(fields ...field) string { body, _ := form(fields...); return body }
	full := formBody(file("a.pdf", "", pdf+strings.Repeat("x", 100<<10)))
	typeOf := func(body string) string { return "multipart/form-data; boundary=" + body[2:strings.Index(body, "\r")] }
	large := pdf + strings.Repeat("x", 6<<20-len(pdf))
	for name, c := range map[string]struct {
		body, contentType string // empty: the type of body
		status            int
		errors            []string
	}{
		"empty file":                {formBody(file("a.pdf", "", "")), "", 422, []string{"/file required"}},
		"no body":                   {"", contentType, 400, nil},
		"no file":                   {formBody(field{name: "kind", value: "other"}), "", 422, []string{"/file required"}},
		"wrong field":               {formBody(field{"document", pdf, "a.pdf", ""}), "", 422, []string{"/document unknownField", "/file required"}},
		"file without filename":     {formBody(field{name: "file", value: pdf}), "", 422, []string{"/file type", "/file required"}},
		"two files":                 {formBody(file("a.pdf", "", pdf), file("b.pdf", "", pdf)), "", 422, []string{"/file duplicate"}},
		"two files above the limit": {formBody(file("a.pdf", "", large), file("b.pdf", "", large)), "", 413, nil},
		"fields before":             {formBody(field{name: "kind", value: "x"}, field{name: "kind", value: "y"}, field{name: "a/b", value: "x"}, file("a.pdf", "", pdf)), "", 422, []string{"/kind duplicate", "/a~1b unknownField"}},
		"fields after":              {formBody(file("a.pdf", "", pdf), field{name: "kind", value: "x"}, field{name: "accessClass", value: "everybody"}, field{name: "passportId", value: "7"}, field{name: "description", value: strings.Repeat("x", 2001)}), "", 422, []string{"/kind enum", "/accessClass enum", "/passportId format", "/description range"}},
		"isPublic is not a boolean": {formBody(file("a.pdf", "", pdf), field{name: "isPublic", value: "yes"}), "", 422, []string{"/isPublic type"}},
		"description is not UTF-8":  {formBody(file("a.pdf", "", pdf), field{name: "description", value: "a\xff"}), "", 422, []string{"/description format"}},
		"field too long":            {formBody(field{name: "description", value: strings.Repeat("x", 20<<10)}, file("a.pdf", "", pdf)), "", 422, []string{"/description range"}},
		"no boundary":               {good, "multipart/form-data", 400, []string{"header:Content-Type required"}},
		"another boundary":          {good, "multipart/form-data; boundary=x", 400, nil},
		"JSON":                      {`{}`, "application/json", 415, []string{"header:Content-Type enum"}},
		"no type":                   {good, "", 415, nil},
		"truncated header":          {good[:len(good)/4], contentType, 400, nil},
		"truncated small file":      {good[:len(good)-90], contentType, 400, nil},
		"truncated large file":      {full[:len(full)/2], typeOf(full), 400, nil},
		"truncated after the file":  {strings.TrimSuffix(full, "--\r\n"), typeOf(full), 400, nil},
		"too large":                 {formBody(file("a.pdf", "", large+"x")), "", 413, []string{"/file range"}},
		"far too large":             {formBody(file("a.pdf", "", large+large)), "", 413, nil},
	} {
		t.Run(name, func(t *testing.T) {
			given := c.contentType
			if given == "" && name != "no type" {
				given = typeOf(c.body)
			}
			a := s.On(t).Call(upload, user, c.body, "Content-Type", given)
			if name == "no type" {
				a.Want(415, nil)
				return
			}
			a.WantProblem(c.status, c.errors...)
		})
	}
	capital := formBody(field{"File", pdf, "a.pdf", ""})
	if a := s.Call(upload, user, capital, "Content-Type", typeOf(capital)).Want(422, nil); !strings.Contains(a.Text, "did you mean file?") {
		t.Errorf("response %s, want the name of the field", a.Text)
	}
	t.Run("many fields", func(t *testing.T) {
		var fields []field
		for i := range 100 {
			fields = append(fields, field{name: fmt.Sprint("f", i), value: strings.Repeat("x", 10<<10)})
		}
		body := formBody(fields...)
		if a := s.On(t).Call(upload, user, body, "Content-Type", typeOf(body)).Want(422, nil); strings.Count(a.Text, "unknownField") != 16 {
			t.Errorf("response %s, want 16 errors", a.Text)
		}
	})
	s.send(t, user, newBody(12<<20, func(int64) {})).Want(413, nil) // without Content-Length
	s.upload(user, file("a.pdf", "", large))                        // the largest allowed file
	wantOnly(t, s, 1)
}

// wantOnly checks that there are n ready documents, each with its object, and nothing
// else.
func wantOnly(t *testing.T, s *service, n int) {
	t.Helper()
	left, total, keys := leftOver(t, s)
	if total != n || left != "" {
		t.Errorf("%d documents, want %d; left over:%s (%v)", total, n, left, keys)
	}
}

func TestInvalidChanges(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	user := s.as(auth.User, "")
	d := s.upload(user, file("a.pdf", "", pdf))
	route := "PUT /api/documents/" + d.DocID
	for body, want := range map[string][]string{
		`{"isPublic":"yes"}`: {"/isPublic type"},
		`{"isPublic":1}`:     {"/isPublic type"},
		`{"isPublic":true,"accessClass":"authority"}`: {"/accessClass conflict"},
		`{"isPublic":false,"accessClass":"public"}`:   {"/accessClass conflict"},
		`{"fileName":"../"}`:                          {"/fileName format"},
		`{"docId":"x"}`:                               {"/docId unknownField"},
		`{"isPublic":null}`:                           {"/isPublic type"},
		`{"accessClass":null,"description":null,"fileName":null,"kind":null,"passportId":null}`: {"/accessClass type", "/description type", "/fileName type", "/kind type", "/passportId type"},
		`{"description":"x","isPublic":null}`:                                                   {"/isPublic type"},
		`{"fileName":7}`:                                                                        {"/fileName type"},
		`{"kind":"x","accessClass":"everybody","passportId":"x","description":"\u0000"}`:        {"/kind enum", "/accessClass enum", "/passportId format", "/description format"},
	} {
		s.Call(route, user, body).WantProblem(http.StatusUnprocessableEntity, want...)
	}
	var got documentResponse
	s.Call(strings.Replace(route, "PUT", "GET", 1), user, nil).Want(200, &got)
	if got.UpdatedAt != d.UpdatedAt {
		t.Errorf("refused changes updated the document: %+v", got)
	}
}
