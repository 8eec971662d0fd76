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
)

const (
	runTimeout     = 20 * time.Second // longer than the timeout of any channel
	minBackoff     = time.Minute      // after a temporary refusal
	maxBackoff     = time.Hour
	maxAttempts    = 100                        // over three to four days
	maxReason      = 300                        // bytes
	parkTime       = 100 * 365 * 24 * time.Hour // until release is called
	resumeInterval = 10 * time.Minute
	resumeAfter    = time.Minute // a younger delivery is still being enqueued
)

// Dispatcher delivers notifications on one channel, with one task per notification. It
// copies the state of the task to the delivery in the record.
type Dispatcher struct {
	Name    ChannelName
	Channel Channel
	Service *Service
	Log     *slog.Logger
	// Concurrency is the number of messages that are delivered at the same time [1].
	Concurrency int
}

// taskKind returns the task kind of a channel.
func taskKind(c ChannelName) string { return "notification." + string(c) }

// newSpec returns the task that delivers a record on a channel.
func newSpec(record string, c ChannelName) task.Spec {
	return task.Spec{ID: deriveID("task", record, string(c)), Kind: taskKind(c), Data: record}
}

// Kinds returns the task kinds of the channel.
func (d *Dispatcher) Kinds() []task.Kind {
	kinds := []task.Kind{{
		Name: taskKind(d.Name), Run: d.run, Report: d.report, Timeout: runTimeout, Concurrency: d.Concurrency, MaxAttempts: maxAttempts, MinBackoff: minBackoff, MaxBackoff: maxBackoff,
	}}
	if d.Name == Mail {
		kinds = append(kinds, d.digestKind())
	}
	return kinds
}

// run delivers the notification of a task unless it was delivered before. A mail that
// exceeds the limit of its recipient waits for a digest.
func (d *Dispatcher) run(ctx context.Context, t task.Task) error {
	id, err := recordID(t)
	if err != nil {
		return task.Permanent(err)
	}
	row, err := d.Service.Records.Get(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	r := &row.Doc
	delivery := r.delivery(d.Name)
	if delivery == nil || delivery.State != Pending {
		return nil
	}
	m := r.message()
	if d.Name == Mail {
		var now bool
		if m.To, now, err = d.prepareMail(ctx, r, delivery); !now || err != nil {
			return err
		}
		if m.Unsubscribe, err = d.Service.unsubscribeURL(ctx, r); err != nil {
			return err
		}
	} else if m.To, err = d.fileAddress(ctx, r); err != nil {
		return err
	}
	if err := d.deliver(ctx, m); err != nil {
		return err
	}
	logDelivered(ctx, d.Log, d.Name, m)
	return nil
}

// prepareMail returns the address of a mail, and whether it is sent now. Otherwise it waits
// for a digest.
func (d *Dispatcher) prepareMail(ctx context.Context, r *Record, delivery *Delivery) (to string, now bool, err error) {
	if !delivery.Digest {
		if to, err = d.Service.mailAddress(ctx, r); err != nil {
			return "", false, err
		}
		if now, err = d.Service.useBudgets(ctx, r, to); now || err != nil {
			return to, now, err
		}
	}
	return "", false, d.Service.postpone(ctx, r)
}

// fileAddress returns the email address in a text file. It is empty if it is not known.
func (d *Dispatcher) fileAddress(ctx context.Context, r *Record) (string, error) {
	if r.Address != "" || r.Recipient == "" {
		return r.Address, nil
	}
	a, err := d.Service.account(ctx, r.Recipient)
	return a.Email, err
}

// deliver sends a message on the channel. An error that is not a refusal is an outage, which
// does not count as an attempt.
func (d *Dispatcher) deliver(ctx context.Context, m Message) error {
	err := d.Channel.Deliver(ctx, m)
	if _, refused := errors.AsType[*task.Refusal](err); err != nil && !refused {
		return fault.New(fault.Unavailable, "%v", err)
	}
	return err
}

func recordID(t task.Task) (id string, err error) {
	err = json.Unmarshal(t.Data, &id)
	return id, err
}

// report copies the state of a task to the delivery of its notification.
func (d *Dispatcher) report(ctx context.Context, t task.Task) error {
	id, err := recordID(t)
	if err != nil {
		return nil // run has failed for the same reason
	}
	_, err = d.Service.Records.Update(ctx, id, func(r *Record) (store.Change, error) {
		delivery := r.delivery(d.Name)
		if delivery == nil || delivery.State != Pending || delivery.Digest {
			return store.Change{}, store.ErrNoChange
		}
		delivery.Attempts, delivery.NextTry, delivery.Reason = t.Attempts, time.Time{}, shorten(t.LastError)
		switch t.State {
		case task.Done:
			delivery.State, delivery.SentAt = Sent, t.FinishedAt
		case task.Failed:
			delivery.State = Failed
		default:
			delivery.NextTry = t.NotBefore
		}
		r.clearDeleted()
		return store.Change{}, nil
	})
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

func shorten(reason string) string { return oneLine(reason[:min(len(reason), maxReason)]) }

// enqueue adds a task for each pending delivery that has none. The task continues the trace
// of the record.
func (s *Service) enqueue(ctx context.Context, records ...*Record) error {
	var specs []task.Spec
	for _, r := range records {
		for _, delivery := range r.Deliveries {
			if delivery.State != Pending || !s.hasChannel(delivery.Channel) {
				continue
			}
			spec := newSpec(r.ID, delivery.Channel)
			spec.Traceparent = r.Traceparent
			if delivery.Channel == Mail && r.AwaitsAddress {
				spec.NotBefore = s.now().Add(parkTime)
			}
			specs = append(specs, spec)
		}
	}
	if len(specs) == 0 {
		return nil
	}
	_, err := s.Tasks.Enqueue(ctx, specs...)
	return err
}

// ResumeTask returns the task that enqueues pending deliveries without a task, and completes the
// audit of settings. The deliveries exist if a process was killed before it called enqueue, or
// come from releases without tasks.
func (s *Service) ResumeTask() task.Kind {
	return task.Kind{Name: "notification.resume", Every: resumeInterval, Run: func(ctx context.Context, _ task.Task) error {
		return errors.Join(s.resume(ctx), s.resumeSettings(ctx))
	}}
}

func (s *Service) resume(ctx context.Context) error {
	q := store.Query{Until: s.now().Add(-resumeAfter), Order: store.OldestFirst, Limit: store.MaxLimit}
	for _, d := range s.Dispatchers {
		q.Scopes = append(q.Scopes, pendingScope(d.Name), retryScope(d.Name))
	}
	for page, err := range s.Records.Pages(ctx, q) {
		records := make([]*Record, len(page.Rows))
		for i := range page.Rows {
			records[i] = &page.Rows[i].Doc
		}
		if err == nil {
			err = s.enqueue(ctx, records...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
