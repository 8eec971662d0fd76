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
	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/store/connect"
)

const (
	png   = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"
	jpeg  = "\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01"
	flood = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\x06\x00\x00\x00"
	gif   = "GIF89a\x01\x00\x01\x00"
	exe   = "MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff\x00\x00"

	docxType = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	xlsxType = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
)

// ole is the beginning of a Word or Excel file of before 2007.
var ole = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + strings.Repeat("\x00", 1000)

// archive is a zip of files with the names.
func archive(names ...string) string {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range names {
		f, err := w.Create(name)
		if err == nil {
			_, err = f.Write(make([]byte, 1<<20)) // a bomb, if somebody opened it
		}
		if err != nil {
			panic(err) // in memory
		}
	}
	w.Close()
	return b.String()
}

// eicar is what every scanner of viruses takes for one. It is put together here,
// so that none finds this file.
var eicar = `X5O!P%@AP[4\PZX54(P^)7CC)7}$` + "EICAR-STANDARD-ANTIVIRUS-TEST-" + "FILE!$H+H*"

// idsAlone is what a key in the bucket looks like.
var idsAlone = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

var (
	docx = archive("[Content_Types].xml", "_rels/.rels", "word/document.xml")
	xlsx = archive("[Content_Types].xml", "_rels/.rels", "xl/workbook.xml")
)

func TestTypes(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	maker := s.as(auth.User, "")
	for name, c := range map[string]struct {
		name, declared, content string
		fileType                string // empty: refused
		stored                  string
	}{
		"PDF":                         {"a.pdf", "application/pdf", pdf, "application/pdf", "a.pdf"},
		"PDF, undeclared":             {"a.pdf", "", pdf, "application/pdf", "a.pdf"},
		"PDF, client does not know":   {"a.PDF", "application/octet-stream", pdf, "application/pdf", "a.PDF"},
		"JPEG":                        {"a.jpeg", "image/jpeg", jpeg, "image/jpeg", "a.jpeg"},
		"PNG":                         {"a.png", "image/png", png, "image/png", "a.png"},
		"GIF":                         {"a.gif", "image/gif", gif, "image/gif", "a.gif"},
		"text":                        {"a.txt", "text/plain; charset=utf-8", "Grüße", "text/plain", "a.txt"},
		"text with commas":            {"a.csv", "text/plain", "a,b\n1,2\n3,4\n", "text/plain", "a.csv"},
		"Word":                        {"a.docx", docxType, docx, docxType, "a.docx"},
		"Excel":                       {"a.xlsx", xlsxType, xlsx, xlsxType, "a.xlsx"},
		"old Word":                    {"a.doc", "application/msword", ole, "application/msword", "a.doc"},
		"old Excel":                   {"a.xls", "application/vnd.ms-excel", ole, "application/vnd.ms-excel", "a.xls"},
		"old something":               {"a.doc", "", ole, "", ""},
		"exe called PDF":              {"a.pdf", "application/pdf", exe, "", ""},
		"exe":                         {"a.exe", "", exe, "", ""},
		"exe that nobody knows":       {"a.bin", "application/octet-stream", exe, "", ""},
		"PNG declared as PDF":         {"a.pdf", "application/pdf", png, "", ""},
		"Word declared as Excel":      {"a.xlsx", xlsxType, docx, "", ""},
		"zip bomb declared as Word":   {"a.docx", docxType, archive("bomb"), "", ""},
		"zip bomb":                    {"a.zip", "application/zip", archive("bomb"), "", ""},
		"zip bomb with a Word's face": {"a.docx", docxType, docx, docxType, "a.docx"}, // stored, not opened
		"zip in a zip":                {"a.zip", "", archive("a.zip", "b.zip"), "", ""},
		"pixels beyond any memory":    {"a.png", "image/png", flood, "image/png", "a.png"}, // stored, not drawn
		"web page":                    {"a.txt", "text/plain", "<!DOCTYPE html><script>alert(1)</script>", "", ""},
		"web page that is a PDF too":  {"a.pdf", "application/pdf", "<html>" + pdf, "", ""},
		"SVG":                         {"a.svg", "image/svg+xml", `<svg xmlns="http://www.w3.org/2000/svg"/>`, "", ""},
		"script":                      {"a.txt", "text/plain", "#!/bin/sh\nrm -r /\n", "", ""},
		"PDF that is a zip too":       {"a.zip", "", pdf + archive("a"), "application/pdf", "a.zip.pdf"},
		"PDF called program":          {"a.pdf.hta", "application/pdf", pdf, "application/pdf", "a.pdf.hta.pdf"},
		"virus":                       {"a.txt", "text/plain", eicar, "text/plain", "a.txt"}, // stored as the text it is: nobody looks for one
		"virus called program":        {"a.com", "", eicar, "text/plain", "a.com.txt"},
		"bytes":                       {"a.txt", "text/plain", "\x00\x01\x02\x03", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := *s
			s.Client = s.On(t)
			a := s.post(maker, file(c.name, c.declared, c.content))
			if c.fileType == "" {
				a.WantProblem(415, "/file type")
				return
			}
			var d answer
			a.Want(201, &d)
			if d.FileType != c.fileType || d.FileName != c.stored {
				t.Errorf("stored as %s %s, want %s %s", d.FileType, d.FileName, c.fileType, c.stored)
			}
			if got := s.Call("GET /api/documents/"+d.DocID+"/content", maker, nil).Want(200, nil); got.Text != c.content || got.Header.Get("Content-Type") != c.fileType {
				t.Errorf("comes back as %v, %d bytes", got.Header, len(got.Text))
			}
		})
	}
}

