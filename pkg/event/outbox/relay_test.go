package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
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

// broker gives what is published to a channel.
type broker struct {
	got  chan event.Envelope
	fail func(event.Envelope) error
}

func (b broker) Publish(ctx context.Context, e event.Envelope) error {
	if b.fail != nil {
		if err := b.fail(e); err != nil {
			return err
		}
	}
	select {
	case b.got <- e:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// start runs a relay; the function it returns stops it and waits for its end.
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
		if err := take(t, done, "end of Run"); err != nil {
			t.Errorf("Run = %v", err)
		}
	}
}

// take waits for a value.
func take[T any](t *testing.T, from <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(20 * time.Second):
		t.Fatalf("no %s within 20 s", what)
	}
	return v
}

func receive(t *testing.T, got <-chan event.Envelope) event.Envelope {
	t.Helper()
	return take(t, got, "event")
}

// never hides what is past due, deaf what was just written.
type (
	never struct{ outbox.Source }
	deaf  struct{ outbox.Source }
)

func (never) Expired(context.Context, time.Time, int) ([]outbox.Expired, error) { return nil, nil }
func (deaf) Notify() <-chan string                                              { return nil }
func (d deaf) Expired(ctx context.Context, now time.Time, limit int) ([]outbox.Expired, error) {
	return d.Source.Expired(ctx, now.Add(2*outbox.Lease), limit)
}

func TestAWriteWakesTheRelayOfItsProcess(t *testing.T) {
	cells, b := open(t), broker{got: make(chan event.Envelope)}
	stop := start(t, &outbox.Relay{Source: never{cells.Outbox()}, Publisher: b})
	defer stop()
	insert(t, cells, "one")
	if e := receive(t, b.got); e.Key != "one" || e.Sequence != 1 {
		t.Errorf("published %+v", e)
	}
}

func TestDueTimesBringUpWhatWasMissed(t *testing.T) {
	cells, b := open(t), broker{got: make(chan event.Envelope)}
	insert(t, cells, "one") // nobody listens yet
	stop := start(t, &outbox.Relay{Source: deaf{cells.Outbox()}, Publisher: b})
	defer stop()
	if e := receive(t, b.got); e.Key != "one" {
		t.Errorf("published %+v", e)
	}
}

func TestWithinTheLeaseEventsAreLeftToTheirWriter(t *testing.T) {
	cells, b := open(t), broker{got: make(chan event.Envelope, 9)}
	insert(t, cells, "one")
	take(t, cells.Outbox().Notify(), "hint") // the writer's relay has heard of it, this one has not
	looked := make(chan struct{}, 9)
	stop := start(t, &outbox.Relay{Source: looking{cells.Outbox(), looked}, Publisher: b})
	take(t, looked, "look")
	take(t, looked, "look")
	stop()
	if len(b.got) > 0 {
		t.Errorf("published %+v within the lease", <-b.got)
	}
}

type looking struct {
	outbox.Source
	looked chan struct{}
}

func (l looking) Expired(ctx context.Context, now time.Time, limit int) ([]outbox.Expired, error) {
	defer func() { l.looked <- struct{}{} }()
	return l.Source.Expired(ctx, now, limit)
}

// slow takes a millisecond for each event.
type slow struct{ published atomic.Int64 }

func (p *slow) Publish(context.Context, event.Envelope) error {
	time.Sleep(time.Millisecond)
	p.published.Add(1)
	return nil
}

// TestMoreThanTheQueueHolds: a full queue is filled again as soon as it has room,
// not when a relay that has nothing to do would look again.
func TestMoreThanTheQueueHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cells := open(t)
		const n = 6000
		var g errgroup.Group
		g.SetLimit(64)
		for i := range n {
			g.Go(func() error { insert(t, cells, fmt.Sprint(i)); return nil })
		}
		_ = g.Wait()
		time.Sleep(outbox.Lease + time.Second) // what is taken over is not past due, as it would be to deaf
		var p slow
		stop := start(t, &outbox.Relay{Source: cells.Outbox(), Publisher: &p})
		begin := time.Now()
		for p.published.Load() < n && time.Since(begin) < time.Minute {
			time.Sleep(10 * time.Millisecond)
		}
		if took := time.Since(begin); took > 500*time.Millisecond {
			t.Errorf("%d of %d were published in %v", p.published.Load(), n, took)
		}
		stop()
	})
}

