package notificationd_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/mail/mailsink"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// startBounded runs a service with a limit of mails per hour and a clock of its own.
func startBounded(t *testing.T, limit int, ahead *atomic.Int64) *service {
	t.Helper()
	sink := mailServer(t, mailsink.Options{})
	cfg := settings(t, connect.Config{Dir: t.TempDir()}, sink)
	cfg.Kafka.Brokers, cfg.Mail.PerHour = ownBroker(t), limit
	cfg.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	s := startWith(t, cfg, authtest.New(t))
	s.sink = sink
	return s
}

// at registers an account with an address.
func (s *service) at(address string) person {
	s.T.Helper()
	id := uuid.NewString()
	p := person{id: id, email: address, token: s.issuer.Token(s.T, auth.Principal{UserID: id, Email: address, Role: auth.User})}
	s.account("user.registered", p, 1, "role", "user")
	return p
}

// mailStates waits until each of n notifications of a person has been mailed or waits for a
// digest, and returns how many have been mailed.
func (s *service) mailStates(p person, n int) (sent int) {
	s.T.Helper()
	s.await(p, "", func(rows []row) bool {
		settled := 0
		sent = 0
		for _, r := range rows {
			for _, c := range r.Channels {
				if c.Channel == "mail" && c.Status == "sent" {
					sent++
				}
				if c.Channel == "mail" && (c.Status == "sent" || c.Digest && c.Status == "pending") {
					settled++
				}
			}
		}
		return len(rows) == n && settled == n
	})
	return sent
}

// TestTagsOfOneMailboxShareTheLimit registers 20 accounts, whose addresses are spellings of one
// mailbox with tags. They get one mail less than allowed, which the address without a tag gets.
// An account at another mailbox gets its mail.
func TestTagsOfOneMailboxShareTheLimit(t *testing.T) {
	s := startBounded(t, 3, new(atomic.Int64))
	sent := 0
	for i := range 20 {
		address := []string{"vic.tim+%d@gmail.com", "v.ictim+%d@Googlemail.com", "VICTIM+a+%d@GMAIL.com", "victim+%d@ｇmail。com"}[i%4]
		sent += s.mailStates(s.at(fmt.Sprintf(address, i)), 1)
	}
	if mails := len(s.sink.Mails()); sent != 2 || mails != 2 {
		t.Errorf("%d notifications were mailed in %d mails, want 2", sent, mails)
	}
	for _, address := range []string{"v.ictim@gmail.com", "vict.im@gmail.com", "victim@googlemail.com"} {
		if s.mailStates(s.at(address), 1) != 0 {
			t.Errorf("the mail to %s was sent, which is a variant of its mailbox", address)
		}
	}
	for _, address := range []string{"victim@gmail.com", "vic.tim@nlb.example", "victim@nlb.example", "+tag@nlb.example", "+other@nlb.example"} {
		if s.mailStates(s.at(address), 1) != 1 {
			t.Errorf("the mail to %s was not sent", address)
		}
	}
}

// TestTagsDoNotKeepMailFromAMailbox: strangers register addresses with tags of the mailbox of
// Ann, one of them changes its address again and again, and all cause events every hour. In no
// hour does the mailbox get more mails than allowed. Ann gets her mail every hour, and the
// mails of all others are postponed, not dropped.
func TestTagsDoNotKeepMailFromAMailbox(t *testing.T) {
	const limit, strangers, hours = 3, 5, 4
	var ahead atomic.Int64
	s := startBounded(t, limit, &ahead)
	event := func(p person) {
		id := uuid.NewString()
		s.send("passport.created", id, object("passportId", id, "createdBy", p.id), header(id)...)
	}
	ann := s.at("ann@nlb.example")
	if s.mailStates(ann, 1) != 1 {
		t.Error("Ann got no mail before the attack")
	}
	var others []person
	for i := range strangers {
		p := s.at(fmt.Sprintf("ann+%d@nlb.example", i))
		s.mailStates(p, 1)
		others = append(others, p)
	}
	for n := range hours {
		event(ann)
		for i := range others {
			event(others[i])
			if i == 0 {
				others[i].email = fmt.Sprintf("Ann+new%d@nlb.example", n)
				s.account("user.updated", others[i], n+2, "role", "user")
			}
			s.mailStates(others[i], n+2)
		}
		s.mailStates(ann, n+2)
		if got := len(s.sink.Mails()); got > limit*(n+1) {
			t.Fatalf("%d mails in %d hours, want at most %d in each", got, n+1, limit)
		}
		ahead.Add(int64(time.Hour))
		s.await(ann, "", func(rows []row) bool { return s.mailStates(ann, len(rows)) == n+2 })
	}
	waiting := func() (n int) {
		for _, p := range others {
			n += hours + 1 - s.mailStates(p, hours+1)
		}
		return n
	}
	before, passed := len(s.sink.Mails()), time.Duration(0)
	s.until(func() bool { // a jump of an hour while a task waits for the limit would make it wait for two
		ahead.Add(int64(5 * time.Minute))
		passed += 5 * time.Minute
		return waiting() == 0
	}, func() string { return fmt.Sprintf("%d mails wait", waiting()) })
	if got, most := len(s.sink.Mails())-before, limit*int(passed/time.Hour+2); got > most {
		t.Errorf("%d mails in %v, want at most %d", got, passed, most)
	}
}

// TestSpellingsOfADomainShareTheLimit: the mails to a domain in Unicode, in ASCII and with
// compatibility characters are mails to one mailbox.
func TestSpellingsOfADomainShareTheLimit(t *testing.T) {
	s := startBounded(t, 2, new(atomic.Int64))
	for i, address := range []string{"ann@xn--exmple-cua.example", "ann@exämple.example", "ann@ＥＸämple.example", "ann@exämple。example"} {
		if got, want := s.mailStates(s.at(address), 1), []int{1, 1, 0, 0}[i]; got != want {
			t.Errorf("%s got %d mails, want %d", address, got, want)
		}
	}
}

// TestOneMailPerHour: with a limit of one mail, a mailbox gets one at all of its addresses.
func TestOneMailPerHour(t *testing.T) {
	s := startBounded(t, 1, new(atomic.Int64))
	for i, address := range []string{"bob+1@nlb.example", "bob+2@nlb.example", "bob@nlb.example"} {
		if got, want := s.mailStates(s.at(address), 1), []int{1, 0, 0}[i]; got != want {
			t.Errorf("%s got %d mails, want %d", address, got, want)
		}
	}
}
