package outbox_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/outbox"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/sqlite"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

func open(t *testing.T) *store.Collection[storetest.Cell] {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "outbox.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	return store.Open(db, storetest.Cells())
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
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	}
}

func receive(t *testing.T, got <-chan event.Envelope) event.Envelope {
	t.Helper()
	select {
	case e := <-got:
		return e
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was published")
		return event.Envelope{}
	}
}

// never hides what is past due, deaf what was just written.
type (
	never struct{ outbox.Source }
	deaf  struct{ outbox.Source }
)

func (never) Due(context.Context, time.Time, int) ([]outbox.Due, error) { return nil, nil }
func (deaf) Written() <-chan string                                     { return nil }
func (d deaf) Due(ctx context.Context, now time.Time, limit int) ([]outbox.Due, error) {
	return d.Source.Due(ctx, now.Add(2*outbox.Lease), limit)
}

func TestAWriteWakesTheRelayOfItsProcess(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent(), goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener"))
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
	<-cells.Outbox().Written() // the writer's relay has heard of it, this one has not
	looked := make(chan struct{}, 9)
	stop := start(t, &outbox.Relay{Source: looking{cells.Outbox(), looked}, Publisher: b})
	<-looked
	<-looked
	stop()
	if len(b.got) > 0 {
		t.Errorf("published %+v within the lease", <-b.got)
	}
}

type looking struct {
	outbox.Source
	looked chan struct{}
}

func (l looking) Due(ctx context.Context, now time.Time, limit int) ([]outbox.Due, error) {
	defer func() { l.looked <- struct{}{} }()
	return l.Source.Due(ctx, now, limit)
}

// TestBrokerAway has a broker that refuses for a while: the relay says so once,
// holds nothing else back, and says when it is over.
func TestBrokerAway(t *testing.T) {
	cells := open(t)
	var log lockedBuilder
	refusals := 0
	b := broker{got: make(chan event.Envelope, 9), fail: func(e event.Envelope) error {
		if e.Key == "one" {
			if refusals++; refusals < 5 {
				return errors.New("away")
			}
		}
		return nil
	}}
	insert(t, cells, "one")
	insert(t, cells, "two")
	stop := start(t, &outbox.Relay{Source: cells.Outbox(), Publisher: b, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if e := receive(t, b.got); e.Key != "two" {
		t.Errorf("published %s first, want what can go out", e.Key)
	}
	if e := receive(t, b.got); e.Key != "one" {
		t.Errorf("published %s", e.Key)
	}
	stop()
	if n := strings.Count(log.String(), "events wait"); n == 0 || n > 4 || !strings.Contains(log.String(), "away") {
		t.Errorf("log:\n%s", log.String())
	}
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
	stop := start(t, &outbox.Relay{Source: cells.Outbox(), Publisher: b})
	for i := range 20 {
		insert(t, cells, strings.Repeat("x", i+1))
	}
	for len(cells.Outbox().Written()) > 0 { // until the relay has taken them in
	}
	close(begin)
	stop()
	if len(b.got) != 20 {
		t.Errorf("%d of 20 events were published before the end", len(b.got))
	}
}
