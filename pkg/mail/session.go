package mail

import (
	"context"
	"errors"
	"net"
	"slices"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

const (
	idleTime = 5 * time.Second // after which an unused session ends; servers wait for minutes
	maxMails = 100             // in a session; some servers allow no more
)

// session is an SMTP session, which sends one mail after the other.
type session struct {
	client *mail.Client
	smtp   *smtp.Client
	conn   net.Conn
	mails  int // that were sent or refused
	expire *time.Timer
}

// take returns an idle session, or a new one.
func (s *Sender) take(ctx context.Context) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.idle); n > 0 {
		c := s.idle[n-1]
		s.idle = s.idle[:n-1]
		c.expire.Stop()
		return c, nil
	}
	s.mu.Unlock()
	defer s.mu.Lock()
	return s.open(ctx)
}

// release makes a session available to the next mail, for some seconds.
func (s *Sender) release(c *session) {
	if c.mails >= maxMails {
		_ = c.quit() // the mails are sent
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = append(s.idle, c)
	c.expire = time.AfterFunc(idleTime, func() {
		s.mu.Lock()
		i := slices.Index(s.idle, c)
		if i >= 0 {
			s.idle = slices.Delete(s.idle, i, i+1)
		}
		s.mu.Unlock()
		if i >= 0 {
			_ = c.quit() // the mails are sent
		}
	})
}

// open connects to the mail server. It closes the connection when ctx is done before: go-mail
// does not close one whose greeting fails.
func (s *Sender) open(ctx context.Context) (*session, error) {
	c := &session{}
	var err error
	c.client, err = mail.NewClient(s.cfg.Host, append([]mail.Option{mail.WithDialContextFunc(
		func(ctx context.Context, network, address string) (_ net.Conn, err error) {
			c.conn, err = s.dial(ctx, network, address)
			return c.conn, err
		},
	)}, s.options...)...)
	if err != nil {
		return nil, err
	}
	if c.smtp, err = c.client.DialToSMTPClientWithContext(ctx); err != nil {
		if c.conn != nil {
			c.conn.Close()
		}
		return nil, err
	}
	return c, nil
}

// send sends a mail, or closes the connection when ctx is done: go-mail would restart its
// timeout with each command. It fails with a *Refusal if the session is still usable.
func (c *session) send(ctx context.Context, msg *mail.Msg) error {
	c.mails++
	defer context.AfterFunc(ctx, func() { c.conn.Close() })()
	err := c.client.SendWithSMTPClient(c.smtp, msg)
	if msg.IsDelivered() {
		return nil // a later error does not matter
	}
	e, ok := errors.AsType[*mail.SendError](err)
	if !ok || e.ErrorCode() == serviceNotAvailable || e.ErrorCode() < 400 || e.ErrorCode() > 599 {
		return err
	}
	return &Refusal{Final: e.ErrorCode() >= 500, Reason: e.Error()}
}

// reset ends the mail that the server has refused.
func (c *session) reset() error { return c.smtp.Reset() }

// quit ends the session.
func (c *session) quit() error {
	defer c.conn.Close()
	if err := c.conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	return c.client.CloseWithSMTPClient(c.smtp)
}
