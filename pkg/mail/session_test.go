package mail_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/battery-passport/suite/pkg/mail"
	"github.com/battery-passport/suite/pkg/mail/mailsink"
	"github.com/battery-passport/suite/pkg/task"
)

// countingListener counts connections, and can cut them.
type countingListener struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

func (l *countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.conns = append(l.conns, c)
	}
	return c, err
}

func (l *countingListener) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}

func (l *countingListener) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		c.Close()
	}
}

// sessionSink returns a mail server that refuses the recipients with a code, and its listener.
func sessionSink(t *testing.T, codes map[string]int) (*mailsink.Server, *countingListener) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	counting := &countingListener{Listener: l}
	return sink(t, mailsink.Options{Listener: counting, CheckRecipient: func(to string) error {
		if code := codes[to]; code != 0 {
			return mailsink.Refuse(code, "no "+to)
		}
		return nil
	}}), counting
}

func send(t *testing.T, s *mail.Sender, to string) error {
	t.Helper()
	m := message()
	m.ID, m.To = to, to
	return s.Send(t.Context(), m)
}

// TestRefusalsWithinASession sends twenty mails. The server refuses two, and the others
// arrive once. Only the temporary refusal is tried again, in a new session.
func TestRefusalsWithinASession(t *testing.T) {
	codes := map[string]int{"user7@nlb.example": 451, "user12@nlb.example": 550}
	server, connections := sessionSink(t, codes)
	s := mail.New(config(t, server.Addr, "none"))
	for i := range 20 {
		to := fmt.Sprintf("user%d@nlb.example", i)
		err := send(t, s, to)
		refusal, refused := errors.AsType[*task.Refusal](err)
		if refused != (codes[to] > 0) || !refused && err != nil || refused && refusal.Final != (codes[to] == 550) {
			t.Errorf("Send to %s = %v", to, err)
		}
	}
	mails := server.Mails()
	for i, m := range mails {
		if codes[m.To[0]] > 0 || strings.Count(m.Content, "Message-ID: <"+m.To[0]) != 1 {
			t.Errorf("mail %d to %v: %s", i, m.To, m.Content)
		}
	}
	if len(mails) != 18 || connections.count() != 2 {
		t.Errorf("%d mails on %d connections, want 18 on 2", len(mails), connections.count())
	}
}

// TestClosedSessionIsReplaced: a mail is sent although the server has closed the idle
// connections of earlier mails.
func TestClosedSessionIsReplaced(t *testing.T) {
	server, connections := sessionSink(t, nil)
	s := mail.New(config(t, server.Addr, "none"))
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			if err := send(t, s, fmt.Sprintf("user%d@nlb.example", i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	before := connections.count()
	connections.cut()
	if err := send(t, s, "last@nlb.example"); err != nil || len(server.Mails()) != 5 || connections.count() != before+1 {
		t.Errorf("Send = %v, %d mails on %d connections, want 5 on %d", err, len(server.Mails()), connections.count(), before+1)
	}
}

// TestSessionsAreLimited: a session has at most 100 mails.
func TestSessionsAreLimited(t *testing.T) {
	server, connections := sessionSink(t, nil)
	s := mail.New(config(t, server.Addr, "none"))
	for i := range 201 {
		if err := send(t, s, fmt.Sprintf("user%d@nlb.example", i)); err != nil {
			t.Fatal(err)
		}
	}
	if len(server.Mails()) != 201 || connections.count() != 3 {
		t.Errorf("%d mails on %d connections, want 201 on 3", len(server.Mails()), connections.count())
	}
}
