package notification

import (
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/event"
)

// TestTemplates renders each event type with a complete and an empty payload. The texts are
// those of the original service, except passport.published, the empty list of
// passport.updated and the time of a login.
func TestTemplates(t *testing.T) {
	const passport, document = `"batteryIdentifier":"N1","modelName":"NLB 82","manufacturerName":"Nordlicht","updatedFields":["a","b"],"deletedBy":"0193-u"`, `"fileName":"Müll.pdf","fileSize":1572864,"deletedBy":"0193-u"`
	welcome := "Thank you for registering with the Battery Passport System!\n\nYour account has been created successfully. You can now login and start using the system."
	login := "You have successfully logged into your account.\n\nLogin Time: 2026-11-22T10:30:00Z\nIf this wasn't you, please contact support immediately."
	for name, c := range map[string]struct{ payload, title, message, empty string }{
		"passport.created": {passport, "New Battery Passport Created",
			"A new battery passport has been created successfully.\n\nBattery Identifier: \"N1\"\nModel: \"NLB 82\"\nManufacturer: \"Nordlicht\"",
			"A new battery passport has been created successfully.\n\nBattery Identifier: N/A\nModel: N/A\nManufacturer: N/A"},
		"passport.updated": {passport, "Battery Passport Updated",
			"A battery passport has been updated.\n\nBattery Identifier: \"N1\"\nUpdated Fields: \"/a, /b\"",
			"A battery passport has been updated.\n\nBattery Identifier: N/A\nUpdated Fields: N/A"},
		"passport.published": {passport, "Battery Passport Published",
			"A battery passport has been published. Everyone who knows the battery identifier can now read its public data.\n\nBattery Identifier: \"N1\"\nModel: \"NLB 82\"\nManufacturer: \"Nordlicht\"",
			"A battery passport has been published. Everyone who knows the battery identifier can now read its public data.\n\nBattery Identifier: N/A\nModel: N/A\nManufacturer: N/A"},
		"passport.deleted": {passport, "Battery Passport Deleted",
			"A battery passport has been deleted.\n\nBattery Identifier: \"N1\"\nDeleted By: \"0193-u\"",
			"A battery passport has been deleted.\n\nBattery Identifier: N/A\nDeleted By: System"},
		"document.uploaded": {document, "Document Uploaded Successfully",
			"A new document has been uploaded to the system.\n\nFile Name: \"Müll.pdf\"\nSize: 1.50 MB",
			"A new document has been uploaded to the system.\n\nFile Name: N/A\nSize: N/A"},
		"document.updated": {document + `,"updatedFields":["isPublic"],"updatedBy":"0193-u"`, "Document Updated",
			"The metadata of a document has been changed.\n\nFile Name: \"Müll.pdf\"\nUpdated Fields: \"/isPublic\"\nUpdated By: \"0193-u\"",
			"The metadata of a document has been changed.\n\nFile Name: N/A\nUpdated Fields: N/A\nUpdated By: System"},
		"document.deleted": {document, "Document Deleted",
			"A document has been deleted from the system.\n\nFile Name: \"Müll.pdf\"\nDeleted By: \"0193-u\"",
			"A document has been deleted from the system.\n\nFile Name: N/A\nDeleted By: System"},
		"user.registered":  {"", "Welcome to Battery Passport System", welcome, welcome},
		"user.login":       {"", "Successful Login", login, login},
		"system.alert":     {`"message":"Too hot."`, "System Alert", "A system alert has been triggered.", "A system alert has been triggered."},
		"general.info":     {`"message":"New office."`, "Information", "This is a general information notification.", "This is a general information notification."},
		"passport.unknown": {passport, "Notification", "You have a new notification from the system.", "You have a new notification from the system."},
	} {
		for payload, want := range map[string]string{"{" + c.payload + "}": c.message, "{}": c.empty} {
			p, err := parsePayload(event.Envelope{Type: "other.x", Time: at, Data: []byte(payload)})
			if err != nil {
				t.Fatal(err)
			}
			title, message, err := render(name, p, at, ISO)
			if err != nil || title != c.title || message != want && payload != "{}" || payload == "{}" && message != c.empty {
				t.Errorf("%s %s: %q, %q, %v", name, payload, title, message, err)
			}
		}
	}
	for payload, want := range map[string]string{`{"updatedFields":[]}`: "no public fields", `{"updatedFields":["state"]}`: `"/state"`, `{"updatedFields":["state"],"state":"voided"}`: "\"/state\"\nNew State: \"voided\""} {
		p, err := parsePayload(event.Envelope{Type: "other.x", Time: at, Data: []byte(payload)})
		if err != nil {
			t.Fatal(err)
		}
		if _, message, err := render("passport.updated", p, at, ISO); !strings.HasSuffix(message, "Updated Fields: "+want) || err != nil {
			t.Errorf("%s: %q, %v", payload, message, err)
		}
	}
}

// TestDateStyles writes a time of another zone, in UTC, in each style.
func TestDateStyles(t *testing.T) {
	berlin := time.Date(2026, 7, 5, 0, 30, 9, 120e6, time.FixedZone("", 2*3600))
	for style, want := range map[DateStyle]string{ISO: "2026-07-04T22:30:09Z", "": "2026-07-04T22:30:09Z", US: "7/4/2026, 10:30:09 PM"} {
		if _, message, err := render("user.login", payload{}, berlin, style); !strings.Contains(message, "Login Time: "+want+"\n") || err != nil {
			t.Errorf("style %q: %q, %v, want %s", style, message, err, want)
		}
	}
}

var at = time.Date(2026, 11, 22, 10, 30, 0, 0, time.UTC)

func TestValuesStayOnOneLine(t *testing.T) {
	long := strings.Repeat("ü", 300)
	for payload, want := range map[string]string{
		`{"x":"a\r\nStatus: sent"}`:     `"a Status: sent"`,
		`{"x":"\u202egnp.exe\u0000\t"}`: `"gnp.exe"`,
		`{"x":"a\u2028b"}`:              `"a b"`,
		`{"x":"` + long + `"}`:          `"` + long[:2*119] + `…"`,
		`{"x":12345678901234567890}`:    `"12345678901234567890"`,
		`{"x":["a",1,null,["b"]]}`:      `"a, 1, , b"`,
		`{"x":""}`:                      "N/A",
		`{"x":null}`:                    "N/A",
		`{"x":{"a": 1}}`:                `"{'a': 1}"`,
		`{"x":true}`:                    `"true"`,
		`{"x":[]}`:                      "N/A",
	} {
		p, err := parsePayload(event.Envelope{Type: "other.x", Time: at, Data: []byte(payload)})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Text("x"); got != want {
			t.Errorf("%s is %q, want %q", payload, got, want)
		}
	}
}
