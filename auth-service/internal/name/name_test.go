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
