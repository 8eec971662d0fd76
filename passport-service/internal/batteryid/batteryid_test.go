package batteryid

import (
	"strings"
	"testing"
)

func TestSpellingsOfOneIdentifierHaveOneKey(t *testing.T) {
	const link, own = "https://id.gs1.org/01/09521100002073/21/F1%2F2", "https://nlb.example/b/A1"
	for key, spellings := range map[string][]string{
		link: {
			"https://vlf.example/01/09521100002073/21/F1%2F2", "https://vlf.example:443/01/09521100002073/21/F1%2F2", "https://vlf.example/01/09521100002073/21/%46%31%2f2/",
			"HTTPS://VLF.EXAMPLE/01/09521100002073/21/F1%2F2", "https://other.example/a/b/01/09521100002073/22/V1/10/LOT7/21/F1%2F2", "https://vlf.example/x/../01/./09521100002073/21/F1%2F2",
			"https://vlf.example/gtin/09521100002073/lot/L/ser/F1%2F2", "https://vlf.example//01//09521100002073/21//F1%2F2", " " + link + "\n",
		},
		own: {"https://nlb.example:443/b/A1", "https://NLB.example/b/A1/", "https://nlb.example:/b/%41%31", "https://nlb.example/b/c/../A1", "https://nlb.example/./b/A1",
			"https://nlb.example./b/A1", "https://nlb.example.:443/b/A1", "https://nlb.example:0443/b/A1", "https://nlb.example/b//A1", "https://nlb.example//b/A1//"},
		"https://nlb.example/b/A%211":            {"https://nlb.example/b/A!1", "https://nlb.example/b/A%211"},
		"https://[::1]/b":                        {"https://[::1]/b", "https://[0:0::0:1]:443/b"},
		"http://nlb.example/b":                   {"HTTP://nlb.example/b"},
		"urn:epc:id:sgtin:1":                     {"URN:epc:id:sgtin:1"},
		"https://nlb.example:8443/b/A1":          {"https://nlb.example:8443/b/A1/"},
		"https://nlb.example/b/s%C3%BCd":         {"https://nlb.example/b/s%c3%bcd"},
		"https://nlb.example/01/123/21/a":        {"https://nlb.example/01/123/21/a"},
		"https://vlf.example/01/09521100002073":  {"https://vlf.example/01/09521100002073/"},
		"https://nlb.example/b?serial=A1":        {"https://nlb.example/b?serial=A1", "HTTPS://NLB.example:443/b?serial=A1"},
		"https://U@nlb.example/b?serial=A1":      {"https://U@nlb.example/b?serial=A1", "https://U@NLB.example:443/b?serial=A1"},
		"https://b%C3%BCcher.example/b?a=1":      {"https://b%C3%BCcher.example/b?a=1"},
		"urn:uuid:0b0f3f8a-6a41-4c0e-8d6f-2a1c9": {"URN:UUID:0B0F3F8A-6A41-4C0E-8D6F-2A1C9"},
		"batterie-süd":                           {"batterie-süd"},
		"":                                       {"", " "},
	} {
		for _, spelling := range spellings {
			if got := Key(spelling); got != key {
				t.Errorf("Key(%q) = %q, want %q", spelling, got, key)
			}
		}
	}
	for _, incomplete := range []string{"https://vlf.example/01/09521100002073/21/", "https://vlf.example/01/09521100002073/21//10/L", "https://vlf.example/01/09521100002073/21/A/21/B"} {
		if got := Key(incomplete); strings.Contains(got, "gs1") {
			t.Errorf("Key(%q) = %q, want the key of a plain URI", incomplete, got)
		}
	}
	for _, other := range []string{"https://nlb.example/b/a1", "https://nlb.example/b/A1/x", "https://nlb2.example/b/A1", "https://nlb.example/b%2FA1", "https://nlb.example:8443/b/A1", "http://nlb.example/b/A1"} {
		if got := Key(other); got == own {
			t.Errorf("Key(%q) = %q, want another key", other, got)
		}
	}
	for _, scanned := range []string{"https://nlb.example/b/A1?linkType=gs1:sustainabilityInfo", "HTTPS://NLB.EXAMPLE/b/A1#top", own} {
		if got := ScannedKey(scanned); got != own {
			t.Errorf("ScannedKey(%q) = %q, want %q", scanned, got, own)
		}
	}
}

