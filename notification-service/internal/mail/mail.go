// Package mail sends notifications by mail.
package mail

import (
	"bytes"
	"context"
	"crypto/tls"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"github.com/battery-passport/suite/notification-service/internal/notification"
)

// timeout limits the delivery of one mail, including the connection.
const timeout = 10 * time.Second

//go:embed mail.html
var page string

var html = template.Must(template.New("mail").Parse(page))

// Sender sends mail. It is safe for concurrent use.
type Sender struct {
	cfg     Config
	options []mail.Option
}

var _ notification.Channel = (*Sender)(nil)

// New returns a sender for a valid configuration. It does not connect yet.
func New(cfg Config) *Sender {
	s := &Sender{cfg: cfg, options: []mail.Option{
		mail.WithPort(cfg.Port), mail.WithTimeout(timeout), mail.WithoutNoop(), mail.WithoutRset(),
		mail.WithTLSConfig(tlsConfig(cfg)),
	}}
	switch {
	case cfg.implicitTLS():
		s.options = append(s.options, mail.WithSSL())
	case cfg.TLS == none:
		s.options = append(s.options, mail.WithTLSPolicy(mail.NoTLS))
	default:
		s.options = append(s.options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if cfg.User != "" {
		s.options = append(s.options, mail.WithOpportunisticSMTPAuth(mail.SMTPAuthPlain, mail.SMTPAuthLogin),
			mail.WithUsername(cfg.User), mail.WithPassword(cfg.Password))
	}
	return s
}

func tlsConfig(cfg Config) *tls.Config {
	return &tls.Config{ServerName: cfg.Host, RootCAs: cfg.Roots, MinVersion: tls.VersionTLS12}
}

// Deliver implements notification.Channel. Reply code 5xx is a permanent refusal, 4xx a
// temporary one, and any other error an outage. A repeated mail has the same Message-ID.
func (s *Sender) Deliver(ctx context.Context, m notification.Message) error {
	msg, err := s.compose(m)
	if err != nil {
		return &notification.Refusal{Final: true, Reason: err.Error()}
	}
	err = s.session(ctx, func(client *mail.Client, session *smtp.Client) error {
		return client.SendWithSMTPClient(session, msg)
	})
	if msg.IsDelivered() {
		return nil // a later error does not matter
	}
	e, ok := errors.AsType[*mail.SendError](err)
	if !ok || e.ErrorCode() == serviceNotAvailable || e.ErrorCode() < 400 || e.ErrorCode() > 599 {
		return err
	}
	return &notification.Refusal{Final: e.ErrorCode() >= 500, Reason: e.Error()}
}

// serviceNotAvailable is the reply code of a server that shuts down; it does not concern the
// mail.
const serviceNotAvailable = 421

// Ping checks that the sender can connect and authenticate.
func (s *Sender) Ping(ctx context.Context) error {
	return s.session(ctx, func(*mail.Client, *smtp.Client) error { return nil })
}

// session calls f with a new connection, and closes it after the timeout at the latest.
// go-mail would restart its timeout with each command, and does not close a connection whose
// greeting fails.
func (s *Sender) session(ctx context.Context, f func(*mail.Client, *smtp.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var conn net.Conn
	client, err := mail.NewClient(s.cfg.Host, append([]mail.Option{mail.WithDialContextFunc(
		func(ctx context.Context, network, address string) (_ net.Conn, err error) {
			conn, err = s.dial(ctx, network, address)
			return conn, err
		},
	)}, s.options...)...)
	if err != nil {
		return err
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if conn != nil {
		defer conn.Close()
	}
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := f(client, session); err != nil {
		return err
	}
	return client.CloseWithSMTPClient(session)
}

func (s *Sender) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if s.cfg.implicitTLS() {
		return (&tls.Dialer{Config: tlsConfig(s.cfg)}).DialContext(ctx, network, address)
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// compose returns the mail for a message. It makes sure that headers are single lines.
func (s *Sender) compose(m notification.Message) (*mail.Msg, error) {
	msg := mail.NewMsg()
	if err := msg.FromFormat(s.cfg.FromName, s.cfg.from()); err != nil {
		return nil, fmt.Errorf("sender: %w", err)
	}
	if err := msg.To(m.To); err != nil || strings.ContainsAny(m.To, "\r\n") {
		return nil, errors.New("the email address of the recipient is not valid")
	}
	if m.Type == notification.System { // the metadata is the event, which is not for people
		m.Metadata = "{}"
	}
	details, err := indent(m.Metadata)
	if err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	msg.Subject(strings.Join(strings.FieldsFunc(m.Title, func(r rune) bool { return r == '\r' || r == '\n' }), " "))
	msg.SetMessageIDWithValue(m.ID + "@battery-passport")
	msg.SetDateWithValue(m.At)
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	content := struct {
		Title, Details string
		Lines          []string
		Year           int
	}{m.Title, details, strings.Split(m.Text, "\n"), m.At.UTC().Year()}
	msg.SetBodyString(mail.TypeTextPlain, m.Title+"\n\n"+m.Text+"\n")
	return msg, msg.AddAlternativeHTMLTemplate(html, content)
}

// indent formats a JSON object for people. It returns an empty string for an empty object.
func indent(object string) (string, error) {
	if object == "{}" {
		return "", nil
	}
	var b bytes.Buffer
	err := json.Indent(&b, []byte(object), "", "  ")
	return b.String(), err
}
