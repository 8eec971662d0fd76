// Package mailsink is an SMTP server for tests and local use. It stores all mail instead of
// sending it.
package mailsink

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

const (
	maxMessage = 10 << 20 // bytes
	timeout    = 30 * time.Second
)

// Options configure the server. With the zero value, it accepts every mail and offers
// neither TLS nor AUTH.
type Options struct {
	Listener net.Listener // nil: a free port on 127.0.0.1
	Folder   string       // where each mail is stored as .eml file; empty: only in memory

	TLS            *tls.Config // offers STARTTLS
	Implicit       bool        // TLS from the start instead of STARTTLS
	User, Password string      // if set, required from clients

	// CheckRecipient returns nil to accept a recipient, or an error from Refuse.
	CheckRecipient func(recipient string) error
}

// Mail is a received mail.
type Mail struct {
	From    string
	To      []string
	Content string // header and body
	TLS     bool
}

// Server is a running mail server. It is safe for concurrent use.
type Server struct {
	Addr string // host:port

	options  Options
	listener net.Listener
	smtp     *smtp.Server
	done     chan struct{} // closed after served is set
	served   error

	mu    sync.Mutex
	mails []Mail
}

// Refuse returns an error with an SMTP reply code, such as 550 or 451, and a text.
func Refuse(code int, text string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 0, 0}, Message: text}
}

// Start starts a server, which the caller must close.
func Start(o Options) (*Server, error) {
	l := o.Listener
	if l == nil {
		var err error
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return nil, err
		}
	}
	if o.Folder != "" {
		if err := os.MkdirAll(o.Folder, 0o700); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	s := &Server{Addr: l.Addr().String(), options: o, done: make(chan struct{})}
	s.smtp = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{server: s, conn: c}, nil
	}))
	s.smtp.Domain = "localhost"
	s.smtp.MaxMessageBytes = maxMessage
	s.smtp.ReadTimeout, s.smtp.WriteTimeout = timeout, timeout
	s.smtp.AllowInsecureAuth = true
	s.smtp.EnableSMTPUTF8 = true
	s.smtp.ErrorLog = log.New(io.Discard, "", 0)
	if o.Implicit {
		l = tls.NewListener(l, o.TLS)
	} else {
		s.smtp.TLSConfig = o.TLS
	}
	s.listener = l
	go func() {
		s.served = s.smtp.Serve(l)
		close(s.done)
	}()
	return s, nil
}

// Close stops the server and closes its connections. It may be called twice; Mails still
// works afterwards.
func (s *Server) Close() error {
	err := s.smtp.Close()
	s.listener.Close() // go-smtp may not have registered it yet
	<-s.done
	for _, err := range []error{err, s.served} {
		if err != nil && !errors.Is(err, smtp.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			return err
		}
	}
	return nil
}

// Mails returns the received mails in order.
func (s *Server) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

func (s *Server) store(m Mail) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.options.Folder != "" {
		name := fmt.Sprintf("%s-%04d.eml", time.Now().UTC().Format("2006-01-02T15-04-05.000Z"), len(s.mails)+1)
		if err := os.WriteFile(filepath.Join(s.options.Folder, name), []byte(m.Content), 0o600); err != nil {
			return Refuse(452, err.Error())
		}
	}
	s.mails = append(s.mails, m)
	return nil
}

// session is a connection of a client.
type session struct {
	server        *Server
	conn          *smtp.Conn
	authenticated bool
	mail          Mail
}

func (s *session) Reset()        { s.mail = Mail{} }
func (s *session) Logout() error { return nil }

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.server.options.User != "" && !s.authenticated {
		return smtp.ErrAuthRequired
	}
	_, secure := s.conn.TLSConnectionState()
	s.mail = Mail{From: from, TLS: secure}
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.server.options.CheckRecipient != nil {
		if err := s.server.options.CheckRecipient(to); err != nil {
			return err
		}
	}
	s.mail.To = append(s.mail.To, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.mail.Content = string(content)
	return s.server.store(s.mail)
}

func (s *session) AuthMechanisms() []string {
	if s.server.options.User == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != s.server.options.User || password != s.server.options.Password {
			return smtp.ErrAuthFailed
		}
		s.authenticated = true
		return nil
	}), nil
}
