package name_test

import (
	"testing"

	"github.com/battery-passport/suite/auth-service/internal/name"
)

func TestNormalize(t *testing.T) {
	for in, want := range map[string]string{
		"Müller":                     "Müller",
		"Mu\u0308ller":               "Müller",
		"\u212bngstro\u0308m":        "Ångström", // Angstrom sign
		"a\u00a0b\u2003\u2003c  d":   "a b c d",
		"\u30b9\u3099\u3000\u30ab":   "ズ カ",
		" a ":                        " a ", // left to the caller
		"a\u200b\u00a0\ufeffb\xff":   "a\u200b \ufeffb\ufffd",
		"\u1100\u1161":               "\uac00",
		"Nordlicht Batterie GmbH 北光": "Nordlicht Batterie GmbH 北光",
	} {
		if got := name.Normalize(in); got != want {
			t.Errorf("Normalize(%+q) = %+q, want %+q", in, got, want)
		}
	}
}

// TestInvisibleCharacters has one character of each range of Default_Ignorable_Code_Point
// and of each category without a visible form.
func TestInvisibleCharacters(t *testing.T) {
	for _, r := range "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b\u180e\u180f\u200b\u200d\u200e\u202a\u202e\u2060\u2065\u2066\u206f\u2800\u3164" +
		"\ufe00\ufe0f\ufeff\uffa0\ufff0\ufff8\U0001bca0\U0001d173\U000e0000\U000e0041\U000e0100\U000e01f0\U000e0fff" +
		"\x00\t\n\r\x1b\x7f\u0085\u009f\u2028\u2029\ue000\U000f0000\uffff\ufdd0" {
		if name.IsVisible("a" + string(r) + "b") {
			t.Errorf("%+q is visible", r)
		}
	}
	for _, s := range []string{"", "Nordlicht Batterie GmbH", "Müller & Söhne – O’Neill", "北光電池", "ズ カ", "Ελλάδα", "שלום", "नमस्ते", "ไทย", "e\u0301", "½ №1 €"} {
		if !name.IsVisible(s) {
			t.Errorf("%q is not visible", s)
		}
	}
}
