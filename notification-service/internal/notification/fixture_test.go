package notification_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
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
