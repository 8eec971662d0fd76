package passportd_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// TestUnusableTextsAreReported publishes complete passports with texts and identifiers
// that are stored as a draft and reported before they can be published.
func TestUnusableTextsAreReported(t *testing.T) {
	s := startAt(t, connect.Config{Dir: t.TempDir()}, sampleClock)
	operator := s.as(auth.Operator, "A")
	for _, c := range []struct {
		path, value, severity string // severity of the finding; empty: none
	}{
		{"batteryIdentifier", "https://nlb.example/01/09521100000116/21/", "error"},
		{"batteryIdentifier", "https://nlb.example/01/09521100000116/21", "error"},
		{"batteryIdentifier", "https://nlb.example/01/09521100000116/21//10/L", "error"},
		{"batteryIdentifier", "https://nlb.example/01/09521100000116/10//21/NB7K2Q9X", "error"},
		{"batteryIdentifier", "https://nlb.example/gtin/09521100000116/ser/NB7K2Q9X/lot/", "error"},
		{"batteryIdentifier", "https://nlb.example/01/09521100000116/21/A/21/NB7K2Q9X", "error"},
		{"batteryIdentifier", "https://nlb.example/b/[1]", "error"},
		{"batteryIdentifier", "https://nlb.example/b/%5B1%5D", ""},
		{"batteryIdentifier", "https://nlb.example/" + strings.Repeat("a", 2_934), "error"}, // 2,954 bytes
		{"batteryPassportIdentifier", "https://nlb.example/p/[1]", "error"},
		{"batteryPassportIdentifier", "https://nlb.example/p/{1}", "error"},
		{"batteryPassportIdentifier", "https://nlb.example/p/%zz", "error"},
		{"batteryPassportIdentifier", "https://nlb.example/p?id=1", ""},
		{"manufacturerInformation/emailAddress", "info@संपर्क.example", ""},
		{"manufacturerInformation/emailAddress", "info @nlb.example", "error"},
		{"manufacturerInformation/manufacturerName", "Nordlicht\x00 GmbH", "error"},
		{"manufacturerInformation/manufacturerName", "\x1b[31mNordlicht", "error"},
		{"manufacturerInformation/manufacturerName", "Nordlicht\u0085", "error"},
		{"manufacturerInformation/manufacturerName", "Nordlicht\nBatterie", ""},
		{"manufacturerInformation/manufacturerName", "n/a", "warning"},
		{"manufacturerInformation/manufacturerName", "-", "warning"},
		{"manufacturerInformation/manufacturerName", "T.B.D.", "warning"},
		{"manufacturerInformation/manufacturerName", "Unknown", "warning"},
	} {
		var r report
		s.Call("POST /api/passports/validate", operator, withText(t, c.path, c.value)).Want(200, &r)
		at := "/data/generalInformation/" + c.path
		for _, severity := range []string{"error", "warning"} {
			found := slices.ContainsFunc(r.findings(severity), func(f string) bool {
				return strings.HasPrefix(f, at+" ") && (severity == "error" || c.path != "batteryIdentifier") // which has warnings for its length
			})
			if found != (severity == c.severity) {
				t.Errorf("%s = %.80q: a finding of severity %s: %v, want severity %q", c.path, c.value, severity, found, c.severity)
			}
		}
		if c.severity == "error" {
			p := s.create(operator, withText(t, c.path, c.value))
			s.Call("POST /api/passports/"+p.ID+"/publish", operator, nil).Want(422, nil)
			s.Call("DELETE /api/passports/"+p.ID, operator, nil).Want(204, nil)
		}
	}
	p := s.publish(operator, sample(t, "lmt-ebike.json"))
	s.Call("POST /api/passports/"+p.ID+"/archive", operator, `{"reason":"with\u0007drawn"}`).WantProblem(422, "/reason format")
}

// withText returns the complete sample with a text of generalInformation replaced.
func withText(t *testing.T, path, value string) string {
	t.Helper()
	var body struct {
		Data map[string]map[string]any `json:"data"`
	}
	if err := json.Unmarshal([]byte(sample(t, "ev-nmc-complete.json")), &body); err != nil {
		t.Fatal(err)
	}
	object := body.Data["generalInformation"]
	if container, name, nested := strings.Cut(path, "/"); nested {
		object, path = object[container].(map[string]any), name
	}
	object[path] = value
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
