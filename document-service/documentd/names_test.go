package documentd_test

import (
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// TestDangerousNames uploads files whose names other systems would run, and renames one.
func TestDangerousNames(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	user := s.as(auth.User, "A")
	d := s.upload(user, file("a.pdf", "", pdf))
	for name, want := range map[string]string{
		"a.searchConnector-ms": "a.searchConnector-ms.pdf", "a.SettingContent-ms": "a.SettingContent-ms.pdf", "a.library-ms": "a.library-ms.pdf",
		"a.lnk": "a.lnk.pdf", "a.url": "a.url.pdf", "a.scf": "a.scf.pdf", "a.hta": "a.hta.pdf", "a.js": "a.js.pdf", "a.pdf.exe": "a.pdf.exe.pdf",
		"a.exe. . .": "a.exe.pdf", "a.exe\u00a0": "a.exe.pdf", "a.pdf:evil.exe": "a.pdf_evil.exe.pdf", "a.pdf::$DATA": "a.pdf__$DATA.pdf",
		"a\u202efdp.exe": "afdp.exe.pdf", "a.ex\u200be": "a.exe.pdf", "con.pdf": "_con.pdf", "NUL": "_NUL.pdf", "com1 .pdf": "_com1 .pdf", "LPT¹.pdf": "_LPT¹.pdf",
		"console.pdf": "console.pdf", "README": "README.pdf", "a.PDF": "a.PDF", "a.p\u0434f": "a.p\u0434f.pdf", "desktop.ini": "desktop.ini.pdf",
		"a." + strings.Repeat("x", 300): "a." + strings.Repeat("x", 249) + ".pdf",
	} {
		if got := s.upload(user, file(name, "application/pdf", pdf)).FileName; got != want {
			t.Errorf("upload of %q has the name %q, want %q", name, got, want)
		}
		var put documentResponse
		if s.Call("PUT /api/documents/"+d.DocID, user, map[string]string{"fileName": name}).Want(200, &put); put.FileName != want {
			t.Errorf("rename to %q gives %q, want %q", name, put.FileName, want)
		}
	}
	// The joiners of words stay, and the name as it was sent is stored too.
	for sent, want := range map[string][2]string{
		"می\u200cخواهم.pdf":        {"می\u200cخواهم.pdf", "می\u200cخواهم.pdf"},
		"क्\u200dष.pdf":            {"क्\u200dष.pdf", "क्\u200dष.pdf"},
		"👩\u200d🔧.pdf":             {"👩\u200d🔧.pdf", "👩\u200d🔧.pdf"},
		"\u200da\u200c.pdf":        {"a.pdf", "\u200da\u200c.pdf"},
		"a\u200d\u200cb\u200e.pdf": {"a\u200cb.pdf", "a\u200d\u200cb.pdf"},
		"a<b>: \"c\"?*.pdf":        {"a_b__ _c___.pdf", "a<b>: \"c\"?*.pdf"},
		" a.pdf. ":                 {"a.pdf", " a.pdf. "},
		"CON":                      {"_CON.pdf", "CON"},
		"README":                   {"README.pdf", "README"},
		"../b\u202efdp.exe":        {"bfdp.exe.pdf", "bfdp.exe"},
	} {
		if got := s.upload(user, file(sent, "", pdf)); got.FileName != want[0] || got.OriginalName != want[1] {
			t.Errorf("upload of %q has the names %q and %q, want %q", sent, got.FileName, got.OriginalName, want)
		}
	}
	for _, c := range []struct{ name, declared, content, stored string }{
		{"a.json", "application/json", `{"a": 1}`, "application/json"}, {"a.txt", "text/plain; charset=utf-8", "Müll", "text/plain"},
		{"a.txt", "text/plain; charset=iso-8859-1", "M\xfcll", "text/plain"}, {"a.step", "", "ISO-10303-21;\nHEADER;\n", "model/step"},
		{"a.stp", "model/step", "ISO-10303-21;\nHEADER;\n", "model/step"}, {"a.webp", "image/webp", "RIFF\x24\x00\x00\x00WEBPVP8 \x18\x00\x00\x00", "image/webp"},
		{"a.zip", "application/zip", "PK\x05\x06" + strings.Repeat("\x00", 18), "application/zip"},
		{"a.zip", "application/x-zip-compressed", "PK\x03\x04\x14\x00\x00\x00\x00\x00", "application/zip"},
	} {
		a := s.post(user, file(c.name, c.declared, c.content))
		var got documentResponse
		if a.Want(201, &got); got.FileType != c.stored || got.FileName != c.name {
			t.Errorf("%s declared as %q is stored as %s %s", c.name, c.declared, got.FileType, got.FileName)
		}
	}
}
