package notificationd_test

import (
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/mail/mailsink"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

const mailProgram = "application/x-www-form-urlencoded"

var unsubscribeHeader = regexp.MustCompile(`^<https://notifications\.example(/notifications/unsubscribe\?token=[\w-]+)>$`)

// startUnsubscribe starts a service whose mails have a link to unsubscribe.
func startUnsubscribe(t *testing.T, db connect.Config) *service {
	t.Helper()
	sink := mailServer(t, mailsink.Options{})
	cfg := settings(t, db, sink)
	cfg.PublicURL = "https://notifications.example/"
	s := startWith(t, cfg, authtest.New(t))
	s.sink = sink
	return s
}

// unsubscribePath returns the path of the link in the newest mail to a person.
func (s *service) unsubscribePath(p person) string {
	s.T.Helper()
	mails := s.mails(p.email)
	message, err := mail.ReadMessage(strings.NewReader(mails[len(mails)-1].Content))
	if err != nil {
		s.T.Fatal(err)
	}
	found := unsubscribeHeader.FindStringSubmatch(message.Header.Get("List-Unsubscribe"))
	if found == nil || message.Header.Get("List-Unsubscribe-Post") != "List-Unsubscribe=One-Click" {
		s.T.Fatalf("headers of the mail %v, want those of RFC 8058", message.Header)
	}
	return found[1]
}

// TestOneClickUnsubscribe: a mail program turns off the mails of an account with the link in a mail
// (RFC 8058), and the person turns them on again.
func TestOneClickUnsubscribe(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := startUnsubscribe(t, db)
		admin, ann, bob := s.person(auth.Admin), s.person(auth.User), s.person(auth.User)
		s.about(ann, "user.registered", "userId", ann.id, "list sent, mail sent, file sent")
		path := s.unsubscribePath(ann)

		r := s.Do("GET "+path, "")
		if r.Status != 200 || !strings.Contains(r.Text, `<form method="post">`) || strings.Contains(r.Text, "<script") || !strings.Contains(r.Header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("page = %d, header %v: %s", r.Status, r.Header, r.Text)
		}
		settings := func(p person) string { return s.Call("GET /api/notifications/settings", p.token, nil).Text }
		const on, off = `{"mail":{"passport":true,"document":false,"account":true}}`, `{"mail":{"passport":false,"document":false,"account":false}}`
		if got := settings(ann); got != on {
			t.Errorf("settings after the page was opened: %s", got)
		}
		for range 2 {
			if r := s.Do("POST "+path, "List-Unsubscribe=One-Click", "Content-Type", mailProgram); r.Status != 200 || !strings.Contains(r.Text, "Mails are off") {
				t.Errorf("one click = %d: %s", r.Status, r.Text)
			}
		}
		if a, b := settings(ann), settings(bob); a != off || b != on {
			t.Errorf("settings of the account: %s, of another one: %s", a, b)
		}
		audited := func(want ...bool) { // whether each change was made by a link, oldest first
			t.Helper()
			var audit struct {
				Items []struct {
					ByLink  bool
					Changes []struct{ ByLink bool }
				}
			}
			s.Call("GET /api/notifications/audit?by="+ann.id, admin.token, nil).Want(200, &audit)
			var got []bool
			for _, e := range slices.Backward(audit.Items) { // two entries if the hour changes during the test
				for _, c := range e.Changes {
					got = append(got, c.ByLink)
				}
			}
			if !slices.Equal(got, want) || audit.Items[0].ByLink != want[len(want)-1] {
				t.Errorf("audit = %+v, changes by link %v, want %v", audit.Items, got, want)
			}
		}
		audited(true)
		passport := func(channels string) {
			id := uuid.NewString()
			s.send("passport.created", id, object("passportId", id, "createdBy", ann.id), header(id)...)
			s.about(ann, "passport.created", "passportId", id, channels)
		}
		passport("list sent, file sent")
		s.Call("PUT /api/notifications/settings", ann.token, on).Want(200, nil)
		audited(true, false)
		passport("list sent, mail sent, file sent")
		if again := s.unsubscribePath(ann); again != path {
			t.Errorf("another link %s, want %s", again, path)
		}

		s.account("user.deleted", ann, 2)
		s.until(func() bool { return s.Do("GET "+path, "").Status == 404 }, func() string { return "the link of a deleted account works" })
	})
}

// TestInvalidUnsubscribeLinks: only links of the service turn off mails. Mails of an admin have none,
// because nobody can turn them off.
func TestInvalidUnsubscribeLinks(t *testing.T) {
	s := startUnsubscribe(t, connect.Config{Dir: t.TempDir()})
	admin, ann := s.person(auth.Admin), s.person(auth.User)
	s.about(ann, "user.registered", "userId", ann.id, "list sent, mail sent, file sent")
	path := s.unsubscribePath(ann)
	path, token, _ := strings.Cut(path, "?token=")
	for name, wrong := range map[string]string{
		"missing": "", "truncated": token[:len(token)-4], "extended": token + "AAAA", "changed": "AAAA" + token[4:], "text": "no token!", "id": ann.id,
	} {
		for _, method := range []string{"GET", "POST"} {
			if r := s.Do(method+" "+path+"?token="+url.QueryEscape(wrong), "", "Content-Type", mailProgram); r.Status != 404 || !strings.Contains(r.Text, "This link does not work") {
				t.Errorf("%s with a token that is %s = %d: %s", method, name, r.Status, r.Text)
			}
		}
	}
	s.Call(route, admin.token, object("type", "email", "eventType", "general.info", "title", "Letter", "message", "m", "recipient", ann.id)).Want(201, nil)
	s.until(func() bool { return len(s.mails(ann.email)) == 2 }, func() string { return "the letter has not arrived" })
	if letter := s.mails(ann.email)[1].Content; strings.Contains(letter, "List-Unsubscribe") {
		t.Errorf("a letter of an admin has a link to unsubscribe: %s", letter)
	}
}
