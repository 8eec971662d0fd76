package mail

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"github.com/battery-passport/suite/pkg/task"
)

const (
	idleTime    = 5 * time.Second // after which an unused session ends; servers wait for minutes
	maxMails    = 100             // in a session; some servers allow no more
	quitTimeout = 2 * time.Second // for the end of a session, after its mails
)

// session is an SMTP session, which sends one mail after the other.
type session struct {
	client *mail.Client
	smtp   *smtp.Client
	conn   net.Conn
	mails  int // that were sent or refused
	expire *time.Timer
}

// takeIdle returns an idle session, or nil.
func (s *Sender) takeIdle() *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.idle)
	if n == 0 {
		return nil
	}
	c := s.idle[n-1]
	s.idle = s.idle[:n-1]
	c.expire.Stop()
	return c
}

// release makes a session available to the next mail, for some seconds.
func (s *Sender) release(c *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.mails >= maxMails || s.closed {
		s.endLocked(c)
		return
	}
	s.idle = append(s.idle, c)
	c.expire = time.AfterFunc(idleTime, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if i := slices.Index(s.idle, c); i >= 0 {
			s.idle = slices.Delete(s.idle, i, i+1)
			s.endLocked(c)
		}
	})
}

// end ends a session in the background.
func (s *Sender) end(c *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLocked(c)
}

// endLocked is end for a caller that holds s.mu. After Close it only closes the connection.
func (s *Sender) endLocked(c *session) {
	if s.closed {
		c.conn.Close()
		return
	}
	s.ending.Go(func() { _ = c.quit() }) // the mails are sent
}

// Close ends all idle sessions. It waits for two seconds at most.
func (s *Sender) Close() {
	s.mu.Lock()
	for _, c := range s.idle {
		c.expire.Stop()
		s.endLocked(c)
	}
	s.idle, s.closed = nil, true
	s.mu.Unlock()
	s.ending.Wait()
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
// timeout with each command. It fails with a *task.Refusal if the server refused the mail, and with
// errReplyLost if the mail may be delivered.
func (c *session) send(ctx context.Context, msg *mail.Msg) error {
	c.mails++
	defer context.AfterFunc(ctx, func() { c.conn.Close() })()
	err := c.client.SendWithSMTPClient(c.smtp, msg)
	if msg.IsDelivered() {
		return nil // a later error does not matter
	}
	e, ok := errors.AsType[*mail.SendError](err)
	if !ok || e.ErrorCode() == serviceNotAvailable {
		return err
	}
	switch {
	case e.ErrorCode() >= 400 && e.ErrorCode() <= 599:
		if e.Reason == mail.ErrSMTPData && c.smtp.Reset() != nil { // go-mail resets the session after other refusals
			c.conn.Close() // the next mail opens a new one
		}
		return &task.Refusal{Final: e.ErrorCode() >= 500, Reason: e.Error()}
	case e.Reason == mail.ErrSMTPDataClose:
		return fmt.Errorf("%w: %w", errReplyLost, err)
	}
	return err
}

// quit ends the session.
func (c *session) quit() error {
	defer c.conn.Close()
	if err := c.conn.SetDeadline(time.Now().Add(quitTimeout)); err != nil {
		return err
	}
	return c.client.CloseWithSMTPClient(c.smtp)
}
