package mail_test

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net"
	netmail "net/mail"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/battery-passport/suite/pkg/mail"
	"github.com/battery-passport/suite/pkg/mail/mailsink"
	"github.com/battery-passport/suite/pkg/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func message() mail.Message {
	return mail.Message{
		ID: "0193-row", To: "ann@nlb.example", Subject: "New Battery Passport Created",
		Text: "A new battery passport has been created.\n\nModel: Müller & Söhne <82>", Details: "{\n  \"passportId\": \"0193-p\"\n}",
		At: time.Date(2026, 11, 22, 10, 30, 0, 0, time.UTC),
	}
}

func sink(t *testing.T, o mailsink.Options) *mailsink.Server {
	t.Helper()
	s, err := mailsink.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
	return s
}

// config returns the settings for a server on this machine.
func config(t *testing.T, addr, tls string) mail.Config {
	t.Helper()
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return mail.Config{Host: host, Port: port, TLS: tls, FromEmail: "suite@nlb.example", FromName: "Battery Passport System"}
}

func TestMailContent(t *testing.T) {
	s := sink(t, mailsink.Options{})
	if err := mail.New(config(t, s.Addr, "none")).Send(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	m, parts := read(t, s)
	for name, want := range map[string]string{
		"From": `"Battery Passport System" <suite@nlb.example>`, "To": "<ann@nlb.example>", "Subject": "New Battery Passport Created",
		"Message-Id": "<0193-row@battery-passport>", "Date": "Sun, 22 Nov 2026 10:30:00 +0000", "Auto-Submitted": "auto-generated",
	} {
		if got := m.Header.Get(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if want := "New Battery Passport Created\n\n" + message().Text + "\n"; parts["text/plain"] != want {
		t.Errorf("text %q, want %q", parts["text/plain"], want)
	}
	at := 0
	for _, want := range []string{
		"<h2>Battery Passport System</h2>", "<h3>New Battery Passport Created</h3>",
		"A new battery passport has been created.<br><br>Model: Müller &amp; Söhne &lt;82&gt;<", "Details:", "<pre", "{\n  &#34;passportId&#34;: &#34;0193-p&#34;\n}</pre>",
		"This is an automated message. Please do not reply to this email.", "&copy; 2026 Battery Passport System. All rights reserved.",
	} {
		i := strings.Index(parts["text/html"][at:], want)
		if i < 0 {
			t.Fatalf("the HTML part does not contain %q in this order:\n%s", want, parts["text/html"])
		}
		at += i
	}
	ascii := message()
	ascii.Text = "https://passports.example/account?token=a&b=" + strings.Repeat("c", 90)
	if err := mail.New(config(t, s.Addr, "none")).Send(t.Context(), ascii); err != nil {
		t.Fatal(err)
	}
	if _, parts := read(t, s); !strings.Contains(parts["text/plain"], ascii.Text) || !strings.Contains(parts["text/html"], `<html lang="en">`) {
		t.Errorf("parts of a mail in ASCII:\n%s", parts)
	}
	if mails := s.Mails(); !strings.Contains(mails[len(mails)-1].Content, ascii.Text) {
		t.Error("the link cannot be read in the source of the mail")
	}
	empty := message()
	empty.Details = ""
	if err := mail.New(config(t, s.Addr, "none")).Send(t.Context(), empty); err != nil {
		t.Fatal(err)
	}
	if _, parts := read(t, s); strings.Contains(parts["text/html"], "Details") {
		t.Errorf("details for empty details:\n%s", parts["text/html"])
	}
}

// read parses the newest mail and returns its parts by media type.
func read(t *testing.T, s *mailsink.Server) (*netmail.Message, map[string]string) {
	t.Helper()
	mails := s.Mails()
	m, err := netmail.ReadMessage(strings.NewReader(mails[len(mails)-1].Content))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("media type %s, %v, want multipart/alternative", kind, err)
	}
	parts := map[string]string{}
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextPart() // decodes quoted-printable, as the header says
		if errors.Is(err, io.EOF) {
			return m, parts
		}
		if err != nil {
			t.Fatal(err)
		}
		kind, _, err := mime.ParseMediaType(p.Header.Get("Content-Type"))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		parts[kind] = strings.ReplaceAll(string(text), "\r\n", "\n")
	}
}

// TestHeaderInjection puts line breaks, a header and HTML into every field of a message.
func TestHeaderInjection(t *testing.T) {
	const attack = "x\r\nBcc: eve@evil.example\r\n\r\n<script>alert(1)</script>\n.\r\nRCPT TO:<eve@evil.example>"
	for name, change := range map[string]func(*mail.Message){
		"subject": func(m *mail.Message) { m.Subject = attack }, "text": func(m *mail.Message) { m.Text = attack },
		"details": func(m *mail.Message) { m.Details = attack }, "note": func(m *mail.Message) { m.Note = attack },
		"link": func(m *mail.Message) { m.Link = mail.Link{Text: attack, URL: attack} },
	} {
		t.Run(name, func(t *testing.T) {
			s := sink(t, mailsink.Options{})
			m := message()
			change(&m)
			if err := mail.New(config(t, s.Addr, "none")).Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			got, parts := read(t, s)
			if got.Header.Get("Bcc") != "" || len(s.Mails()) != 1 || len(s.Mails()[0].To) != 1 || strings.Contains(parts["text/html"], "<script>") {
				t.Errorf("sent to %v: %s", s.Mails()[0].To, s.Mails()[0].Content)
			}
		})
	}
	for _, to := range []string{attack, "ann@nlb.example\r\nBcc: eve@evil.example", "ann@nlb.example, eve@evil.example", "ann@nlb.example>\r\nRCPT TO:<eve@evil.example", "ann", ""} {
		s := sink(t, mailsink.Options{})
		m := message()
		m.To = to
		err := mail.New(config(t, s.Addr, "none")).Send(t.Context(), m)
		if r, ok := errors.AsType[*task.Refusal](err); !ok || !r.Final || len(s.Mails()) > 0 {
			t.Errorf("to %q: %v, %d mails", to, err, len(s.Mails()))
		}
	}
}

func TestConfigReportsAllErrors(t *testing.T) {
	good := mail.Config{Host: "mail.example", Port: 587, TLS: "auto", FromEmail: "suite@nlb.example", FromName: "Suite"}
	for name, c := range map[string]struct {
		change func(*mail.Config)
		want   []string
	}{
		"good":    {func(*mail.Config) {}, nil},
		"off":     {func(c *mail.Config) { c.Host, c.FromEmail = "", "" }, nil},
		"user":    {func(c *mail.Config) { c.FromEmail, c.User, c.Password = "", "suite@nlb.example", "x" }, nil},
		"missing": {func(c *mail.Config) { c.FromEmail = "" }, []string{"FROM_EMAIL"}},
		"all": {func(c *mail.Config) {
			*c = mail.Config{Host: "mail.example", TLS: "ssl", Port: -1, User: "u", FromEmail: "a\nb", FromName: "a\r\nBcc: x"}
		}, []string{"SMTP_TLS", "SMTP_PORT", "FROM_NAME", "SMTP_USER", "FROM_EMAIL"}},
	} {
		cfg := good
		c.change(&cfg)
		err := cfg.Validate()
		if c.want == nil {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err == nil || strings.Count(err.Error(), "\n")+1 != len(c.want) {
			t.Fatalf("%s: %v", name, err)
		}
		for _, variable := range c.want {
			if !strings.Contains(err.Error(), "  "+variable+": ") {
				t.Errorf("%s: no error for %s in\n%v", name, variable, err)
			}
		}
	}
}
