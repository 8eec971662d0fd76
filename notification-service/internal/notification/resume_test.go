package notification_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/notification-service/internal/notification"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
	"github.com/battery-passport/suite/pkg/trace"
)

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
