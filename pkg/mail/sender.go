// Package mail sends mail by SMTP. Two services use it: the auth-service for mails about
// accounts, the notification-service for notifications.
//
// To add a mail that outlives its request, declare a task kind with Kind and enqueue a task for
// it. The function of the kind composes the Message when the mail is sent, from the id in the
// data of the task:
//
//	kind := mail.Kind("invitation.mail", sender, func(ctx context.Context, t task.Task) (mail.Message, error) {
//		… // read the invitation; make the token of its link and store the hash
//		return mail.Message{ID: t.ID, To: i.Email, Subject: "…", Text: "…", Link: mail.Link{Text: "Accept", URL: url}, At: now}, nil
//	})
//
// A single-use token of a link is made in that function, and only its hash is stored: so no
// token is ever in a task, an event or a log. A mail that is sent again has a new token.
package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// timeout limits the delivery of one mail, including the connection.
const timeout = 10 * time.Second

// Sender sends mail. It is safe for concurrent use.
type Sender struct {
	cfg     Config
	options []mail.Option
}

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

// Refusal means that a mail was refused.
type Refusal struct {
	Final  bool // permanently
	Reason string
}

func (r *Refusal) Error() string {
	if r.Final {
		return fmt.Sprintf("permanently refused: %s", r.Reason)
	}
	return fmt.Sprintf("temporarily refused: %s", r.Reason)
}

// Send sends a mail. It fails with a *Refusal for reply code 5xx, permanently, and 4xx,
// temporarily; any other error is an outage of the mail server. A repeated mail has the same
// Message-ID.
func (s *Sender) Send(ctx context.Context, m Message) error {
	msg, err := s.compose(m)
	if err != nil {
		return &Refusal{Final: true, Reason: err.Error()}
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
	return &Refusal{Final: e.ErrorCode() >= 500, Reason: e.Error()}
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
