package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/outbox"
)

// unreadable has an aggregate whose events cannot be read.
type unreadable struct {
	outbox.Source
	id string
}

func (u unreadable) Waiting(ctx context.Context, ids []string, limit int) (map[string][]event.Envelope, error) {
	if slices.Contains(ids, u.id) {
		return nil, errors.New("invalid JSON")
	}
	return u.Source.Waiting(ctx, ids, limit)
}

func TestUnreadableAggregateDoesNotBlockOthers(t *testing.T) {
	cells, b := open(t), broker{published: make(chan event.Envelope, 99)}
	for i := range 50 {
		insert(t, cells, fmt.Sprint(i))
	}
	stop := start(t, &outbox.Relay{Source: unreadable{onlyExpired{cells.Outbox()}, "25"}, Publisher: b})
	defer stop()
	keys := map[string]bool{}
	for len(keys) < 49 {
		keys[receivePublished(t, b).Key] = true
	}
	if keys["25"] {
		t.Error("the events of the unreadable aggregate were published")
	}
}

// The broker refuses one aggregate for a while. The relay publishes the others and logs
// the start and the end of the failure once.
func TestFailingAggregateDoesNotBlockOthers(t *testing.T) {
	cells := open(t)
	var log lockedBuilder
	refused, recovered := make(chan struct{}, 999), make(chan struct{})
	b := broker{published: make(chan event.Envelope, 99), fail: func(e event.Envelope) error {
		if e.Key != "one" {
			return nil
		}
		select {
		case <-recovered:
			return nil
		default:
			refused <- struct{}{}
			return errors.New("broker is down")
		}
	}}
	insert(t, cells, "one")
	stop := start(t, &outbox.Relay{Source: cells.Outbox(), Publisher: b, Log: slog.New(slog.NewTextHandler(&log, nil))})
	for i := range 5 {
		receive(t, refused, "attempt")
		id := fmt.Sprint("other", i)
		insert(t, cells, id)
		if e := receivePublished(t, b); e.Key != id {
			t.Errorf("published %s, want %s", e.Key, id)
		}
	}
	close(recovered)
	if e := receivePublished(t, b); e.Key != "one" {
		t.Errorf("published %s, want one", e.Key)
	}
	stop()
	text := log.String()
	if strings.Count(text, "events not published") != 1 || strings.Count(text, "publishing of events resumed") != 1 || !strings.Contains(text, "broker is down") {
		t.Errorf("got log\n%s\nwant one message at the start and one at the end", text)
	}
}

func TestStoreFailureIsLoggedOnce(t *testing.T) {
	var log lockedBuilder
	searched := make(chan struct{})
	source := &failing{Source: open(t).Outbox(), failures: 5, searched: searched}
	stop := start(t, &outbox.Relay{Source: source, Publisher: broker{}, Lease: time.Millisecond, Log: slog.New(slog.NewTextHandler(&log, nil))})
	for range 10 {
		receive(t, searched, "search")
	}
	go func() {
		for range searched {
		}
	}()
	stop()
	close(searched)
	text := log.String()
	if strings.Count(text, "outbox not read") != 1 || strings.Count(text, "reading of the outbox resumed") != 1 {
		t.Errorf("got log\n%s\nwant one message at the start and one at the end", text)
	}
}

// failing fails the first searches for expired leases.
type failing struct {
	outbox.Source
	failures int
	searched chan struct{}
}

// A relay must not extend the leases of aggregates that are already in its queue.
func TestEachAggregateIsClaimedOnceDuringAnOutage(t *testing.T) {
	cells := open(t)
	for i := range 300 {
		insert(t, cells, fmt.Sprint("id", i))
	}
	searched := make(chan struct{}, 999)
	source := &counting{Source: observed{onlyExpired{cells.Outbox()}, searched}}
	stop := start(t, &outbox.Relay{Source: source, Lease: 5 * time.Millisecond, Publisher: broker{fail: func(event.Envelope) error { return errors.New("broker is down") }}})
	for range 50 {
		receive(t, searched, "search")
	}
	stop()
	if n := source.claims.Load(); n != 300 {
		t.Errorf("300 aggregates were claimed %d times, want 300", n)
	}
}

// counting counts claimed aggregates.
type counting struct {
	outbox.Source
	claims atomic.Int64
}

// lockedBuilder is a strings.Builder for concurrent writes.
type lockedBuilder struct {
	mu sync.Mutex
	strings.Builder
}

func (f *failing) Expired(ctx context.Context, now time.Time, limit int) ([]outbox.ExpiredLease, error) {
	f.searched <- struct{}{}
	if f.failures--; f.failures >= 0 {
		return nil, errors.New("store is down")
	}
	return f.Source.Expired(ctx, now, limit)
}

func (c *counting) Claim(ctx context.Context, expired []outbox.ExpiredLease, until time.Time) ([]string, error) {
	c.claims.Add(int64(len(expired)))
	return c.Source.Claim(ctx, expired, until)
}

func (b *lockedBuilder) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Builder.Write(p)
}

// TestExpiredNotificationIsRead: a notification waits longer than its lease, while another relay
// publishes its event. It is not published again from memory.
func TestExpiredNotificationIsRead(t *testing.T) {
	for name, others := range map[string]int{"before the relay receives it": 0, "behind a slow broker": 256} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { expiredNotification(t, others) }) })
	}
}

func expiredNotification(t *testing.T, others int) {
	cells, b := open(t), broker{published: make(chan event.Envelope, 999)}
	b.fail = func(event.Envelope) error { time.Sleep(outbox.Lease); return nil }
	notifications := make(chan outbox.Aggregate, 999)
	for i := range others { // they occupy all workers
		insert(t, cells, fmt.Sprint(i))
		notifications <- receive(t, cells.Outbox().Notify(), "notification")
	}
	insert(t, cells, "late")
	late := receive(t, cells.Outbox().Notify(), "notification")
	stop := start(t, &outbox.Relay{Source: notified{onlyNotified{cells.Outbox()}, notifications}, Publisher: b})
	if others > 0 {
		notifications <- late
		synctest.Wait()
	}
	if err := cells.Outbox().Acknowledge(t.Context(), []outbox.Published{{ID: "late", Event: late.Events[0].ID}}); err != nil { // by the other relay
		t.Fatal(err)
	}
	time.Sleep(outbox.Lease)
	if others == 0 {
		notifications <- late
	}
	time.Sleep(2 * outbox.Lease)
	stop()
	close(b.published)
	for e := range b.published {
		if e.Key == "late" {
			t.Error("an event that another relay has published is published again from memory")
		}
	}
	if len(late.Events) == 0 {
		t.Error("the notification has no events")
	}
}