// TestNames uploads files with the names that people, and others, give them.
func TestNames(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	maker := s.as(auth.User, "")
	long := strings.Repeat("ä", 300)
	for disposition, want := range map[string]string{
		`filename="Müll.pdf"`:                                   "Müll.pdf",
		`filename*=UTF-8''M%C3%BCll.pdf`:                        "Müll.pdf",
		`filename="M?ll.pdf"; filename*=UTF-8''M%C3%BCll.pdf`:   "Müll.pdf",
		`filename="電池.pdf"`:                                     "電池.pdf",
		`filename="README"`:                                     "README",
		`filename="../../etc/passwd"`:                           "passwd",
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
		`filename="` + strings.Repeat("b", 300) + `"`:           strings.Repeat("b", 255),
		`filename="` + strings.Repeat("c", 254) + `.x.pdf.exe"`: strings.Repeat("c", 251) + ".pdf",
	} {
		t.Run(disposition[:min(len(disposition), 40)], func(t *testing.T) {
			body := "--b\r\nContent-Disposition: form-data; name=file; " + disposition + "\r\n\r\n" + pdf + "\r\n--b--\r\n"
			var d answer
			s.On(t).Call(upload, maker, body, "Content-Type", "multipart/form-data; boundary=b").Want(201, &d)
			if d.FileName != want {
				t.Errorf("%s is stored as %q, want %q", disposition, d.FileName, want)
			}
			a := s.On(t).Call("GET /api/documents/"+d.DocID+"/content", maker, nil).Want(200, nil)
			if a.Header.Get("Set-Cookie") != "" || a.Header.Get("Content-Disposition") == "" {
				t.Errorf("headers %v", a.Header)
			}
		})
	}
	left, stored, keys := leftOver(t, s)
	if left != "" || stored == 0 || stored != len(keys) {
		t.Errorf("%d objects for %d documents:%s", stored, len(keys), left)
	}
	for _, key := range keys {
		if !idsAlone.MatchString(key) {
			t.Errorf("a key is made of more than ids: %q", key)
		}
	}
	// NUL as it is makes a header that is none.
	body := "--b\r\nContent-Disposition: form-data; name=file; filename=\"a\x00.pdf\"\r\n\r\n" + pdf + "\r\n--b--\r\n"
	s.Call(upload, maker, body, "Content-Type", "multipart/form-data; boundary=b").WantProblem(400)
}

