package notification_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

// office is a service with a worker on a clock of its own.
type office struct {
	*notification.Service
	t      *testing.T
	db     store.DB
	worker *task.Worker
	now    time.Time
	n      int
}

func newOffice(t *testing.T, channels ...*channel) *office {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "notifications.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	o := &office{t: t, db: db, now: time.Date(2026, 11, 22, 10, 30, 0, 0, time.UTC)}
	clock := func() time.Time { return o.now }
	o.Service = &notification.Service{
		Records: store.Open(db, notification.Schema()), Accounts: store.Open(db, notification.AccountSchema()),
		Owners: store.Open(db, notification.OwnerSchema()), Tasks: task.NewQueue(db, clock), Now: clock, NewID: func() string { return fmt.Sprint("new", o.n) },
	}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	for _, c := range channels {
		o.Dispatchers = append(o.Dispatchers, &notification.Dispatcher{Name: c.name, Channel: c, Records: o.Records, Accounts: o.Accounts, Log: log})
	}
	o.worker = o.newWorker()
	return o
}

func (o *office) newWorker() *task.Worker {
	var kinds []task.Kind
	for _, d := range o.Dispatchers {
		kinds = append(kinds, d.Kind())
	}
	return task.NewWorker(o.Tasks, slog.New(slog.NewTextHandler(o.t.Output(), nil)), nil, kinds...)
}

// happens handles an event of now.
func (o *office) happens(topic, payload string) {
	o.t.Helper()
	o.n++
	e := event.Envelope{ID: fmt.Sprint(o.n), Type: topic, Time: o.now, Data: []byte(payload)}
	for range 2 { // what comes twice is the same as once
		if err := o.Handle(o.t.Context(), e); err != nil {
			o.t.Fatal(err)
		}
	}
}

// round delivers what is due.
func (o *office) round() {
	o.t.Helper()
	if err := o.worker.RunDue(o.t.Context()); err != nil {
		o.t.Fatal(err)
	}
}

// newest returns somebody's newest notification and its delivery on a channel.
func (o *office) newest(user string, c notification.ChannelName) (notification.Record, notification.Delivery) {
	o.t.Helper()
	page, err := o.List(auth.NewContext(o.t.Context(), auth.Principal{UserID: user}), notification.Filter{}, "", 1)
	if err != nil || len(page.Rows) == 0 {
		o.t.Fatalf("%s has %v, %v", user, page.Rows, err)
	}
	for _, d := range page.Rows[0].Doc.Deliveries {
		if d.Channel == c {
			return page.Rows[0].Doc, d
		}
	}
	return page.Rows[0].Doc, notification.Delivery{}
}

// channel keeps what it carries, unless it is told to fail.
type channel struct {
	name notification.ChannelName
	fail func(notification.Message) error

	mu  sync.Mutex
	got []notification.Message
}

func (c *channel) Deliver(_ context.Context, m notification.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail != nil {
		if err := c.fail(m); err != nil {
			return err
		}
	}
	c.got = append(c.got, m)
	return nil
}

const ann = `{"userId":"ann","email":"ann@nlb.example","role":"user"}`

