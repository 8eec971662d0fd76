package notification_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/battery-passport/suite/notification-service/internal/notification"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
)

// TestMailOutage: during an outage of an hour, events are handled and files are written, the
// mail server is contacted less and less often, and afterwards each mail is sent once.
func TestMailOutage(t *testing.T) {
	attempts := 0
	down := func(notification.Message) error { attempts++; return errors.New("connection refused") }
	mail, files := &channel{name: notification.Mail, fail: down}, &channel{name: notification.File}
	s := newService(t, mail, files)
	s.handle("user.registered", ann)
	for i := range 60 {
		for range 5 {
			s.handle("passport.created", fmt.Sprintf(`{"passportId":"p%d","createdBy":"ann"}`, s.events))
		}
		s.deliver()
		if len(files.sent) != 1+5*(i+1) {
			t.Fatalf("%d files after %d minutes", len(files.sent), i)
		}
		s.now = s.now.Add(time.Minute)
	}
	if len(mail.sent) > 0 || attempts > 70 {
		t.Errorf("%d mails, want 0; %d attempts, want at most 70", len(mail.sent), attempts)
	}
	page, err := s.Records.List(t.Context(), store.Query{Scopes: []string{"user:ann"}, Order: store.OldestFirst, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	if d := page.Rows[0].Doc.Deliveries[1]; d.State != notification.Pending || d.Reason != "connection refused" || d.Attempts != 0 || d.NextTry.IsZero() {
		t.Errorf("first mail during the outage: %+v", d)
	}
	mail.fail = nil
	for range 2 {
		s.now = s.now.Add(time.Minute)
		s.deliver()
	}
	ids := map[string]bool{}
	for _, m := range mail.sent {
		ids[m.ID] = true
	}
	if len(mail.sent) != 301 || len(ids) != 301 {
		t.Errorf("%d mails with %d ids, want 301", len(mail.sent), len(ids))
	}
	if _, d := s.newest("ann", notification.Mail); d.State != notification.Sent || d.Attempts != 1 || d.Reason != "" || !d.NextTry.IsZero() || d.SentAt.IsZero() {
		t.Errorf("after the outage: %+v", d)
	}
}

func TestRefusals(t *testing.T) {
	var refusal *task.Refusal
	mail := &channel{name: notification.Mail, fail: func(m notification.Message) error {
		if m.To == "ann@nlb.example" && refusal != nil {
			return refusal
		}
		return nil
	}}
	s := newService(t, mail)
	s.handle("user.registered", ann)
	s.handle("user.registered", `{"userId":"bob","email":"bob@nlb.example","role":"user"}`)

	refusal = &task.Refusal{Reason: "451 busy\r\nlater"}
	s.deliver()
	_, d := s.newest("ann", notification.Mail)
	if d.State != notification.Pending || d.Attempts != 1 || d.Reason != "451 busy later" || !d.NextTry.After(s.now) || d.NextTry.After(s.now.Add(time.Minute)) {
		t.Errorf("temporarily refused: %+v", d)
	}
	if _, d := s.newest("bob", notification.Mail); d.State != notification.Sent {
		t.Errorf("mail to another user: %+v", d)
	}
	s.deliver()
	if _, next := s.newest("ann", notification.Mail); next != d {
		t.Errorf("tried before nextTry: %+v", next)
	}
	s.now = s.now.Add(time.Hour)
	refusal = nil
	s.deliver()
	if _, d = s.newest("ann", notification.Mail); d.State != notification.Sent || d.Attempts != 2 {
		t.Errorf("accepted later: %+v", d)
	}

	refusal = &task.Refusal{Final: true, Reason: "550 no such user"}
	s.handle("passport.created", `{"passportId":"p","createdBy":"ann"}`)
	s.deliver()
	s.now = s.now.Add(24 * time.Hour)
	s.deliver()
	if _, d = s.newest("ann", notification.Mail); d.State != notification.Failed || d.Attempts != 1 || d.Reason != "550 no such user" {
		t.Errorf("permanently refused: %+v", d)
	}

	// Temporarily refused all the time: given up after some days.
	refusal = &task.Refusal{Reason: "452 full"}
	s.now = s.now.Add(time.Second)
	s.handle("passport.created", `{"passportId":"q","createdBy":"ann"}`)
	begun := s.now
	for d.State = notification.Pending; d.State == notification.Pending; s.now = s.now.Add(time.Minute) {
		s.deliver()
		_, d = s.newest("ann", notification.Mail)
		s.now = s.now.Add(max(0, d.NextTry.Sub(s.now)))
	}
	if days := s.now.Sub(begun).Hours() / 24; d.State != notification.Failed || d.Attempts != 100 || days < 2 || days > 5 {
		t.Errorf("given up after %.1f days: %+v", days, d)
	}
}

func TestMailWaitsForAddress(t *testing.T) {
	mail := &channel{name: notification.Mail}
	s := newService(t, mail)
	s.handle("passport.created", `{"passportId":"p","createdBy":"ann"}`)
	s.deliver()
	if _, d := s.newest("ann", notification.Mail); d.State != notification.Pending || !strings.Contains(d.Reason, "address") || len(mail.sent) > 0 {
		t.Errorf("before the address is known: %+v, %d mails", d, len(mail.sent))
	}
	s.handle("user.updated", `{"userId":"ann","email":"ann@nlb.example","role":"user"}`)
	s.deliver()
	if _, d := s.newest("ann", notification.Mail); d.State != notification.Sent || len(mail.sent) != 1 || mail.sent[0].To != "ann@nlb.example" {
		t.Errorf("after the address is known: %+v, %+v", d, mail.sent)
	}
	s.now = s.now.Add(time.Second)
	s.handle("user.updated", `{"userId":"ann","email":"ann@nlb.example","role":"user","disabled":true}`)
	s.handle("passport.updated", `{"passportId":"p","updatedBy":"bob"}`)
	s.deliver()
	if _, d := s.newest("ann", notification.Mail); d.State != notification.Failed || d.Reason != "the account is disabled" {
		t.Errorf("to a disabled account: %+v", d)
	}
}

// TestAddressArrivesDuringDispatch: a mail is sent if the address becomes known at the moment
// when the mail is stored as waiting.
func TestAddressArrivesDuringDispatch(t *testing.T) {
	mail := &channel{name: notification.Mail}
	s := newService(t, mail)
	const n = 100
	for i := range n {
		user := fmt.Sprint("user", i)
		s.handle("passport.created", fmt.Sprintf(`{"passportId":"p%d","createdBy":%q}`, i, user))
		e := event.Envelope{ID: user, Type: "user.updated", Time: s.now, Data: fmt.Appendf(nil, `{"userId":%q,"email":"%s@nlb.example","role":"user"}`, user, user)}
		var wg sync.WaitGroup
		wg.Go(func() { s.deliver() })
		time.Sleep(rand.N(2 * time.Millisecond)) // at a random moment of the dispatch
		if _, err := s.Handle(t.Context(), []event.Envelope{s.accountEvent(e)}); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
	}
	s.deliver()
	if len(mail.sent) != n {
		t.Errorf("%d mails, want %d", len(mail.sent), n)
	}
}

// TestWorkersShareMails: four workers send each mail once. A mail that a worker was sending
// when it was killed is sent after its lease has expired.
func TestWorkersShareMails(t *testing.T) {
	kill := true
	mail := &channel{name: notification.Mail}
	mail.fail = func(notification.Message) error {
		if kill {
			kill = false
			runtime.Goexit()
		}
		return nil
	}
	s := newService(t, mail)
	s.handle("user.registered", ann)
	const n = 50
	for i := range n {
		s.handle("passport.created", fmt.Sprintf(`{"passportId":"p%d","createdBy":"ann"}`, i))
	}
	killed := make(chan bool)
	go func() {
		defer close(killed)
		_ = s.worker.RunDue(t.Context())
	}()
	<-killed
	var wg sync.WaitGroup
	for range 4 {
		w := s.newWorker()
		wg.Go(func() {
			if err := w.RunDue(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(mail.sent) != n {
		t.Errorf("%d mails, want all but the one of the killed worker", len(mail.sent))
	}
	s.now = s.now.Add(31 * time.Second)
	s.deliver()
	if len(mail.sent) != n+1 {
		t.Errorf("%d mails, want %d", len(mail.sent), n+1)
	}
}

// TestOldAccountEventsAreIgnored sends versions of an account in the wrong order.
func TestOldAccountEventsAreIgnored(t *testing.T) {
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	version := func(sequence int64, minute time.Duration, payload string) event.Envelope {
		return event.Envelope{ID: fmt.Sprint(sequence, minute), Topic: "user.updated", Source: "/auth-service", Key: "ann", Type: "user.updated", Sequence: sequence, Time: at.Add(minute * time.Minute), Data: []byte(payload)}
	}
	admin, user := `{"userId":"ann","email":"new@nlb.example","role":"admin"}`, `{"userId":"ann","email":"old@nlb.example","role":"user"}`
	for name, events := range map[string][]event.Envelope{
		"in order":     {version(2, 1, user), version(3, 2, admin)},
		"repeated":     {version(2, 1, user), version(3, 2, admin), version(2, 1, user)},
		"out of order": {version(3, 2, admin), version(2, 1, user), version(2, 9, user)},
	} {
		s := newService(t)
		for _, e := range events {
			if _, err := s.Handle(t.Context(), []event.Envelope{e}); err != nil {
				t.Fatal(err)
			}
		}
		row, err := s.Accounts.Get(t.Context(), "ann")
		if err != nil || row.Doc.Email != "new@nlb.example" || row.Doc.Role != auth.Admin {
			t.Errorf("%s: %+v, %v", name, row.Doc, err)
		}
		s.handle("passport.created", `{"passportId":"p","createdBy":"bob"}`)
		if r, _ := s.newest("ann", notification.List); r.EventType != "passport.created" {
			t.Errorf("%s: newest notification of the admin: %+v", name, r)
		}
	}
}
