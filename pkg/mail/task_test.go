package mail_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/mail"
	"github.com/battery-passport/suite/pkg/mail/mailsink"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/task"
)

// TestMailTasks sends mails through a server that refuses some of them, and one that is down.
func TestMailTasks(t *testing.T) {
	s := sink(t, mailsink.Options{CheckRecipient: func(to string) error {
		return map[string]error{"gone@nlb.example": mailsink.Refuse(550, "no mailbox"), "busy@nlb.example": mailsink.Refuse(451, "later")}[to]
	}})
	for _, c := range []struct {
		to, addr    string
		err         error
		want        task.State
		attempts    int
		reason      string
		mails       int
		description string
	}{
		{"ann@nlb.example", s.Addr, nil, task.Done, 1, "", 1, "sent"},
		{"gone@nlb.example", s.Addr, nil, task.Failed, 1, "no mailbox", 0, "refused by the server"},
		{"busy@nlb.example", s.Addr, nil, task.Waiting, 1, "later", 0, "refused for now"},
		{"ann@nlb.example", resttest.UnusedAddress(t), nil, task.Waiting, 0, "the mail server: ", 0, "server down"},
		{"ann@nlb.example", s.Addr, mail.ErrObsolete, task.Done, 1, "", 0, "not needed any more"},
		{"ann@nlb.example", s.Addr, task.Permanent(errors.New("expired")), task.Failed, 1, "expired", 0, "cannot be composed"},
	} {
		t.Run(c.description, func(t *testing.T) {
			before := len(s.Mails())
			got := runMail(t, c.addr, func(_ context.Context, row task.Task) (mail.Message, error) {
				m := message()
				m.To, m.Subject = c.to, "Data "+string(row.Data)
				return m, c.err
			})
			if got.State != c.want || got.Attempts != c.attempts || !strings.Contains(got.LastError, c.reason) || (got.LastError == "") != (c.reason == "") {
				t.Errorf("task %+v, want %s after %d attempts, with the error %q", got, c.want, c.attempts, c.reason)
			}
			mails := s.Mails()[before:]
			if len(mails) != c.mails || c.mails > 0 && !strings.Contains(mails[0].Content, `Data "invitation"`) {
				t.Errorf("mails %+v", mails)
			}
		})
	}
}

// runMail runs one task of a kind of mails and returns its state afterwards.
func runMail(t *testing.T, addr string, compose func(context.Context, task.Task) (mail.Message, error)) task.Task {
	t.Helper()
	db, err := connect.Open(t.Context(), connect.Config{Dir: t.TempDir()}, "mails")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	q := task.NewQueue(db, time.Now)
	kind := mail.Kind("test.mail", mail.New(config(t, addr, "none")), compose)
	if _, err := q.Enqueue(t.Context(), task.Spec{ID: "1", Kind: kind.Name, Data: "invitation"}); err != nil {
		t.Fatal(err)
	}
	if err := task.NewWorker(q, slog.New(slog.NewTextHandler(t.Output(), nil)), nil, kind).RunDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	row, err := store.Open(db, task.Schema()).Get(t.Context(), "1")
	if err != nil {
		t.Fatal(err)
	}
	return row.Doc
}

// TestMailWithLink checks a mail with all members: both parts have the links. List-Unsubscribe is a
// header, and mail programs send a POST only to https (RFC 8058).
func TestMailWithLink(t *testing.T) {
	s := sink(t, mailsink.Options{})
	m := message()
	m.Subject, m.Note, m.Unsubscribe = "Passwort zurücksetzen – Größe 你好", "The link works once.", "https://passports.example/unsubscribe?token=abc"
	m.Link = mail.Link{Text: "Choose a new password", URL: "https://passports.example/account/password?token=a-_b&x=1"}
	if err := mail.New(config(t, s.Addr, "none")).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got, parts := read(t, s)
	if want := fmt.Sprintf("%s\n\n%s\n\nChoose a new password:\n%s\n\nThe link works once.\n\nTurn off these mails:\n%s\n", m.Subject, m.Text, m.Link.URL, m.Unsubscribe); parts["text/plain"] != want {
		t.Errorf("text %q, want %q", parts["text/plain"], want)
	}
	if want := `<a href="https://passports.example/account/password?token=a-_b&amp;x=1"`; !strings.Contains(parts["text/html"], want) {
		t.Errorf("the HTML part has no %s:\n%s", want, parts["text/html"])
	}
	if got := got.Header.Get("List-Unsubscribe"); got != "<"+m.Unsubscribe+">" {
		t.Errorf("List-Unsubscribe: %s", got)
	}
	if got := got.Header.Get("List-Unsubscribe-Post"); got != "List-Unsubscribe=One-Click" {
		t.Errorf("List-Unsubscribe-Post: %s", got)
	}
	m.Unsubscribe = "http://127.0.0.1:5200/unsubscribe?token=abc"
	if err := mail.New(config(t, s.Addr, "none")).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if content := s.Mails()[1].Content; !strings.Contains(content, "List-Unsubscribe: <http://127.0.0.1") || strings.Contains(content, "List-Unsubscribe-Post") {
		t.Errorf("headers of a mail with an http link: %s", content)
	}
	m.Unsubscribe = "https://passports.example/>\r\nBcc: <eve@evil.example"
	if err := mail.New(config(t, s.Addr, "none")).Send(t.Context(), m); err == nil {
		t.Error("a URL with a line break was accepted")
	}
}
