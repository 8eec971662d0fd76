package notificationd_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// linked finds what mail programs make a link of.
var linked = regexp.MustCompile(`(?i)://|www\.|[a-z0-9-]\.(example|com|zip)\b|@[a-z]`)

// TestUserTextIsQuotedAndCleaned puts hostile text into names. In titles, mails and text files
// it is short, in quotation marks, without links and without invisible characters, and cannot
// be taken for the text of the suite.
func TestUserTextIsQuotedAndCleaned(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	owner := s.person(auth.Operator)
	s.Call("PUT /api/notifications/settings", owner.token, `{"mail":{"passport":true,"document":true,"account":true}}`).Want(200, nil)
	long := strings.Repeat("Ihr Konto ist gesperrt. ", 40)
	for name, c := range map[string]struct{ text, want string }{
		"end of the quotation": {`NLB". Your account is locked, log in at "x`, `"NLB'. Your account is locked, log in at 'x"`},
		"other quotes":         {"NLB\u201d. Locked \u201cnow\u00bb\uff02", `"NLB'. Locked 'now''"`},
		"lines":                {"NLB\r\n\r\nYour account is locked.\u2028\u2029\u0085\vNow", `"NLB Your account is locked. Now"`},
		"spaces":               {"NLB" + strings.Repeat("\u00a0 \u3000\t", 50) + "x", `"NLB x"`},
		"address":              {"see https://evil.example/login", `"see https[:]//evil[.]example/login"`},
		"address without //":   {"see www.evil.example or login.evil.com", `"see www[.]evil[.]example or login[.]evil[.]com"`},
		"file that is a name":  {"invoice.zip", `"invoice[.]zip"`},
		"mailbox":              {"write to help@evil.example", `"write to help[@]evil[.]example"`},
		"ideographic dots":     {"evil\u3002com evil\uff0ecom", `"evil[.]com evil[.]com"`},
		"direction":            {"\u202egnp.exe\u202c\u2066\u200f", `"gnp[.]exe"`},
		"invisible":            {"N\u200bL\u2060B\u00ad\ufeff\u034f\u115f\u3164\ufe0f\U000e0041\u180e", `"NLB"`},
		"only invisible":       {"\u200b\u202e\u3164\u2800", "N/A"},
		"HTML":                 {`<a href="x">Log in</a>`, `"<a href='x'>Log in</a>"`},
		"long":                 {long, `"` + strings.TrimSpace(long[:119]) + `…"`},
	} {
		t.Run(name, func(t *testing.T) {
			passport, doc := uuid.NewString(), uuid.NewString()
			s.send("passport.created", passport, object("passportId", passport, "createdBy", owner.id, "modelName", jsonText(c.text), "manufacturerName", jsonText(c.text), "batteryIdentifier", jsonText(c.text)), header(passport)...)
			s.send("document.uploaded", doc, object("docId", doc, "uploadedBy", owner.id, "fileName", jsonText(c.text)), header(doc)...)
			ofPassport := s.about(owner, "passport.created", "passportId", passport, "list sent, mail sent, file sent")
			ofDoc := s.about(owner, "document.uploaded", "docId", doc, "list sent, mail sent, file sent")
			if ofPassport.Title != "New Battery Passport Created" || ofDoc.Title != "Document Uploaded Successfully" || strings.Count(ofPassport.Message, "\n") != 4 {
				t.Errorf("titles %q, %q, message %q", ofPassport.Title, ofDoc.Title, ofPassport.Message)
			}
			mails := s.mails(owner.email)
			texts := []string{decoded(t, mails[len(mails)-1]), decoded(t, mails[len(mails)-2])}
			for _, id := range []string{passport, doc} {
				texts = append(texts, s.files(id)...)
			}
			for _, text := range texts {
				body, metadata, _ := strings.Cut(text, "\nMetadata: ")
				if !strings.Contains(body, c.want) && !strings.Contains(body, strings.NewReplacer("<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;").Replace(c.want)) {
					t.Errorf("no %s in\n%s", c.want, body)
				}
				body = strings.ReplaceAll(body, owner.email, "")
				if found := linked.FindString(body); found != "" {
					t.Errorf("%q is a link in\n%s", found, body)
				}
				if strings.ContainsAny(body+metadata, "\u200b\u202e\u2066\u3164\u2028\ufe0f\U000e0041") || strings.Contains(metadata, "://") {
					t.Errorf("invisible characters or a link in\n%q", text)
				}
			}
		})
	}
}

// TestTextFilesAreNotForOthers: other users of the machine cannot read text files.
func TestTextFilesAreNotForOthers(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	s.person(auth.User)
	s.until(func() bool { return len(names(t, s.cfg.Files)) > 0 }, func() string { return "no file" })
	for _, path := range append(names(t, s.cfg.Files), s.cfg.Files) {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode&0o027 != 0 {
			t.Errorf("%s has the mode %o", path, mode)
		}
	}
}

// TestAuditRecordsWhatAdminsSend lists sent notifications with sender, recipient and time. A
// repeated request has one entry.
func TestAuditRecordsWhatAdminsSend(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	root, boss, ann := s.person(auth.Admin), s.person(auth.Admin), s.person(auth.User)
	broadcast := object("type", "alert", "eventType", "system.alert", "title", "Maintenance", "message", "At ten.", "priority", "high")
	for range 2 {
		s.Call(route, root.token, broadcast, "Idempotency-Key", "once").Want(201, nil)
	}
	s.Call(route, boss.token, object("type", "info", "eventType", "general.info", "title", "To Ann", "message", "m", "recipient", ann.id)).Want(201, nil)
	res := s.Call(route, root.token, object("type", "email", "eventType", "general.info", "title", "Outside", "message", "m", "recipientEmail", "x@elsewhere.example"))
	res.Want(201, nil)
	type entry struct {
		ID, At, By, From, RequestID, Type, EventType, Title, Message, Priority, Recipient, RecipientEmail string
		Everyone                                                                                          bool
	}
	var all, first, second, own struct {
		Items      []entry
		NextCursor string
	}
	s.Call("GET /api/notifications/audit", boss.token, nil).Want(200, &all)
	if len(all.Items) != 3 {
		t.Fatalf("entries %+v", all.Items)
	}
	e := all.Items
	if e[2].By != root.id || !e[2].Everyone || e[2].Title != "Maintenance" || e[2].Message != "At ten." || e[2].Priority != "high" || e[2].Type != "alert" || e[2].At == "" || e[2].From != "127.0.0.1" ||
		e[1].By != boss.id || e[1].Everyone || e[1].Recipient != ann.id ||
		e[0].RecipientEmail != "x@elsewhere.example" || e[0].RequestID != res.Header.Get("X-Request-Id") {
		t.Errorf("entries %+v", e)
	}
	s.Call("GET /api/notifications/audit?limit=2", boss.token, nil).Want(200, &first)
	s.Call("GET /api/notifications/audit?limit=2&cursor="+first.NextCursor, boss.token, nil).Want(200, &second)
	s.Call("GET /api/notifications/audit?by="+boss.id, boss.token, nil).Want(200, &own)
	if len(first.Items) != 2 || len(second.Items) != 1 || len(own.Items) != 1 || own.Items[0] != e[1] {
		t.Errorf("pages %+v, %+v, %+v", first, second, own)
	}
	s.Call("GET /api/notifications/audit", ann.token, nil).WantProblem(403)
	s.Call(route, ann.token, broadcast).WantProblem(403)
	if s.Call("GET /api/notifications/audit", boss.token, nil).Want(200, &all); len(all.Items) != 3 {
		t.Errorf("a refused request has an entry: %+v", all.Items)
	}
}