func TestBadUploads(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()}, func(cfg *documentd.Config) { cfg.MaxBytes = 6 << 20 })
	maker := s.as(auth.User, "")
	good, contentType := form(file("a.pdf", "", pdf))
	of := func(fields ...field) string { body, _ := form(fields...); return body }
	full := of(file("a.pdf", "", pdf+strings.Repeat("x", 100<<10)))
	typeOf := func(body string) string { return "multipart/form-data; boundary=" + body[2:strings.Index(body, "\r")] }
	large := pdf + strings.Repeat("x", 6<<20-len(pdf))
	for name, c := range map[string]struct {
		body, contentType string // of the body where it is empty
		status            int
		errors            []string
	}{
		"empty file":                {of(file("a.pdf", "", "")), "", 422, []string{"/file required"}},
		"no body":                   {"", contentType, 400, nil},
		"no file":                   {of(field{name: "kind", value: "other"}), "", 422, []string{"/file required"}},
		"wrong field":               {of(field{"document", pdf, "a.pdf", ""}), "", 422, []string{"/document unknownField", "/file required"}},
		"file without a name":       {of(field{name: "file", value: pdf}), "", 422, []string{"/file type", "/file required"}},
		"two files":                 {of(file("a.pdf", "", pdf), file("b.pdf", "", pdf)), "", 422, []string{"/file duplicate"}},
		"two files above the limit": {of(file("a.pdf", "", large), file("b.pdf", "", large)), "", 413, nil},
		"fields before":             {of(field{name: "kind", value: "x"}, field{name: "kind", value: "y"}, field{name: "a/b", value: "x"}, file("a.pdf", "", pdf)), "", 422, []string{"/kind duplicate", "/a~1b unknownField"}},
		"fields after":              {of(file("a.pdf", "", pdf), field{name: "kind", value: "x"}, field{name: "accessClass", value: "public"}, field{name: "passportId", value: "7"}, field{name: "description", value: strings.Repeat("x", 2001)}), "", 422, []string{"/kind enum", "/accessClass enum", "/passportId format", "/description range"}},
		"isPublic of words":         {of(file("a.pdf", "", pdf), field{name: "isPublic", value: "yes"}), "", 422, []string{"/isPublic type"}},
		"description of bytes":      {of(file("a.pdf", "", pdf), field{name: "description", value: "a\xff"}), "", 422, []string{"/description format"}},
		"field too long":            {of(field{name: "description", value: strings.Repeat("x", 20<<10)}, file("a.pdf", "", pdf)), "", 422, []string{"/description range"}},
		"no boundary":               {good, "multipart/form-data", 400, []string{"header:Content-Type required"}},
		"another boundary":          {good, "multipart/form-data; boundary=x", 400, nil},
		"JSON":                      {`{}`, "application/json", 415, []string{"header:Content-Type enum"}},
		"no type":                   {good, "", 415, nil},
		"cut at the front":          {good[:len(good)/4], contentType, 400, nil},
		"cut in a small file":       {good[:len(good)-90], contentType, 400, nil},
		"cut in a large file":       {full[:len(full)/2], typeOf(full), 400, nil},
		"cut after the file":        {strings.TrimSuffix(full, "--\r\n"), typeOf(full), 400, nil},
		"too large":                 {of(file("a.pdf", "", large+"x")), "", 413, []string{"/file range"}},
		"far too large":             {of(file("a.pdf", "", large+large)), "", 413, nil},
	} {
		t.Run(name, func(t *testing.T) {
			given := c.contentType
			if given == "" && name != "no type" {
				given = typeOf(c.body)
			}
			a := s.On(t).Call(upload, maker, c.body, "Content-Type", given)
			if name == "no type" {
				a.Want(415, nil)
				return
			}
			a.WantProblem(c.status, c.errors...)
		})
	}
	t.Run("many fields", func(t *testing.T) {
		var fields []field
		for i := range 100 {
			fields = append(fields, field{name: fmt.Sprint("f", i), value: strings.Repeat("x", 10<<10)})
		}
		body := of(fields...)
		if a := s.On(t).Call(upload, maker, body, "Content-Type", typeOf(body)).Want(422, nil); strings.Count(a.Text, "unknownField") != 16 {
			t.Errorf("answer %s", a.Text)
		}
	})
	s.send(t, maker, newBody(12<<20, func(int64) {})).Want(413, nil) // which does not tell its length
	s.upload(maker, file("a.pdf", "", large))                        // as large as may be
	wantOnly(t, s, 1)
}

// wantOnly looks whether there are so many documents, each with its object, and
// nothing else.
func wantOnly(t *testing.T, s *service, n int) {
	t.Helper()
	left, total, ids := leftOver(t, s)
	if total != n || left != "" {
		t.Errorf("%d documents, want %d; left over:%s (%v)", total, n, left, ids)
	}
}

func TestBadChanges(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	maker := s.as(auth.User, "")
	d := s.upload(maker, file("a.pdf", "", pdf))
	route := "PUT /api/documents/" + d.DocID
	for body, want := range map[string][]string{
		`{"isPublic":"yes"}`: {"/isPublic type"},
		`{"isPublic":1}`:     {"/isPublic type"},
		`{"fileName":"../"}`: {"/fileName format"},
		`{"docId":"x"}`:      {"/docId unknownField"},
		`{"fileName":7}`:     {"/fileName type"},
		`{"kind":"x","accessClass":"public","passportId":"x","description":"\u0000"}`: {"/kind enum", "/accessClass enum", "/passportId format", "/description format"},
	} {
		s.Call(route, maker, body).WantProblem(http.StatusUnprocessableEntity, want...)
	}
	var got answer
	s.Call(strings.Replace(route, "PUT", "GET", 1), maker, nil).Want(200, &got)
	if got.UpdatedAt != d.UpdatedAt {
		t.Errorf("after refusals %+v", got)
	}
}

// TestEnvironment names everything that is wrong with it at once.
func TestEnvironment(t *testing.T) {
	for variable, value := range map[string]string{
		"PORT": "80a", "MAX_UPLOAD_BYTES": "0", "SWEEP_AFTER": "-1h", "S3_ENDPOINT": "minio:9000", "S3_PUBLIC_ENDPOINT": "/s3",
		"S3_FORCE_PATH_STYLE": "perhaps", "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "", "JWT_SECRET": "short",
	} {
		t.Setenv(variable, value)
	}
	var cfg documentd.Config
	err := boot.Load(&cfg)
	for _, variable := range []string{"PORT", "MAX_UPLOAD_BYTES", "SWEEP_AFTER", "S3_ENDPOINT", "S3_PUBLIC_ENDPOINT", "S3_FORCE_PATH_STYLE", "AWS_SECRET_ACCESS_KEY", "JWT_SECRET"} {
		if err == nil || !strings.Contains(err.Error(), "  "+variable+": ") && !strings.Contains(err.Error(), ", "+variable+": ") {
			t.Errorf("Load = %v, without %s", err, variable)
		}
	}
}