// TestAnOutageOfAnHour has the mail server away: it holds back no file and no
// event, it is asked ever more seldom, and then every mail goes, once.
func TestAnOutageOfAnHour(t *testing.T) {
	asked := 0
	away := func(notification.Message) error { asked++; return errors.New("connection refused") }
	post, files := &channel{name: notification.Mail, fail: away}, &channel{name: notification.File}
	o := newOffice(t, post, files)
	o.happens("user.registered", ann)
	for i := range 60 {
		for range 5 {
			o.happens("passport.created", fmt.Sprintf(`{"passportId":"p%d","createdBy":"ann"}`, o.n))
		}
		o.round()
		if len(files.got) != 1+5*(i+1) {
			t.Fatalf("%d files after %d minutes", len(files.got), i)
		}
		o.now = o.now.Add(time.Minute)
	}
	if len(post.got) > 0 || asked > 70 {
		t.Errorf("%d mails; the server was asked %d times", len(post.got), asked)
	}
	page, err := o.Records.List(t.Context(), store.Query{Scopes: []string{"user:ann"}, Order: store.OldestFirst, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	if d := page.Rows[0].Doc.Deliveries[1]; d.State != notification.Pending || d.Reason != "connection refused" || d.Attempts != 0 || d.NextTry.IsZero() {
		t.Errorf("the first mail waits as %+v", d)
	}
	post.fail = nil
	for range 2 {
		o.now = o.now.Add(time.Minute)
		o.round()
	}
	ids := map[string]bool{}
	for _, m := range post.got {
		ids[m.ID] = true
	}
	if len(post.got) != 301 || len(ids) != 301 {
		t.Errorf("%d mails, %d that differ; want 301", len(post.got), len(ids))
	}
	if _, d := o.newest("ann", notification.Mail); d.State != notification.Sent || d.Attempts != 1 || d.Reason != "" || !d.NextTry.IsZero() || d.SentAt.IsZero() {
		t.Errorf("then it is %+v", d)
	}
}

func TestRefusals(t *testing.T) {
	var refusal *notification.Refusal
	post := &channel{name: notification.Mail, fail: func(m notification.Message) error {
		if m.To == "ann@nlb.example" && refusal != nil {
			return refusal
		}
		return nil
	}}
	o := newOffice(t, post)
	o.happens("user.registered", ann)
	o.happens("user.registered", `{"userId":"bob","email":"bob@nlb.example"}`)

	refusal = &notification.Refusal{Reason: "451 busy\r\nlater"}
	o.round()
	_, d := o.newest("ann", notification.Mail)
	if d.State != notification.Pending || d.Attempts != 1 || d.Reason != "451 busy  later" || !d.NextTry.After(o.now) || d.NextTry.After(o.now.Add(time.Minute)) {
		t.Errorf("refused for now: %+v", d)
	}
	if _, d := o.newest("bob", notification.Mail); d.State != notification.Sent {
		t.Errorf("another's is %+v", d)
	}
	o.round()
	if _, again := o.newest("ann", notification.Mail); again != d {
		t.Errorf("before its time it is tried again: %+v", again)
	}
	o.now = o.now.Add(time.Hour)
	refusal = nil
	o.round()
	if _, d = o.newest("ann", notification.Mail); d.State != notification.Sent || d.Attempts != 2 {
		t.Errorf("when it is taken: %+v", d)
	}

	refusal = &notification.Refusal{Final: true, Reason: "550 no such user"}
	o.happens("passport.created", `{"passportId":"p","createdBy":"ann"}`)
	o.round()
	o.now = o.now.Add(24 * time.Hour)
	o.round()
	if _, d = o.newest("ann", notification.Mail); d.State != notification.Failed || d.Attempts != 1 || d.Reason != "550 no such user" {
		t.Errorf("refused for good: %+v", d)
	}

	// Refused for now, again and again: it is given up after some days.
	refusal = &notification.Refusal{Reason: "452 full"}
	o.now = o.now.Add(time.Second)
	o.happens("passport.created", `{"passportId":"q","createdBy":"ann"}`)
	begun := o.now
	for d.State = notification.Pending; d.State == notification.Pending; o.now = o.now.Add(time.Minute) {
		o.round()
		_, d = o.newest("ann", notification.Mail)
		o.now = o.now.Add(max(0, d.NextTry.Sub(o.now)))
	}
	if days := o.now.Sub(begun).Hours() / 24; d.State != notification.Failed || d.Attempts != 100 || days < 2 || days > 5 {
		t.Errorf("given up after %.1f days: %+v", days, d)
	}
}

func TestMailWaitsForTheAddress(t *testing.T) {
	post := &channel{name: notification.Mail}
	o := newOffice(t, post)
	o.happens("passport.created", `{"passportId":"p","createdBy":"ann"}`)
	o.round()
	if _, d := o.newest("ann", notification.Mail); d.State != notification.Pending || !strings.Contains(d.Reason, "address") || len(post.got) > 0 {
		t.Errorf("before the address is known: %+v, %d mails", d, len(post.got))
	}
	o.happens("user.updated", `{"userId":"ann","email":"ann@nlb.example","role":"user"}`)
	o.round()
	if _, d := o.newest("ann", notification.Mail); d.State != notification.Sent || len(post.got) != 1 || post.got[0].To != "ann@nlb.example" {
		t.Errorf("then: %+v, %+v", d, post.got)
	}
	o.now = o.now.Add(time.Second)
	o.happens("user.updated", `{"userId":"ann","email":"ann@nlb.example","disabled":true}`)
	o.happens("passport.updated", `{"passportId":"p","updatedBy":"bob"}`)
	o.round()
	if _, d := o.newest("ann", notification.Mail); d.State != notification.Failed || d.Reason != "the account is disabled" {
		t.Errorf("to a disabled account: %+v", d)
	}
}

// TestAddressIsLearnedMeanwhile has an address come at the moment when its mail
// is put aside.
func TestAddressIsLearnedMeanwhile(t *testing.T) {
	post := &channel{name: notification.Mail}
	o := newOffice(t, post)
	const n = 100
	for i := range n {
		user := fmt.Sprint("user", i)
		o.happens("passport.created", fmt.Sprintf(`{"passportId":"p%d","createdBy":%q}`, i, user))
		e := event.Envelope{ID: user, Type: "user.updated", Time: o.now, Data: fmt.Appendf(nil, `{"userId":%q,"email":"%s@nlb.example"}`, user, user)}
		var wg sync.WaitGroup
		wg.Go(func() { o.round() })
		time.Sleep(rand.N(2 * time.Millisecond)) // whenever the dispatcher is where
		if err := o.Handle(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
	}
	o.round()
	if len(post.got) != n {
		t.Errorf("%d mails, want %d", len(post.got), n)
	}
}

// TestDispatchersShareTheWork has four go through the same mails, after one was
// killed with a mail in hand.
func TestDispatchersShareTheWork(t *testing.T) {
	dead := true
	post := &channel{name: notification.Mail}
	post.fail = func(notification.Message) error {
		if dead {
			dead = false
			runtime.Goexit()
		}
		return nil
	}
	o := newOffice(t, post)
	o.happens("user.registered", ann)
	const n = 50
	for i := range n {
		o.happens("passport.created", fmt.Sprintf(`{"passportId":"p%d","createdBy":"ann"}`, i))
	}
	killed := make(chan bool)
	go func() {
		defer close(killed)
		_ = o.worker.RunDue(t.Context())
	}()
	<-killed
	var wg sync.WaitGroup
	for range 4 {
		w := o.newWorker()
		wg.Go(func() {
			if err := w.RunDue(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(post.got) != n {
		t.Errorf("%d mails, want all but the one in the hand of the dead", len(post.got))
	}
	o.now = o.now.Add(31 * time.Second)
	o.round()
	if len(post.got) != n+1 {
		t.Errorf("%d mails, want %d", len(post.got), n+1)
	}
}

// TestPendingDeliveriesOfEarlierReleases have no task; nor have those of a process
// that was killed before it enqueued one.
func TestPendingDeliveriesOfEarlierReleases(t *testing.T) {
	post := &channel{name: notification.Mail}
	o := newOffice(t, post)
	o.happens("user.registered", ann)
	o.round()
	for id, d := range map[string]notification.Delivery{
		"pending": {Channel: notification.Mail, State: notification.Pending},
		"retried": {Channel: notification.Mail, State: notification.Pending, Attempts: 3, NextTry: o.now.Add(time.Hour), Reason: "busy"},
		"sent":    {Channel: notification.Mail, State: notification.Sent, Attempts: 1},
		"failed":  {Channel: notification.Mail, State: notification.Failed, Attempts: 1},
		"file":    {Channel: notification.File, State: notification.Pending}, // which is switched off
	} {
		if _, err := o.Records.Insert(t.Context(), id, notification.Record{ID: id, Recipient: "ann", Metadata: "{}", CreatedAt: o.now, Deliveries: []notification.Delivery{d}}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 2 {
		o.now = o.now.Add(2 * time.Minute)
		if err := o.ResumeTask().Run(t.Context(), task.Task{}); err != nil {
			t.Fatal(err)
		}
		o.round()
		if len(post.got) != 3 {
			t.Errorf("after %d times: %d mails, want the welcome and the two that were pending", i+1, len(post.got))
		}
	}
	if _, err := o.Records.Get(t.Context(), "retried"); err != nil {
		t.Error(err)
	}
}

// TestResumedDeliveriesKeepTheirTrace has the tasks of several events lost, as
// when the process is killed after it inserts the records. Each task that is
// enqueued for them continues the trace of its event.
func TestResumedDeliveriesKeepTheirTrace(t *testing.T) {
	o := newOffice(t, &channel{name: notification.Mail})
	o.happens("user.registered", ann)
	o.round()
	queue, lost := o.Tasks, newOffice(t).Tasks
	o.Tasks = lost
	traces := map[string]string{"passport.created": "4bf92f3577b34da6a3ce929d0e0e4736", "passport.updated": "0af7651916cd43dd8448eb211c80319c"}
	for topic, id := range traces {
		e := event.Envelope{ID: topic, Type: topic, Time: o.now, Data: []byte(`{"passportId":"p","createdBy":"ann"}`)}
		if err := o.Handle(trace.NewContext(t.Context(), "00-"+id+"-00f067aa0ba902b7-01"), e); err != nil {
			t.Fatal(err)
		}
	}
	o.Tasks, o.now = queue, o.now.Add(2*time.Minute)
	if err := o.ResumeTask().Run(trace.NewContext(t.Context(), ""), task.Task{}); err != nil {
		t.Fatal(err)
	}
	page, err := store.Open(o.db, task.Schema()).List(t.Context(), store.Query{Scopes: []string{"notification.mail"}, Filters: map[string]string{"state": string(task.Waiting)}, Limit: 10})
	if err != nil || len(page.Rows) != len(traces) {
		t.Fatalf("%d tasks, %v, want %d", len(page.Rows), err, len(traces))
	}
	for _, row := range page.Rows {
		var id string
		if err := json.Unmarshal(row.Doc.Data, &id); err != nil {
			t.Fatal(err)
		}
		record, err := o.Records.Get(t.Context(), id)
		if want := traces[record.Doc.EventType]; err != nil || !strings.HasPrefix(row.Doc.Traceparent, "00-"+want+"-") {
			t.Errorf("task of %s has the trace %s, %v, want %s", record.Doc.EventType, row.Doc.Traceparent, err, want)
		}
	}
}

// TestPeopleAreWhoTheyAreByNow gives versions of an account in a wrong order.
func TestPeopleAreWhoTheyAreByNow(t *testing.T) {
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	version := func(sequence int64, minute time.Duration, payload string) event.Envelope {
		return event.Envelope{ID: fmt.Sprint(sequence, minute), Type: "user.updated", Sequence: sequence, Time: at.Add(minute * time.Minute), Data: []byte(payload)}
	}
	admin, user := `{"userId":"ann","email":"new@nlb.example","role":"admin"}`, `{"userId":"ann","email":"old@nlb.example","role":"user"}`
	for name, events := range map[string][]event.Envelope{
		"in order":              {version(1, 1, user), version(2, 2, admin)},
		"out of order":          {version(2, 2, admin), version(1, 1, user), version(1, 9, user)},
		"without a sequence":    {version(0, 2, admin), version(0, 1, user)},
		"some without sequence": {version(0, 1, user), version(5, 2, admin), version(0, 1, user)},
	} {
		o := newOffice(t)
		for _, e := range events {
			if err := o.Handle(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		row, err := o.Accounts.Get(t.Context(), "ann")
		if err != nil || row.Doc.Email != "new@nlb.example" || row.Doc.Role != auth.Admin {
			t.Errorf("%s: %+v, %v", name, row.Doc, err)
		}
		o.happens("passport.created", `{"passportId":"p","createdBy":"bob"}`)
		if r, _ := o.newest("ann", notification.List); r.EventType != "passport.created" {
			t.Errorf("%s: the admin has %+v", name, r)
		}
	}
}
