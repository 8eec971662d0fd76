package weburl_test

import (
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/weburl"
)

// TestCheck expects words of the error, or none.
func TestCheck(t *testing.T) {
	for text, want := range map[string]string{
		"https://nordlicht.example":                        "",
		"HTTPS://Nordlicht.example.:8443/a?b=c%20d#e":      "",
		"https://bücher.example/größe":                     "",
		"https://my_shop.nordlicht.example":                "",
		"https://192.0.2.7/":                               "",
		"https://[2001:db8::1]:443/":                       "",
		"":                                                 "https URL",
		"nordlicht.example":                                "https URL",
		"http://nordlicht.example":                         "https URL",
		"https://nordlicht.example/a b":                    "white space",
		" https://nordlicht.example":                       "white space",
		"https://nordlicht.example/100%":                   "hexadecimal",
		"https://nordlicht.example/%g0":                    "hexadecimal",
		"https://nordlicht.example/\x01":                   "control characters",
		"https://nord\u200blicht.example":                  "invisible characters",
		"https://\u202enordlicht.example":                  "invisible characters",
		"https:///a":                                       "must have a host",
		"https://ann@nordlicht.example":                    "user name",
		"https://nordlicht.example:0":                      "port from 1",
		"https://nordlicht.example:65536":                  "port from 1",
		"https://nordlicht.example:http":                   "port from 1",
		"https://nordlicht..example":                       "empty label",
		"https://999.0.2.7":                                "IP address",
		"https://[fe80::1%25en0]":                          "IP address",
		"https://-nordlicht.example":                       "hyphen",
		"https://nord!licht.example":                       "hyphen",
		"https://" + strings.Repeat("a", 64) + ".example":  "labels of 1 to 63",
		"https://" + strings.Repeat("a.", 125) + "example": "valid host name",
	} {
		err := weburl.Check(text)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("Check(%q) = %v, want %q", text, err, want)
		}
	}
}
