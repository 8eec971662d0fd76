package readable_test

import (
	"testing"

	"github.com/battery-passport/suite/pkg/readable"
)

// TestInvisibleCharacters has one character of each range of Default_Ignorable_Code_Point
// and of each category without a visible form.
func TestInvisibleCharacters(t *testing.T) {
	for _, r := range "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b\u180e\u180f\u200b\u200d\u200e\u202a\u202e\u2060\u2065\u2066\u206f\u2800\u3164" +
		"\ufe00\ufe0f\ufeff\uffa0\ufff0\ufff8\U0001bca0\U0001d173\U000e0000\U000e0041\U000e0100\U000e01f0\U000e0fff" +
		"\x00\t\n\r\x1b\x7f\u0085\u009f\u2028\u2029\ue000\U000f0000\uffff\ufdd0" {
		s := "a" + string(r) + "b"
		if readable.Invisible(s) != r || readable.Hidden(s) != r {
			t.Errorf("%+q is visible", r)
		}
		if s := string(r) + " "; !readable.IsBlank(s) {
			t.Errorf("%+q is not blank", s)
		}
	}
	for _, s := range []string{"Nordlicht Batterie GmbH", "Müller & Söhne – O’Neill", "北光電池", "ズ カ", "Ελλάδα", "שלום", "नमस्ते", "ไทย", "e\u0301", "½ №1 €", "\xff"} {
		if readable.Invisible(s) >= 0 || readable.Hidden(s) >= 0 || readable.IsBlank(s) {
			t.Errorf("%q has an invisible character or is blank", s)
		}
	}
}

// TestSpaces are visible, but those other than U+0020 are hidden on a label.
func TestSpaces(t *testing.T) {
	for _, c := range []struct {
		text   string
		hidden rune
	}{{"", -1}, {" ", -1}, {"\u00a0", '\u00a0'}, {" \u2003", '\u2003'}, {"\u3000", '\u3000'}} {
		if r := readable.Hidden(c.text); r != c.hidden || readable.Invisible(c.text) >= 0 || !readable.IsBlank(c.text) {
			t.Errorf("%+q: got hidden %+q, want %+q, no invisible character and a blank text", c.text, r, c.hidden)
		}
	}
}
