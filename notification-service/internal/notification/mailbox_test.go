package notification_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/notification-service/internal/notification"
)

// TestWaitingDigestGoesBeforeOtherMails: an account at the address of a mailbox uses its whole
// limit every hour. The digest of an account at an address with a tag waits for an hour only.
func TestWaitingDigestGoesBeforeOtherMails(t *testing.T) {
	mail := &channel{name: notification.Mail}
	s := newService(t, mail)
	s.MailPerHour = 3
	events := s.created
	s.handle("user.updated", `{"userId":"busy","email":"ann@nlb.example","role":"user"}`)
	s.handle("user.updated", `{"userId":"work","email":"ann+work@nlb.example","role":"user"}`)
	events("busy", 3)
	s.deliver()
	events("work", 1)
	for range 2 {
		s.deliver()
		s.now = s.now.Add(time.Minute) // the digest is due, but must wait
	}
	if _, d := s.newest("work", notification.Mail); d.State != notification.Pending || !d.Digest {
		t.Fatalf("the mailbox has got its limit, but the mail is %+v", d)
	}
	s.now = s.now.Add(time.Hour)
	events("busy", 3)
	s.deliver()
	if _, d := s.newest("work", notification.Mail); d.State != notification.Sent {
		t.Errorf("after an hour, the mail is %+v", d)
	}
}

// created handles n events that are mailed to a user.
func (s *testService) created(user string, n int) {
	s.t.Helper()
	for range n {
		s.handle("passport.created", fmt.Sprintf(`{"passportId":"p%d","createdBy":%q}`, s.events, user))
	}
}

// TestDigestsOfVariantsDoNotHoldBackTheMailbox: digests of strangers at variants of the address
// of Ann wait for a place, and their tasks run again and again. Her mail is sent at once.
func TestDigestsOfVariantsDoNotHoldBackTheMailbox(t *testing.T) {
	s := newService(t, &channel{name: notification.Mail})
	s.MailPerHour = 3
	s.handle("user.updated", `{"userId":"ann","email":"ann@nlb.example","role":"user"}`)
	for i := range 6 {
		s.handle("user.updated", fmt.Sprintf(`{"userId":"u%d","email":"ann+%d@nlb.example","role":"user"}`, i, i))
		s.created(fmt.Sprint("u", i), 1)
	}
	s.deliver()
	s.now = s.now.Add(time.Minute) // the digests are due, but must wait
	s.deliver()
	s.deliver()
	s.created("ann", 1)
	s.deliver()
	if _, d := s.newest("ann", notification.Mail); d.State != notification.Sent {
		t.Errorf("one place is reserved for Ann, but her mail is %+v", d)
	}
}

// TestDigestsAreSentInTurn: the address of Ann at Gmail has a dot, like those of ten strangers
// who cause a new mail as soon as they got one. All get the same share of the mails.
func TestDigestsAreSentInTurn(t *testing.T) {
	const limit, hours, step = 3, 22, 5 * time.Minute
	const name = "annmariasmith"
	mail := &channel{name: notification.Mail}
	s := newService(t, mail)
	s.MailPerHour = limit
	for i := 1; i < len(name)-1; i++ {
		user := name[:i] + "." + name[i:]
		s.handle("user.updated", fmt.Sprintf(`{"userId":%q,"email":"%s@gmail.com","role":"user"}`, user, user))
		s.created(user, 1)
		s.deliver()
		s.now = s.now.Add(step)
	}
	mails, read := map[string]int{}, 0
	for range hours * int(time.Hour/step) {
		s.deliver()
		for ; read < len(mail.sent); read++ {
			user, _, _ := strings.Cut(mail.sent[read].To, "@")
			mails[user]++
			s.created(user, 1)
		}
		s.now = s.now.Add(step)
	}
	if len(mails) != len(name)-2 || read > hours*limit {
		t.Errorf("%d mails to %d addresses, want at most %d to %d", read, len(mails), hours*limit, len(name)-2)
	}
	for user, n := range mails {
		if share := read / len(mails); n < share-1 || n > share+1 {
			t.Errorf("%d of %d mails went to %s: %v", n, read, user, mails)
		}
	}
}

// TestRepeatedDigestKeepsItsPlace: the mail server does not accept a digest that has a place. The
// next attempt is not behind other digests that wait.
func TestRepeatedDigestKeepsItsPlace(t *testing.T) {
	down := false
	mail := &channel{name: notification.Mail, fail: func(m notification.Message) error {
		if down && m.To == "ann+2@nlb.example" {
			return errors.New("connection refused")
		}
		return nil
	}}
	s := newService(t, mail)
	s.MailPerHour = 3
	for i := range 5 {
		user := fmt.Sprint("u", i)
		s.handle("user.updated", fmt.Sprintf(`{"userId":%q,"email":"ann+%d@nlb.example","role":"user"}`, user, i))
		s.created(user, 1)
		s.deliver()
		s.now = s.now.Add(time.Minute)
		s.deliver()
	}
	down = true
	s.now = s.now.Add(time.Hour)
	s.deliver()
	down = false
	s.now = s.now.Add(10 * time.Minute)
	s.deliver()
	for i, want := range []notification.State{notification.Sent, notification.Sent, notification.Sent, notification.Sent, notification.Pending} {
		if _, d := s.newest(fmt.Sprint("u", i), notification.Mail); d.State != want {
			t.Errorf("the mail to ann+%d is %+v, want it %s", i, d, want)
		}
	}
}
