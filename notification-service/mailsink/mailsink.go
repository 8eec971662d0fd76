// Package mailsink is a mail server in process that keeps what it gets.
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

// Options say what the server is like. The zero value takes every mail, and
// offers neither TLS nor AUTH.
type Options struct {
	Listener net.Listener // a free port of this machine where it is nil
	Folder   string       // each mail becomes an .eml file there; empty: none does

	TLS            *tls.Config // offers STARTTLS
	Implicit       bool        // TLS from the start, not STARTTLS
	User, Password string      // are asked for where they are set

	// Answer decides on a recipient; an error it makes with Refuse is what the
	// client is told.
	Answer func(recipient string) error
}

// Mail is a mail as it came.
type Mail struct {
	From    string
	To      []string
	Content string // header and body
	TLS     bool
}

// Server is a mail server that runs. It is safe for concurrent use.
type Server struct {
	Addr string // host:port

	options  Options
	listener net.Listener
	smtp     *smtp.Server
	done     chan struct{} // closed when served is set
	served   error

	mu    sync.Mutex
	mails []Mail
}

// Refuse is the answer with a code, as 550 or 451, and a text.
func Refuse(code int, text string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 0, 0}, Message: text}
}

// Start starts a server. The caller closes it.
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

// Close ends the server and its connections, if it has not ended yet. What it
// got is still there.
func (s *Server) Close() error {
	err := s.smtp.Close()
	s.listener.Close() // which go-smtp does not know of yet when it is closed at once
	<-s.done
	for _, err := range []error{err, s.served} {
		if err != nil && !errors.Is(err, smtp.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			return err
		}
	}
	return nil
}

// Mails returns what came, in order.
func (s *Server) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

func (s *Server) keep(m Mail) error {
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

// session is one connection.
type session struct {
	server *Server
	conn   *smtp.Conn
	known  bool
	mail   Mail
}

func (s *session) Reset()        { s.mail = Mail{} }
func (s *session) Logout() error { return nil }

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.server.options.User != "" && !s.known {
		return smtp.ErrAuthRequired
	}
	_, secure := s.conn.TLSConnectionState()
	s.mail = Mail{From: from, TLS: secure}
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.server.options.Answer != nil {
		if err := s.server.options.Answer(to); err != nil {
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
	return s.server.keep(s.mail)
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
		s.known = true
		return nil
	}), nil
}
