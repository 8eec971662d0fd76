package mail

import (
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"strings"
	"time"
	"unicode"

	"github.com/wneessen/go-mail"
)

//go:embed mail.html
var page string

var html = template.Must(template.New("mail").Parse(page))

// Message is the content of a mail. Every text may come from users: it cannot add headers,
// recipients or HTML.
type Message struct {
	ID      string // the same each time the mail is sent
	To      string // one email address
	Subject string // one line, also the heading
	Text    string // paragraphs are separated by empty lines
	Link    Link   // optional
	Details string // optional, preformatted; only in the HTML part
	Note    string // optional small print, such as how long the link is valid
	At      time.Time

	// Unsubscribe is the URL of the header List-Unsubscribe (RFC 2369), at which a POST turns such
	// mails off without further questions (RFC 8058). Empty for mails that a person cannot turn off,
	// such as those about the account.
	Unsubscribe string
}

// unsubscribeText is the text of the link to Unsubscribe.
const unsubscribeText = "Turn off these mails"

// Link is a link that the recipient should open.
type Link struct{ Text, URL string }

// messageIDSuffix is the end of each Message-ID.
const messageIDSuffix = "@battery-passport"

// compose returns the mail for a message, as plain text with an HTML alternative. It makes sure
// that headers are single lines.
func (s *Sender) compose(m Message) (*mail.Msg, error) {
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := msg.FromFormat(s.cfg.FromName, s.cfg.from()); err != nil {
		return nil, fmt.Errorf("sender: %w", err)
	}
	if err := msg.To(m.To); err != nil || strings.ContainsAny(m.To, "\r\n") {
		return nil, errors.New("the email address of the recipient is not valid")
	}
	msg.Subject(strings.Join(strings.FieldsFunc(m.Subject, func(r rune) bool { return r == '\r' || r == '\n' }), " "))
	msg.SetMessageIDWithValue(m.ID + messageIDSuffix)
	msg.SetDateWithValue(m.At)
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	if m.Unsubscribe != "" {
		if strings.ContainsAny(m.Unsubscribe, "\r\n<>") {
			return nil, errors.New("the URL to unsubscribe is not valid")
		}
		msg.SetGenHeader("List-Unsubscribe", "<"+m.Unsubscribe+">")
		if strings.HasPrefix(m.Unsubscribe, "https://") { // RFC 8058 allows no other scheme
			msg.SetGenHeader("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
		}
	}
	var page strings.Builder
	err := html.Execute(&page, struct {
		Message
		Lines           []string
		UnsubscribeText string
		Year            int
	}{m, strings.Split(m.Text, "\n"), unsubscribeText, m.At.UTC().Year()})
	var options []mail.PartOption
	if isPlain(m.plain()) {
		// Without an encoding, people and programs can read the link in the source of the mail.
		// Because of a fault, the library writes quoted-printable for the encoding 7bit, which
		// would be the exact one.
		options = append(options, mail.WithPartEncoding(mail.NoEncoding))
	}
	msg.SetBodyString(mail.TypeTextPlain, m.plain(), options...)
	msg.AddAlternativeString(mail.TypeTextHTML, page.String())
	return msg, err
}

// maxLine is the longest line of a mail without an encoding, in bytes; RFC 5322 allows 998.
const maxLine = 900

// isPlain reports whether a text can be sent without an encoding.
func isPlain(text string) bool {
	for line := range strings.Lines(text) {
		if len(line) > maxLine || strings.ContainsFunc(line, func(r rune) bool { return r > unicode.MaxASCII || r == '\r' || r == 0 }) {
			return false
		}
	}
	return true
}

// plain returns the text part.
func (m Message) plain() string {
	parts := []string{m.Subject, m.Text}
	if m.Link.URL != "" {
		parts = append(parts, m.Link.Text+":\n"+m.Link.URL)
	}
	if m.Note != "" {
		parts = append(parts, m.Note)
	}
	if m.Unsubscribe != "" {
		parts = append(parts, unsubscribeText+":\n"+m.Unsubscribe)
	}
	return strings.Join(parts, "\n\n") + "\n"
}
