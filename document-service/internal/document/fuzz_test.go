package document

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzName checks that cleanName and addExtension return valid names for arbitrary
// input: one line, without folders, not too long, and unchanged when cleaned again.
func FuzzName(f *testing.F) {
	for _, name := range []string{
		"Müll.pdf", "../../etc/passwd", `C:\Users\me\a.pdf`, "..", "a\x00b.pdf", "a\r\nSet-Cookie: x.pdf", "harmless\u202efdp.exe", "a\xff.pdf", " a.pdf. ",
		"a.exe", "README", strings.Repeat("ä", 200) + ".pdf", strings.Repeat("c", 251) + ".x.pdf.exe", "%2e%2e", ".pdf", "a .", strings.Repeat("a", 254) + "äb", "\u2028", "می\u200cخواهم.pdf", "a\u200d\u200c.pdf",
		"con\u200c.pdf", strings.Repeat("a", 250) + "\u200db.pdf",
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, given string) {
		name := cleanName(given)
		checkName(t, name)
		if twice := cleanName(name); twice != name {
			t.Errorf("cleanName(%q) = %q, but cleaned twice it is %q", given, name, twice)
		}
		if name == "" {
			return
		}
		for mediaType, kind := range fileTypes {
			fitted := kind.addExtension(name)
			checkName(t, fitted)
			if e := extension(fitted); e != "" && !slices.Contains(kind.extensions, strings.ToLower(e)) {
				t.Errorf("%q has the name %q as %s", given, fitted, mediaType)
			}
			if twice := kind.addExtension(cleanName(fitted)); twice != fitted {
				t.Errorf("%q has the name %q as %s, but processed twice it is %q", given, fitted, mediaType, twice)
			}
		}
	})
}

func checkName(t *testing.T, name string) {
	t.Helper()
	bad := func(r rune) bool {
		return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) && !strings.ContainsRune(joiners, r) || strings.ContainsRune(`/\<>:"|?*`, r)
	}
	if len(name) > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, bad) || strings.Trim(name, " ."+joiners) != name {
		t.Errorf("%q is not a valid file name", name)
	}
}
