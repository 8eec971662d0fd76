package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/outbox"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/sqlite"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/waittest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T) *store.Collection[storetest.Cell] {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "outbox.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	return store.Open(db, storetest.CellSchema())
}

func insert(t *testing.T, cells *store.Collection[storetest.Cell], id string) {
	t.Helper()
	if _, err := cells.Insert(t.Context(), id, storetest.Cell{}, event.New("/test", id, time.Now(), storetest.Counted{})); err != nil {
		t.Fatal(err)
	}
}

// broker sends published events to a channel, unless fail returns an error.
type broker struct {
	published chan event.Envelope
	fail      func(event.Envelope) error
}

func (b broker) Publish(ctx context.Context, e event.Envelope) error {
	if b.fail != nil {
		if err := b.fail(e); err != nil {
			return err
		}
	}
	select {
	case b.published <- e:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// start runs a relay. The returned function stops it and waits until Run has returned.
func start(t *testing.T, r *outbox.Relay) (stop func()) {
	t.Helper()
	if r.Log == nil {
		r.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return func() {
		cancel()
		if err := receive(t, done, "end of Run"); err != nil {
			t.Errorf("Run = %v", err)
		}
	}
}

// receive waits for a value.
func receive[T any](t *testing.T, from <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(waittest.Limit):
		t.Fatalf("no %s within %v", what, waittest.Limit)
	}
	return v
}

// receivePublished waits for a published event.
func receivePublished(t *testing.T, b broker) event.Envelope {
	t.Helper()
	return receive(t, b.published, "event")
}

// onlyNotified never returns expired leases. onlyExpired sends no notifications and
// treats all leases as expired.
type (
	onlyNotified struct{ outbox.Source }
	onlyExpired  struct{ outbox.Source }
)

func (onlyNotified) Expired(context.Context, time.Time, int) ([]outbox.ExpiredLease, error) {
	return nil, nil
}

func (onlyExpired) Notify() <-chan outbox.Aggregate { return nil }

func (s onlyExpired) Expired(ctx context.Context, now time.Time, limit int) ([]outbox.ExpiredLease, error) {
	return s.Source.Expired(ctx, now.Add(2*outbox.Lease), limit)
}

// unread cannot be read.
type unread struct{ onlyNotified }

func (unread) Waiting(context.Context, []string, int) (map[string][]event.Envelope, error) {
	return nil, errors.New("must not be read")
}

// TestWriteNotifiesTheRelayOfItsProcess, which publishes its events without another query.
func TestWriteNotifiesTheRelayOfItsProcess(t *testing.T) {
	cells, b := open(t), broker{published: make(chan event.Envelope)}
	stop := start(t, &outbox.Relay{Source: unread{onlyNotified{cells.Outbox()}}, Publisher: b})
	defer stop()
	insert(t, cells, "one")
	if e := receivePublished(t, b); e.Key != "one" || e.Sequence != 1 {
		t.Errorf("published %+v, want sequence 1 of one", e)
	}
}

func TestExpiredLeaseIsClaimed(t *testing.T) {
	cells, b := open(t), broker{published: make(chan event.Envelope)}
	insert(t, cells, "one") // before the relay runs
	stop := start(t, &outbox.Relay{Source: onlyExpired{cells.Outbox()}, Publisher: b})
	defer stop()
	if e := receivePublished(t, b); e.Key != "one" {
		t.Errorf("published %+v, want one", e)
	}
}

func TestUnexpiredLeaseIsNotClaimed(t *testing.T) {
	cells, b := open(t), broker{published: make(chan event.Envelope, 9)}
	insert(t, cells, "one")
	receive(t, cells.Outbox().Notify(), "notification") // so that the relay below does not receive it
	searched := make(chan struct{}, 9)
	stop := start(t, &outbox.Relay{Source: observed{cells.Outbox(), searched}, Publisher: b})
	receive(t, searched, "search")
	receive(t, searched, "search")
	stop()
	if len(b.published) > 0 {
		t.Errorf("published %+v before the lease expired", <-b.published)
	}
}

// observed reports each search for expired leases.
type observed struct {
	outbox.Source
	searched chan struct{}
}

func (o observed) Expired(ctx context.Context, now time.Time, limit int) ([]outbox.ExpiredLease, error) {
	defer func() { o.searched <- struct{}{} }()
	return o.Source.Expired(ctx, now, limit)
}

// contested refuses to claim the aggregate "lost", as if another relay had claimed it.
type contested struct {
	outbox.Source
	leases chan time.Time
}

func (c contested) Notify() <-chan outbox.Aggregate { return nil }

func (c contested) Expired(ctx context.Context, now time.Time, limit int) ([]outbox.ExpiredLease, error) {
	return c.Source.Expired(ctx, now.Add(2*outbox.Lease), limit)
}

func (c contested) Claim(ctx context.Context, expired []outbox.ExpiredLease, until time.Time) ([]string, error) {
	c.leases <- until
	expired = slices.DeleteFunc(slices.Clone(expired), func(e outbox.ExpiredLease) bool { return e.ID == "lost" })
	return c.Source.Claim(ctx, expired, until)
}

func TestRelayPublishesOnlyClaimedAggregates(t *testing.T) {
	cells, b := open(t), broker{published: make(chan event.Envelope, 9)}
	insert(t, cells, "lost")
	insert(t, cells, "won")
	source := contested{cells.Outbox(), make(chan time.Time, 9)}
	before := time.Now()
	stop := start(t, &outbox.Relay{Source: source, Publisher: b})
	if lease := receive(t, source.leases, "claim").Sub(before); lease < outbox.Lease {
		t.Errorf("claimed for %v, want at least %v", lease, outbox.Lease)
	}
	if e := receivePublished(t, b); e.Key != "won" {
		t.Errorf("published %s, want won", e.Key)
	}
	stop()
	if len(b.published) > 0 {
		t.Errorf("published %s, which another relay has claimed", (<-b.published).Key)
	}
}

// slowBroker needs a millisecond for each event.
type slowBroker struct{ published atomic.Int64 }

func (p *slowBroker) Publish(context.Context, event.Envelope) error {
	time.Sleep(time.Millisecond)
	p.published.Add(1)
	return nil
}

// While the queue is full, the relay must not wait for the interval of an idle relay
// between two claims.
func TestFullQueueIsRefilledImmediately(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cells := open(t)
		const n = 6000
		var g errgroup.Group
		g.SetLimit(64)
		for i := range n {
			g.Go(func() error { insert(t, cells, fmt.Sprint(i)); return nil })
		}
		_ = g.Wait()
		time.Sleep(outbox.Lease + time.Second) // until the leases have expired
		var p slowBroker
		stop := start(t, &outbox.Relay{Source: cells.Outbox(), Publisher: &p})
		begin := time.Now()
		for p.published.Load() < n && time.Since(begin) < time.Minute {
			time.Sleep(10 * time.Millisecond)
		}
		if took := time.Since(begin); took > 500*time.Millisecond {
			t.Errorf("%d of %d events published in %v, want all within 500 ms", p.published.Load(), n, took)
		}
		stop()
	})
}

func TestQueuedEventsArePublishedBeforeTheEnd(t *testing.T) {
	cells, b := open(t), broker{published: make(chan event.Envelope, 200)}
	begin := make(chan struct{})
	b.fail = func(event.Envelope) error { <-begin; return nil }
	notifications := make(chan outbox.Aggregate)
	stop := start(t, &outbox.Relay{Source: notified{cells.Outbox(), notifications}, Publisher: b})
	for i := range 20 {
		id := strings.Repeat("x", i+1)
		insert(t, cells, id)
		notifications <- outbox.Aggregate{ID: id}
	}
	notifications <- outbox.Aggregate{ID: "x"} // when the relay receives this one, it has queued the others
	close(begin)
	stop()
	if len(b.published) != 20 {
		t.Errorf("%d events published before the end, want 20", len(b.published))
	}
}

// notified receives its notifications from the test.
type notified struct {
	outbox.Source
	notifications chan outbox.Aggregate
}

func (n notified) Notify() <-chan outbox.Aggregate { return n.notifications }
