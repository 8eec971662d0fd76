package passport

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/task"
	"github.com/battery-passport/suite/pkg/wire"
)

// TestSnapshotsArePublishedAfterAnUpgrade publishes more passports than a page has, with an
// outage of the broker in between, a page per second. A day later it publishes them again
// with the same ids, and then never, in whatever process.
func TestSnapshotsArePublishedAfterAnUpgrade(t *testing.T) {
	ctx, s := newService(t)
	view, _, err := s.Create(ctx, wire.Value(`{"data":{}}`), NoIdentifier, "")
	if err != nil {
		t.Fatal(err)
	}
	const passports = 2*store.MaxLimit + 7
	var writes []store.Write[Passport]
	for i := range passports - 1 {
		p := view.Passport
		p.ID = fmt.Sprintf("p%d", i)
		writes = append(writes, store.Write[Passport]{ID: p.ID, Doc: p})
	}
	if _, err := s.Passports.InsertMany(ctx, writes); err != nil {
		t.Fatal(err)
	}
	db, err := connect.Open(t.Context(), connect.Config{Dir: t.TempDir()}, "tasks")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())

	now, down := time.Now(), false
	published := map[string]int{} // by event id
	var last event.Envelope
	publish := func(_ context.Context, events ...event.Envelope) error {
		if len(published) > 0 && !down {
			down = true
			return fault.New(fault.Unavailable, "down")
		}
		for _, e := range events {
			published[e.ID]++
			last = e
		}
		return nil
	}
	run := func() int { // of one process
		q := task.NewQueue(db, func() time.Time { return now })
		if _, err := q.Enqueue(t.Context(), UpgradeSnapshots); err != nil {
			t.Fatal(err)
		}
		before := sum(published)
		if err := task.NewWorker(q, slog.New(slog.DiscardHandler), nil, s.SnapshotTask(slog.New(slog.DiscardHandler), publish)).RunDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		return sum(published) - before
	}
	for step, c := range []struct {
		wait time.Duration
		want int
	}{
		{0, store.MaxLimit}, {0, 0}, {time.Second, 0}, {time.Minute, store.MaxLimit}, {time.Second, 7}, {time.Hour, 0},
		{24 * time.Hour, store.MaxLimit}, {time.Second, store.MaxLimit}, {time.Second, 7}, {time.Second, 0}, {24 * time.Hour, 0}, {365 * 24 * time.Hour, 0},
	} {
		now = now.Add(c.wait)
		if got := run(); got != c.want {
			t.Errorf("step %d: got %d events, want %d", step, got, c.want)
		}
	}
	if len(published) != passports || sum(published) != 2*passports {
		t.Errorf("got %d events with %d ids, want each of %d twice", sum(published), len(published), passports)
	}
	var payload event.PassportSnapshot
	if err := json.Unmarshal(last.Data, &payload); err != nil || payload.Organisation != "a" || payload.State != "draft" || payload.CreatedBy != "u" || last.Sequence != 1 || last.Key != payload.PassportID {
		t.Errorf("got %+v, %v", last, err)
	}
}

// TestNewDatabaseNeedsNoSnapshots runs the task before the first passport.
func TestNewDatabaseNeedsNoSnapshots(t *testing.T) {
	ctx, s := newService(t)
	run := s.SnapshotTask(slog.New(slog.DiscardHandler), func(_ context.Context, events ...event.Envelope) error {
		if len(events) > 0 {
			t.Errorf("published %v", events)
		}
		return nil
	}).Run
	if err := run(ctx, task.Task{}); err != nil {
		t.Errorf("got %v, want the task done", err)
	}
}

func sum(counts map[string]int) (n int) {
	for _, count := range counts {
		n += count
	}
	return n
}