func TestPathsAreNotMistakenForLinks(t *testing.T) {
	for identifier, want := range map[string]bool{
		"https://oem.example/2026/01/15/10/4711":              false,
		"https://oem.example/01/15/21/4711":                   true,
		"https://oem.example/01/9521100000116/10/4711":        true,
		"https://oem.example/gtin/09521100000116/ser/A1":      true,
		"https://oem.example/shop/01/09521100000116":          true,
		"https://oem.example/2026/01/15":                      false,
		"https://oem.example/01/09521100000116/21/A1/99/4711": true,
		"https://oem.example/01/09521100000116/8003/1/21/A1":  true,
		"https://oem.example/01/9521100000116/a/b":            true,
		"https://oem.example/2026/01/20260115/a/b":            false,
		"https://oem.example/8006/095211000001160101/21/A1":   false,
		"https://oem.example/01/09521100000116/21/":           true,
		"https://oem.example/01/09521100000116/21":            true,
		"https://oem.example/01/09521100000116/21//10/L":      true,
		"https://oem.example/gtin/09521100000116/ser/A1/lot/": true,
		"https://oem.example/2026/01/15/21/":                  false,
		"https://oem.example/2026/01/15/21":                   false,
	} {
		if _, ok := ParseLink(identifier); ok != want {
			t.Errorf("ParseLink(%q) = %v, want %v", identifier, ok, want)
		}
	}
}

func TestIdentifierMustBeAURI(t *testing.T) {
	for identifier, want := range map[string]string{
		"https://nlb.example/b/A1":                          "",
		"HTTPS://NLB.EXAMPLE/b/A1":                          "",
		"https://nlb.example/s%C3%BCd/1":                    "",
		"https://nlb.example/süd/1":                         "ASCII",
		"https://bücher.example/1":                          "ASCII",
		"https://nlb.example/a b":                           "white space",
		"https://nlb.example/{serial}":                      "RFC 3986",
		"https://nlb.example/%zz":                           "RFC 3986",
		"https://nlb.example/a[1]":                          "RFC 3986",
		"https://nlb.example/]":                             "RFC 3986",
		"https://nlb.example/a\x01b":                        "RFC 3986",
		"https://[::1]/a%5B1%5D":                            "",
		"https://user:secret@nlb.example/b/":                "user name",
		"https://nlb.example":                               "path",
		"https://nlb.example/":                              "path",
		"https://nlb.example/a/%2E%2E/":                     "path",
		"https:///b":                                        "absolute https",
		"https://./b":                                       "empty label",
		"https://nlb.example../b":                           "empty label",
		"https://[fe80::1%25en0]/b":                         "percent-encoded",
		"http://nlb.example/b":                              "absolute https",
		"nlb.example/b":                                     "absolute https",
		"https://nlb.example/b?a=1":                         "query",
		"https://nlb.example/b#a":                           "query",
		"https://nlb.example:99999/b":                       "port",
		"https://nlb.example:0/b":                           "port",
		"https://nlb.example:65535/b":                       "",
		"https://-nlb.example/b":                            "hyphen",
		"https://nlb-.example/b":                            "hyphen",
		"https://n!b.example/b":                             "hyphens",
		"https://" + strings.Repeat("a", 64) + ".example/b": "labels of 1 to 63 letters",
		"https://192.0.2.7/b":                               "",
		"https://999.0.2.7/b":                               "IP address",
		"https://nlb.example/a\u2003b":                      "white space",
		"https://nlb.example/b/A1 ":                         "white space",
	} {
		err := Check(identifier)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("Check(%q) = %v, want %q", identifier, err, want)
		}
	}
}

// TestPassportIdentifiersMayHaveQueries and user names, other than those of batteries.
func TestPassportIdentifiersMayHaveQueries(t *testing.T) {
	for identifier, want := range map[string]string{
		"https://nlb.example/p?id=1#a": "", "https://nlb.example?id=1": "", "https://u@nlb.example/p": "", "urn:uuid:1": "", "did:web:nlb.example": "",
		"https://nlb.example": "path", "https://b%C3%BCcher.example/p": "Punycode", "https://x..y/p": "empty label", "https:///p": "absolute https", "https://nlb.example/a b": "white space",
	} {
		err := CheckPassport(identifier)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("CheckPassport(%q) = %v, want %q", identifier, err, want)
		}
	}
}

func TestHostIsPublic(t *testing.T) {
	for identifier, want := range map[string]bool{
		"https://nlb.example/b": true, "https://NLB.example.:8443/b": true, "https://localhost/b": false, "https://a.LOCALHOST/b": false, "https://intranet/b": false,
		"https://printer.local/b": false, "https://192.0.2.7/b": false, "https://[2001:db8::1]/b": false,
	} {
		if got := HasPublicHost(identifier); got != want {
			t.Errorf("HasPublicHost(%q) = %v, want %v", identifier, got, want)
		}
	}
}

func FuzzKey(f *testing.F) {
	f.Add("https://nlb.example/01/09521100002073/21/%46")
	f.Fuzz(func(t *testing.T, text string) {
		if key := Key(text); Key(key) != key {
			t.Errorf("Key(%q) = %q, whose key is %q", text, key, Key(key))
		}
	})
}