// TestBrokerAway has a broker that refuses one aggregate for a while: the relay
// says so once, holds nothing else back, and says when it is over.
func TestBrokerAway(t *testing.T) {
	cells := open(t)
	var log lockedBuilder
	refused, good := make(chan struct{}, 999), make(chan struct{})
	b := broker{got: make(chan event.Envelope, 99), fail: func(e event.Envelope) error {
		if e.Key != "one" {
			return nil
		}
		select {
		case <-good:
			return nil
		default:
			refused <- struct{}{}
			return errors.New("away")
		}
	}}
	insert(t, cells, "one")
	stop := start(t, &outbox.Relay{Source: cells.Outbox(), Publisher: b, Log: slog.New(slog.NewTextHandler(&log, nil))})
	for i := range 5 {
		take(t, refused, "attempt")
		id := fmt.Sprint("other", i)
		insert(t, cells, id)
		if e := receive(t, b.got); e.Key != id {
			t.Errorf("published %s, want what can go out", e.Key)
		}
	}
	close(good)
	if e := receive(t, b.got); e.Key != "one" {
		t.Errorf("published %s", e.Key)
	}
	stop()
	text := log.String()
	if strings.Count(text, "events wait") != 1 || strings.Count(text, "events go out again") != 1 || !strings.Contains(text, "away") {
		t.Errorf("log:\n%s", text)
	}
}

// TestStoreAway has a store that does not answer for a while: the relay says so
// once, and says when it is over.
func TestStoreAway(t *testing.T) {
	var log lockedBuilder
	looked := make(chan struct{})
	source := &away{Source: open(t).Outbox(), times: 5, looked: looked}
	stop := start(t, &outbox.Relay{Source: source, Publisher: broker{}, Lease: time.Millisecond, Log: slog.New(slog.NewTextHandler(&log, nil))})
	for range 10 {
		take(t, looked, "look")
	}
	go func() {
		for range looked {
		}
	}()
	stop()
	close(looked)
	text := log.String()
	if strings.Count(text, "outbox cannot be read") != 1 || strings.Count(text, "outbox can be read again") != 1 {
		t.Errorf("log:\n%s", text)
	}
}

type away struct {
	outbox.Source
	times  int
	looked chan struct{}
}

func (a *away) Expired(ctx context.Context, now time.Time, limit int) ([]outbox.Expired, error) {
	a.looked <- struct{}{}
	if a.times--; a.times >= 0 {
		return nil, errors.New("away")
	}
	return a.Source.Expired(ctx, now, limit)
}

// TestOutageIsNoWork has 300 aggregates wait for a broker that is away, past
// their due time: each is taken over once, and not while it is queued here.
func TestOutageIsNoWork(t *testing.T) {
	cells := open(t)
	for i := range 300 {
		insert(t, cells, fmt.Sprint("id", i))
	}
	looked := make(chan struct{}, 999)
	source := &counting{Source: looking{deaf{cells.Outbox()}, looked}}
	stop := start(t, &outbox.Relay{Source: source, Lease: 5 * time.Millisecond, Publisher: broker{fail: func(event.Envelope) error { return errors.New("away") }}})
	for range 50 {
		take(t, looked, "look")
	}
	stop()
	if n := source.n.Load(); n != 300 {
		t.Errorf("300 aggregates were taken over %d times", n)
	}
}

type counting struct {
	outbox.Source
	n atomic.Int64
}

func (c *counting) Claim(ctx context.Context, due []outbox.Expired, until time.Time) ([]string, error) {
	c.n.Add(int64(len(due)))
	return c.Source.Claim(ctx, due, until)
}

type lockedBuilder struct {
	mu sync.Mutex
	strings.Builder
}

func (b *lockedBuilder) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Builder.Write(p)
}

// TestStopPublishesWhatIsAtHand ends the relay while many events are queued.
func TestStopPublishesWhatIsAtHand(t *testing.T) {
	cells, b := open(t), broker{got: make(chan event.Envelope, 200)}
	begin := make(chan struct{})
	b.fail = func(event.Envelope) error { <-begin; return nil }
	hints := make(chan string)
	stop := start(t, &outbox.Relay{Source: hinted{cells.Outbox(), hints}, Publisher: b})
	for i := range 20 {
		id := strings.Repeat("x", i+1)
		insert(t, cells, id)
		hints <- id
	}
	hints <- "x" // whoever takes this one has queued the others
	close(begin)
	stop()
	if len(b.got) != 20 {
		t.Errorf("%d of 20 events were published before the end", len(b.got))
	}
}

// hinted is told of what is written one by one.
type hinted struct {
	outbox.Source
	hints chan string
}

func (h hinted) Notify() <-chan string { return h.hints }
