// Package mail sends mail by SMTP. Two services use it: the auth-service for mails about
// accounts, the notification-service for notifications.
//
// To add a mail that outlives its request, declare a task kind with Kind and enqueue a task for
// it. The function of the kind composes the Message when the mail is sent, from the id in the
// data of the task:
//
//	kind := mail.Kind("invitation.mail", sender, func(ctx context.Context, t task.Task) (mail.Message, error) {
//		… // read the invitation; create the token of its link and store the hash
//		return mail.Message{ID: t.ID, To: i.Email, Subject: "…", Text: "…", Link: mail.Link{Text: "Accept", URL: url}, At: now}, nil
//	})
//
// A single-use token of a link is generated in that function, and only its hash is stored: no
// token is ever in a task, an event or a log. A mail that is sent again has a new token.
package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/battery-passport/suite/pkg/task"
)

// timeout limits the delivery of one mail, including the connection.
const timeout = 10 * time.Second

// Sender sends mail. It is safe for concurrent use: concurrent mails have a connection each,
// and mails after each other share one. The caller must close it.
type Sender struct {
	cfg     Config
	options []mail.Option

	mu     sync.Mutex
	idle   []*session
	closed bool
	ending sync.WaitGroup // sessions that end in the background
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

// Send sends a mail. It fails with a *task.Refusal for reply codes 5xx, which is final, and 4xx;
// any other error is an outage of the mail server. A repeated mail has the same Message-ID. The
// text of an error does not contain the address of the recipient.
func (s *Sender) Send(ctx context.Context, m Message) error {
	msg, err := s.compose(m)
	if err != nil {
		return &task.Refusal{Final: true, Reason: err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err = s.deliver(ctx, msg)
	if err == nil {
		return nil
	}
	public := func(text string) string { return redact(text, m.To, s.cfg.from(), m.ID+messageIDSuffix) }
	if refusal, refused := errors.AsType[*task.Refusal](err); refused {
		return &task.Refusal{Final: refusal.Final, Reason: public(refusal.Reason)}
	}
	return errors.New(public(err.Error()))
}

func (s *Sender) deliver(ctx context.Context, msg *mail.Msg) error {
	if c := s.takeIdle(); c != nil {
		err := s.sendIn(ctx, c, msg)
		if !concernsSession(err) || ctx.Err() != nil {
			return err
		}
	}
	c, err := s.open(ctx)
	if err != nil {
		return err
	}
	return s.sendIn(ctx, c, msg)
}

// sendIn sends a mail in a session, and keeps the session for the next mail if it is usable.
func (s *Sender) sendIn(ctx context.Context, c *session, msg *mail.Msg) error {
	err := c.send(ctx, msg)
	refusal, refused := errors.AsType[*task.Refusal](err)
	switch {
	case err != nil && !refused || ctx.Err() != nil:
		c.conn.Close()
	case refused && !refusal.Final && c.mails > 1:
		s.end(c)
	default:
		s.release(c)
	}
	return err
}

// concernsSession reports whether a mail that failed in a session with earlier mails may succeed
// at once in a new one: the server may have closed the connection while it was idle, or limits
// the mails of a session. A mail whose reply is lost may be delivered, and is not sent again at once.
func concernsSession(err error) bool {
	refusal, refused := errors.AsType[*task.Refusal](err)
	return err != nil && (!refused || !refusal.Final) && !errors.Is(err, errReplyLost)
}

// errReplyLost means that a connection ended between the end of a mail and the reply of the server.
var errReplyLost = errors.New("the mail server has not confirmed the mail")

// serviceNotAvailable is the reply code of a server that shuts down; it does not concern the
// mail.
const serviceNotAvailable = 421

// Ping checks that the sender can connect and authenticate.
func (s *Sender) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	c, err := s.open(ctx)
	if err != nil {
		return err
	}
	return c.quit()
}

func (s *Sender) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if s.cfg.implicitTLS() {
		return (&tls.Dialer{Config: tlsConfig(s.cfg)}).DialContext(ctx, network, address)
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}
