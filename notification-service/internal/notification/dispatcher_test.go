package notification_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/battery-passport/suite/notification-service/internal/notification"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/sqlite"
	"github.com/battery-passport/suite/pkg/task"
	"github.com/battery-passport/suite/pkg/trace"
)

// testService is a service with a worker and a test clock.
type testService struct {
	*notification.Service
	t      *testing.T
	db     store.DB
	worker *task.Worker
	now    time.Time
	events int // number of events handled
	log    bytes.Buffer

	versions map[string]int64 // of accounts
}

func newService(t *testing.T, channels ...*channel) *testService {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "notifications.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	s := &testService{t: t, db: db, now: time.Date(2026, 11, 22, 10, 30, 0, 0, time.UTC), versions: map[string]int64{}}
	clock := func() time.Time { return s.now }
	s.Service = &notification.Service{
		Records: store.Open(db, notification.Schema()), Accounts: store.Open(db, notification.AccountSchema()),
		Organisations: store.Open(db, notification.OrganisationSchema()), Owners: store.Open(db, notification.OwnerSchema()),
		Budgets: store.Open(db, notification.BudgetSchema()), Audit: store.Open(db, notification.AuditSchema()), MailPerHour: 1000, Tasks: task.NewQueue(db, clock), Now: clock, NewID: func() string { return fmt.Sprint("new", s.events) },
	}
	log := slog.New(slog.NewTextHandler(io.MultiWriter(t.Output(), &s.log), nil))
	s.Log = log
	for _, c := range channels {
		if c.name == notification.File {
			s.Files = c
		}
		s.Dispatchers = append(s.Dispatchers, &notification.Dispatcher{Name: c.name, Channel: c, Service: s.Service, Log: log})
	}
	s.worker = s.newWorker()
	return s
}

func (s *testService) newWorker() *task.Worker {
	var kinds []task.Kind
	for _, d := range s.Dispatchers {
		kinds = append(kinds, d.Kinds()...)
	}
	return task.NewWorker(s.Tasks, slog.New(slog.NewTextHandler(s.t.Output(), nil)), nil, kinds...)
}

// handle handles an event twice, because events may be delivered more than once.
func (s *testService) handle(topic, payload string) {
	s.t.Helper()
	s.events++
	e := event.Envelope{ID: fmt.Sprint(s.events), Topic: topic, Type: topic, Time: s.now, Data: []byte(payload)}
	if strings.HasPrefix(topic, "user.") {
		e = s.accountEvent(e)
	}
	for range 2 {
		if _, err := s.Handle(s.t.Context(), []event.Envelope{e}); err != nil {
			s.t.Fatal(err)
		}
	}
}

// accountEvent completes an event about an account.
func (s *testService) accountEvent(e event.Envelope) event.Envelope {
	s.t.Helper()
	var p struct{ UserID string }
	if err := json.Unmarshal(e.Data, &p); err != nil {
		s.t.Fatal(err)
	}
	s.versions[p.UserID]++
	if e.Type == "user.updated" && s.versions[p.UserID] == 1 {
		s.versions[p.UserID] = 2
	}
	e.Topic, e.Source, e.Key, e.Sequence = e.Type, "/auth-service", p.UserID, s.versions[p.UserID]
	return e
}

