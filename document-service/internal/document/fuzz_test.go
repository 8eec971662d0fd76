package document

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzName gives files any name: what is made of it is text on one line, names
// no other folder, is no longer than file systems take, and stays what it is.
func FuzzName(f *testing.F) {
	for _, name := range []string{
		"Müll.pdf", "../../etc/passwd", `C:\Users\me\a.pdf`, "..", "a\x00b.pdf", "a\r\nSet-Cookie: x.pdf", "harmless\u202efdp.exe", "a\xff.pdf", " a.pdf. ",
		"a.exe", "README", strings.Repeat("ä", 200) + ".pdf", strings.Repeat("c", 251) + ".x.pdf.exe", "%2e%2e", ".pdf", "a .", strings.Repeat("a", 254) + "äb", "\u2028",
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, given string) {
		name := cleanName(given)
		checkName(t, name)
		if again := cleanName(name); again != name {
			t.Errorf("%q is %q, and that is %q", given, name, again)
		}
		if name == "" {
			return
		}
		for mediaType, kind := range types {
			fitted := kind.fit(name)
			checkName(t, fitted)
			if e := extension(fitted); e != "" && !slices.Contains(kind.extensions, strings.ToLower(e)) {
				t.Errorf("%q is %q as %s", given, fitted, mediaType)
			}
			if again := kind.fit(cleanName(fitted)); again != fitted {
				t.Errorf("%q is %q as %s, and that is %q", given, fitted, mediaType, again)
			}
		}
	})
}

func checkName(t *testing.T, name string) {
	t.Helper()
	bad := func(r rune) bool {
		return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) || strings.ContainsRune(`/\<>:"|?*`, r)
	}
	if len(name) > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, bad) || strings.Trim(name, " .") != name {
		t.Errorf("the name %q", name)
	}
}
