package mail_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/mail"
	"github.com/battery-passport/suite/pkg/task"
)

// faultyServer is a mail server whose replies a test replaces.
type faultyServer struct {
	addr string
	// reply returns the reply to a command of a session; empty: the usual one. "." is the end of a mail.
	reply func(session int, command string) string

	mu       sync.Mutex
	commands []string // with the numbers of their sessions, which count from 1
}

// Replies that a server does not send.
const (
	hang = "hang" // until the client closes the connection
	cut  = "cut"  // the server closes the connection
)

// startFaulty starts a server, which ends with the test, after its clients.
func startFaulty(t *testing.T, reply func(session int, command string) string) *faultyServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &faultyServer{addr: l.Addr().String(), reply: reply}
	var running sync.WaitGroup
	running.Go(func() {
		for session := 1; ; session++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { s.serve(session, c) })
		}
	})
	t.Cleanup(func() { l.Close(); running.Wait() })
	return s
}

func (s *faultyServer) serve(session int, c net.Conn) {
	defer c.Close()
	fmt.Fprint(c, "220 ready\r\n")
	inMail := false
	for lines := bufio.NewScanner(c); lines.Scan(); {
		line := lines.Text()
		if inMail && line != "." {
			continue
		}
		command, _, _ := strings.Cut(line, " ")
		s.mu.Lock()
		s.commands = append(s.commands, fmt.Sprint(session, " ", command))
		reply := s.reply(session, command)
		s.mu.Unlock()
		switch {
		case reply == hang:
			continue
		case reply == cut:
			return
		case reply == "":
			reply = map[string]string{"DATA": "354 go ahead", "QUIT": "221 bye"}[command]
		}
		inMail = strings.HasPrefix(reply, "354")
		if reply == "" {
			reply = "250 ok"
		}
		fmt.Fprint(c, reply, "\r\n")
		if strings.HasPrefix(reply, "221") || strings.HasPrefix(reply, "421") {
			return
		}
	}
}

// count returns how often a session got a command.
func (s *faultyServer) count(session int, command string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.commands {
		if c == fmt.Sprint(session, " ", command) {
			n++
		}
	}
	return n
}

// TestLimitOfMailsPerSession: the server accepts 20 mails in a session and then answers 452. Each
// mail arrives, in a new session after 20.
func TestLimitOfMailsPerSession(t *testing.T) {
	mails := map[int]int{}
	server := startFaulty(t, func(session int, command string) string {
		if command == "MAIL" {
			if mails[session]++; mails[session] > 20 {
				return "452 4.5.3 too many messages in this session"
			}
		}
		return ""
	})
	s := mail.New(config(t, server.addr, "none"))
	for i := range 50 {
		if err := send(t, s, fmt.Sprintf("user%d@nlb.example", i)); err != nil {
			t.Errorf("mail %d: %v", i+1, err)
		}
	}
	s.Close()
	for session, want := range []int{0, 20, 20, 10} {
		if got := server.count(session, "."); got != want {
			t.Errorf("%d mails in session %d, want %d", got, session, want)
		}
	}
	for session := 1; session <= 3; session++ {
		if server.count(session, "QUIT") != 1 {
			t.Errorf("session %d ended without QUIT", session)
		}
	}
}

// TestFaultsWithinASession sends a mail in a new session, and another in the same session, in which
// the server answers one command differently. A mail is repeated at once in a new session only if the
// server has not got it.
func TestFaultsWithinASession(t *testing.T) {
	for _, c := range []struct {
		command, reply string
		err            string // part of the error of the second mail; empty: none
		repeated       bool
	}{
		{"MAIL", cut, "", true},
		{"MAIL", "421 shutting down", "", true},
		{"RCPT", "421 shutting down", "", true},
		{"RCPT", "451 later", "", true},
		{"RCPT", "550 no mailbox", "550", false},
		{"DATA", cut, "", true},
		{"DATA", "452 full", "", true},
		{"DATA", "554 no", "554", false},
		{".", "421 shutting down", "", true},
		{".", "451 later", "", true},
		{".", "554 no", "554", false},
		{".", cut, "not confirmed", false},
	} {
		t.Run(c.command+" "+c.reply, func(t *testing.T) {
			seen := 0
			server := startFaulty(t, func(session int, command string) string {
				if command != c.command || session > 1 {
					return ""
				}
				if seen++; seen == 2 {
					return c.reply
				}
				return ""
			})
			s := mail.New(config(t, server.addr, "none"))
			defer s.Close()
			if err := send(t, s, "ann@nlb.example"); err != nil {
				t.Fatal(err)
			}
			err := send(t, s, "bob@nlb.example")
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("Send = %v, want %q", err, c.err)
			}
			if repeated := server.count(2, "MAIL") == 1; repeated != c.repeated {
				t.Errorf("repeated in a new session: %t, want %t", repeated, c.repeated)
			}
			if resets := server.count(1, "RSET"); resets > 1 {
				t.Errorf("%d times RSET, want at most 1", resets)
			}
			if err := send(t, s, "cleo@nlb.example"); err != nil {
				t.Errorf("the next mail: %v", err)
			}
		})
	}
}

// TestServerHangsAtEnd: the server does not answer RSET after a refused mail, or QUIT. Send ends with
// its context, and Close waits for two seconds.
func TestServerHangsAtEnd(t *testing.T) {
	for _, command := range []string{"RSET", "QUIT"} {
		for _, code := range []int{451, 554} {
			t.Run(fmt.Sprint(command, " ", code), func(t *testing.T) {
				begin := time.Now()
				refusal := fmt.Sprint(code, " no")
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				server := startFaulty(t, func(_ int, got string) string {
					switch got {
					case command:
						cancel()
						return hang
					case "DATA":
						return refusal
					}
					return ""
				})
				s := mail.New(config(t, server.addr, "none"))
				err := s.Send(ctx, message())
				s.Close()
				if took := time.Since(begin); took > 9*time.Second { // the timeout of a mail is 10 s
					t.Errorf("took %v", took)
				}
				if refusal, ok := errors.AsType[*task.Refusal](err); !ok || refusal.Final != (code == 554) {
					t.Errorf("Send = %v, want a refusal with code %d", err, code)
				}
			})
		}
	}
}

// TestFullSessionsEndInTheBackground: the server does not answer QUIT before the test ends it. The last
// mail of a session does not wait.
func TestFullSessionsEndInTheBackground(t *testing.T) {
	server := startFaulty(t, func(_ int, command string) string {
		return map[string]string{"QUIT": hang}[command]
	})
	s := mail.New(config(t, server.addr, "none"))
	defer s.Close()
	var took []time.Duration
	for range 100 {
		begin := time.Now()
		if err := send(t, s, "ann@nlb.example"); err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(begin))
	}
	if last := took[99]; last > time.Second && last > 2*slices.Max(took[:99]) { // waiting for QUIT takes 2 s
		t.Errorf("the last mail of the session took %v", last)
	}
}
