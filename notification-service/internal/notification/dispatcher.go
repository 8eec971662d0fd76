package notification

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
	"github.com/battery-passport/suite/pkg/trace"
)

const (
	runTimeout     = 20 * time.Second // longer than the deadline of any channel
	minBackoff     = time.Minute      // after a refusal for now
	maxBackoff     = time.Hour
	maxAttempts    = 100 // three to four days
	maxReason      = 300 // bytes
	parked         = 100 * 365 * 24 * time.Hour
	resumeInterval = 10 * time.Minute
	resumeAfter    = time.Minute // a delivery that is younger is being enqueued
)

// Dispatcher delivers notifications on one channel, with a task for each. The
// delivery of the record shows the state of the task.
type Dispatcher struct {
	Name     ChannelName
	Channel  Channel
	Records  *store.Collection[Record]
	Accounts *store.Collection[AccountProjection]
	Log      *slog.Logger
}

// taskKind returns the kind of the tasks of a channel.
func taskKind(c ChannelName) string { return "notification." + string(c) }

// specOf returns the task that delivers a record on a channel.
func specOf(record string, c ChannelName) task.Spec {
	return task.Spec{ID: derived("task", record, string(c)), Kind: taskKind(c), Data: record}
}

// Kind declares how the tasks of the channel run.
func (d *Dispatcher) Kind() task.Kind {
	return task.Kind{
		Name: taskKind(d.Name), Run: d.run, Report: d.report, Timeout: runTimeout, MaxAttempts: maxAttempts, MinBackoff: minBackoff, MaxBackoff: maxBackoff,
	}
}

// run delivers the message of a task, unless it is delivered already. An error of
// the channel that is no Refusal is an outage.
func (d *Dispatcher) run(ctx context.Context, t task.Task) error {
	id, err := recordOf(t)
	if err != nil {
		return task.Permanent(err)
	}
	row, err := d.Records.Get(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	r := &row.Doc
	if delivery := r.delivery(d.Name); delivery == nil || delivery.State != Pending {
		return nil
	}
	to, err := d.address(ctx, r)
	if err != nil {
		return err
	}
	err = d.Channel.Deliver(ctx, Message{
		ID: r.ID, Event: r.Event, To: to, Type: r.Type, EventType: r.EventType, Priority: r.Priority,
		Title: r.Title, Text: r.Message, Metadata: r.Metadata, At: r.CreatedAt,
	})
	refusal, refused := errors.AsType[*Refusal](err)
	switch {
	case err == nil:
		d.Log.InfoContext(ctx, "notification delivered", "channel", d.Name, "notification", r.ID, "eventType", r.EventType)
		return nil
	case !refused:
		return fault.New(fault.Unavailable, "%v", err)
	case refusal.Final:
		return task.Permanent(errors.New(refusal.Reason))
	}
	return errors.New(refusal.Reason)
}

func recordOf(t task.Task) (id string, err error) {
	err = json.Unmarshal(t.Data, &id)
	return id, err
}

// address returns the address of the recipient. Only a mail needs one.
func (d *Dispatcher) address(ctx context.Context, r *Record) (string, error) {
	if r.Address != "" || r.Recipient == "" {
		return r.Address, nil
	}
	row, err := d.Accounts.Get(ctx, r.Recipient)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return "", err
	}
	switch {
	case d.Name == Mail && row.Doc.Email == "":
		return "", errors.New(addressUnknown)
	case d.Name == Mail && row.Doc.Disabled:
		return "", task.Permanent(errors.New("the account is disabled"))
	}
	return row.Doc.Email, nil
}

// report stores the state of a task with its notification.
func (d *Dispatcher) report(ctx context.Context, t task.Task) error {
	id, err := recordOf(t)
	if err != nil {
		return nil // the task has failed for it
	}
	_, err = d.Records.Update(ctx, id, func(r *Record) (store.Change, error) {
		delivery := r.delivery(d.Name)
		if delivery == nil || delivery.State != Pending {
			return store.Change{}, store.ErrNoChange
		}
		delivery.Attempts, delivery.NextTry, delivery.Reason = t.Attempts, time.Time{}, cut(t.LastError)
		switch t.State {
		case task.Done:
			delivery.State, delivery.SentAt = Sent, t.FinishedAt
		case task.Failed:
			delivery.State = Failed
		default:
			delivery.NextTry = t.NotBefore
		}
		r.tidy()
		return store.Change{}, nil
	})
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

func cut(reason string) string { return oneLine(reason[:min(len(reason), maxReason)]) }

// enqueue adds the tasks of pending deliveries, of those that have none yet. A
// task continues the trace of its record.
func (s *Service) enqueue(ctx context.Context, records ...*Record) error {
	specs := map[string][]task.Spec{} // by traceparent
	for _, r := range records {
		for _, delivery := range r.Deliveries {
			if delivery.State != Pending || !s.sends(delivery.Channel) {
				continue
			}
			spec := specOf(r.ID, delivery.Channel)
			if delivery.Channel == Mail && r.AwaitsAddress {
				spec.NotBefore = s.now().Add(parked) // until release
			}
			specs[r.Traceparent] = append(specs[r.Traceparent], spec)
		}
	}
	for traceparent, specs := range specs {
		traced := ctx
		if traceparent != "" { // releases before stored none
			traced = trace.NewContext(ctx, traceparent)
		}
		if _, err := s.Tasks.Enqueue(traced, specs...); err != nil {
			return err
		}
	}
	return nil
}

// ResumeTask enqueues pending deliveries without a task: of a process that was
// killed between the two, and of releases that had no tasks.
func (s *Service) ResumeTask() task.Kind {
	return task.Kind{Name: "notification.resume", Every: resumeInterval, Run: func(ctx context.Context, _ task.Task) error { return s.resume(ctx) }}
}

func (s *Service) resume(ctx context.Context) error {
	q := store.Query{Until: s.now().Add(-resumeAfter), Order: store.OldestFirst, Limit: store.MaxLimit}
	for _, d := range s.Dispatchers {
		q.Scopes = append(q.Scopes, pendingScope(d.Name), retryScope(d.Name))
	}
	for {
		page, err := s.Records.List(ctx, q)
		if err != nil {
			return err
		}
		records := make([]*Record, len(page.Rows))
		for i := range page.Rows {
			records[i] = &page.Rows[i].Doc
		}
		if err := s.enqueue(ctx, records...); err != nil {
			return err
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return nil
		}
	}
}
