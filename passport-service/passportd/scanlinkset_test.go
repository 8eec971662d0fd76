package passportd_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestLinksetIsThatOfRFC9264 reads the linkset of a battery: one default link, each link
// with address and title, and the links of its model.
func TestLinksetIsThatOfRFC9264(t *testing.T) {
	s, _, _ := startScan(t, true)
	res, body := s.get("GET", nlbPath+"?linkType=linkset")
	var set struct{ Linkset []map[string]json.RawMessage }
	if err := json.Unmarshal([]byte(body), &set); err != nil || len(set.Linkset) != 2 {
		t.Fatalf("%v: %s", err, body)
	}
	if !strings.Contains(strings.Join(res.Header.Values("Link"), ","), "linkset-context") {
		t.Errorf("no JSON-LD context: %q", res.Header.Values("Link"))
	}
	defaults, types := 0, map[string]bool{}
	for i, entry := range set.Linkset {
		var anchor string
		if json.Unmarshal(entry["anchor"], &anchor); anchor != scanBase+[]string{nlbPath, nlbModel}[i] {
			t.Errorf("anchor: got %q", anchor)
		}
		for name, value := range entry {
			if name == "anchor" || name == "itemDescription" {
				continue
			}
			var links []struct{ Href, Title string }
			if err := json.Unmarshal(value, &links); err != nil || len(links) == 0 {
				t.Errorf("%s: %v: %s", name, err, value)
			}
			for _, l := range links {
				if !strings.HasPrefix(l.Href, "https://") || l.Title == "" {
					t.Errorf("%s: %+v", name, l)
				}
			}
			types[name] = true
			if name == "https://ref.gs1.org/voc/defaultLink" {
				defaults += len(links)
			}
		}
	}
	if defaults != 1 {
		t.Errorf("got %d default links, want 1", defaults)
	}
	for _, name := range []string{"dpp", "pip", "certificationInfo", "instructions", "recyclingInfo", "safetyInfo", "sustainabilityInfo"} {
		if !types["https://ref.gs1.org/voc/"+name] {
			t.Errorf("no link of type gs1:%s", name)
		}
	}
	if !types["dpp"] {
		t.Error("no link of the type dpp of IANA")
	}
}