// deliver runs the tasks that are due.
func (s *testService) deliver() {
	s.t.Helper()
	if err := s.worker.RunDue(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// newest returns the newest notification of a user, and its delivery on a channel.
func (s *testService) newest(user string, c notification.ChannelName) (notification.Record, notification.Delivery) {
	s.t.Helper()
	page, err := s.List(auth.NewContext(s.t.Context(), auth.Principal{UserID: user, Role: auth.Admin}), notification.Filter{}, "", 1)
	if err != nil || len(page.Rows) == 0 {
		s.t.Fatalf("notifications of %s: %v, %v", user, page.Rows, err)
	}
	for _, d := range page.Rows[0].Doc.Deliveries {
		if d.Channel == c {
			return page.Rows[0].Doc, d
		}
	}
	return page.Rows[0].Doc, notification.Delivery{}
}

// channel stores the messages that it delivers. Deliver fails if fail returns an error.
type channel struct {
	name notification.ChannelName
	fail func(notification.Message) error

	mu   sync.Mutex
	sent []notification.Message
}

func (c *channel) Deliver(_ context.Context, m notification.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail != nil {
		if err := c.fail(m); err != nil {
			return err
		}
	}
	c.sent = append(c.sent, m)
	return nil
}

// DeliverMany implements notification.BatchChannel.
func (c *channel) DeliverMany(ctx context.Context, messages []notification.Message) []error {
	errs := make([]error, len(messages))
	for i, m := range messages {
		errs[i] = c.Deliver(ctx, m)
	}
	return errs
}

const ann = `{"userId":"ann","email":"ann@nlb.example","role":"user"}`

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
	var refusal *notification.Refusal
	mail := &channel{name: notification.Mail, fail: func(m notification.Message) error {
		if m.To == "ann@nlb.example" && refusal != nil {
			return refusal
		}
		return nil
	}}
	s := newService(t, mail)
	s.handle("user.registered", ann)
	s.handle("user.registered", `{"userId":"bob","email":"bob@nlb.example","role":"user"}`)

	refusal = &notification.Refusal{Reason: "451 busy\r\nlater"}
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

	refusal = &notification.Refusal{Final: true, Reason: "550 no such user"}
	s.handle("passport.created", `{"passportId":"p","createdBy":"ann"}`)
	s.deliver()
	s.now = s.now.Add(24 * time.Hour)
	s.deliver()
	if _, d = s.newest("ann", notification.Mail); d.State != notification.Failed || d.Attempts != 1 || d.Reason != "550 no such user" {
		t.Errorf("permanently refused: %+v", d)
	}

	// Temporarily refused all the time: given up after some days.
	refusal = &notification.Refusal{Reason: "452 full"}
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

// TestResumeEnqueuesPendingDeliveries stores deliveries without a task, as earlier releases
// did, or a process that was killed before it enqueued the task.
func TestResumeEnqueuesPendingDeliveries(t *testing.T) {
	mail := &channel{name: notification.Mail}
	s := newService(t, mail)
	s.handle("user.registered", ann)
	s.deliver()
	for id, d := range map[string]notification.Delivery{
		"pending": {Channel: notification.Mail, State: notification.Pending},
		"retried": {Channel: notification.Mail, State: notification.Pending, Attempts: 3, NextTry: s.now.Add(time.Hour), Reason: "busy"},
		"sent":    {Channel: notification.Mail, State: notification.Sent, Attempts: 1},
		"failed":  {Channel: notification.Mail, State: notification.Failed, Attempts: 1},
		"file":    {Channel: notification.File, State: notification.Pending}, // this channel is disabled
	} {
		if _, err := s.Records.Insert(t.Context(), id, notification.Record{ID: id, Recipient: "ann", EventType: "passport.created", Metadata: "{}", CreatedAt: s.now, Deliveries: []notification.Delivery{d}}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 2 {
		s.now = s.now.Add(2 * time.Minute)
		if err := s.ResumeTask().Run(t.Context(), task.Task{}); err != nil {
			t.Fatal(err)
		}
		s.deliver()
		if len(mail.sent) != 3 {
			t.Errorf("run %d: %d mails, want the welcome and the two pending ones", i+1, len(mail.sent))
		}
	}
	if _, err := s.Records.Get(t.Context(), "retried"); err != nil {
		t.Error(err)
	}
}

// TestResumedDeliveriesKeepTheirTrace loses the tasks of several events, as if the process was
// killed after it inserted the records. The new tasks continue the traces of the events.
func TestResumedDeliveriesKeepTheirTrace(t *testing.T) {
	s := newService(t, &channel{name: notification.Mail})
	s.handle("user.registered", ann)
	s.deliver()
	queue, lost := s.Tasks, newService(t).Tasks
	s.Tasks = lost
	traces := map[string]string{"passport.created": "4bf92f3577b34da6a3ce929d0e0e4736", "passport.updated": "0af7651916cd43dd8448eb211c80319c"}
	for topic, id := range traces {
		e := event.Envelope{ID: topic, Topic: topic, Type: topic, Time: s.now, Data: []byte(`{"passportId":"p","createdBy":"ann"}`), Traceparent: "00-" + id + "-00f067aa0ba902b7-01"}
		if _, err := s.Handle(t.Context(), []event.Envelope{e}); err != nil {
			t.Fatal(err)
		}
	}
	s.Tasks, s.now = queue, s.now.Add(2*time.Minute)
	if err := s.ResumeTask().Run(trace.NewContext(t.Context(), ""), task.Task{}); err != nil {
		t.Fatal(err)
	}
	page, err := store.Open(s.db, task.Schema()).List(t.Context(), store.Query{Scopes: []string{"notification.mail"}, Filters: map[string]string{"state": string(task.Waiting)}, Limit: 10})
	if err != nil || len(page.Rows) != len(traces) {
		t.Fatalf("%d tasks, %v, want %d", len(page.Rows), err, len(traces))
	}
	for _, row := range page.Rows {
		var id string
		if err := json.Unmarshal(row.Doc.Data, &id); err != nil {
			t.Fatal(err)
		}
		record, err := s.Records.Get(t.Context(), id)
		if want := traces[record.Doc.EventType]; err != nil || !strings.HasPrefix(row.Doc.Traceparent, "00-"+want+"-") {
			t.Errorf("task of %s has the trace %s, %v, want %s", record.Doc.EventType, row.Doc.Traceparent, err, want)
		}
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
