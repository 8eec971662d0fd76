package notificationd_test

import (
	"sync"
	"testing"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/mail/mailsink"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// TestRefusalOfOneMail: the mail server refuses one of twenty mails. The others are sent once,
// and the refused one fails, or waits for another attempt.
func TestRefusalOfOneMail(t *testing.T) {
	for name, c := range map[string]struct {
		code int
		want string
	}{
		"permanently": {550, "list sent, mail failed, file sent"},
		"temporarily": {451, "list sent, mail pending, file sent"},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			seen, refused := 0, ""
			sink := mailServer(t, mailsink.Options{CheckRecipient: func(to string) error {
				mu.Lock()
				defer mu.Unlock()
				if seen++; seen == 10 {
					refused = to
				}
				if to == refused {
					return mailsink.Refuse(c.code, "not now")
				}
				return nil
			}})
			s := startWith(t, settings(t, connect.Config{Dir: t.TempDir()}, sink), authtest.New(t))
			s.sink = sink
			var people []person
			for range 20 {
				people = append(people, s.person(auth.User))
			}
			attempts := func(p person) int {
				return s.about(p, "user.registered", "userId", p.id, "").Channels[1].Attempts
			}
			for _, p := range people {
				s.until(func() bool { return attempts(p) > 0 }, func() string { return "no attempt" })
			}
			mu.Lock()
			defer mu.Unlock()
			for _, p := range people {
				want, mails := "list sent, mail sent, file sent", 1
				if p.email == refused {
					want, mails = c.want, 0
				}
				s.about(p, "user.registered", "userId", p.id, want)
				if got := len(s.mails(p.email)); got != mails {
					t.Errorf("%d mails to %s, want %d", got, p.email, mails)
				}
			}
		})
	}
}
