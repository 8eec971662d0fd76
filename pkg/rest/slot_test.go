package rest

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
)

// transferOf returns a slot of a client that sends nothing, and whether its wait was cancelled.
func transferOf(t *testing.T, l *limiter, network string) (*slot, *bool) {
	t.Helper()
	s, err := l.acquire(t.Context(), guestShares(network))
	if err != nil {
		t.Fatal(err)
	}
	expired := new(bool)
	s.begin(reading, func(deadline time.Time) error {
		*expired = *expired || deadline.Before(time.Now())
		return nil
	}, time.Now().Add(time.Minute))
	return s, expired
}

// TestRequestCancelsOneTransfer: all places are held by slow clients. A waiting request, and
// the same client when it tries again, cancel one transfer, also if that needs longer
// to end than the request waits. When it has ended, its place is free.
func TestRequestCancelsOneTransfer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(4, slotWait)
		var slots []*slot
		var expired []*bool
		for i := range 4 {
			s, e := transferOf(t, l, fmt.Sprint("slow ", i))
			slots, expired = append(slots, s), append(expired, e)
		}
		time.Sleep(time.Second)
		for range 3 {
			if _, err := l.acquire(t.Context(), guestShares("other")); !fault.Is(err, fault.Unavailable) {
				t.Fatalf("acquire = %v, want it to fail: the cancelled transfer has not ended", err)
			}
		}
		cancelled := 0
		for i, s := range slots {
			if !*expired[i] {
				continue
			}
			cancelled++
			if err := s.end(reading, 0, fmt.Errorf("timeout")); !fault.Is(err, fault.Unavailable) {
				t.Errorf("the client gets %v, want Unavailable", err)
			}
			s.begin(reading, func(deadline time.Time) error { // the response
				if deadline.Before(time.Now()) {
					t.Error("the response to the cancelled client cannot be sent")
				}
				return nil
			}, time.Now().Add(time.Minute))
			go func() {
				time.Sleep(time.Second)
				s.release()
			}()
		}
		if cancelled != 1 {
			t.Fatalf("%d transfers were cancelled, want 1", cancelled)
		}
		if _, err := l.acquire(t.Context(), guestShares("other")); err != nil {
			t.Errorf("after the cancelled transfer has ended, acquire fails: %v", err)
		}
	})
}

// TestSlowStorageIsNotTheFaultOfTheClient: the service reads nothing for a while, because S3 is
// slow. Then the client needs a moment to send again. It does not lose its place; a client that
// is slow itself does.
func TestSlowStorageIsNotTheFaultOfTheClient(t *testing.T) {
	for name, c := range map[string]struct {
		storage time.Duration
		cancel  bool
	}{"slow storage": {5 * time.Second, false}, "fast storage": {time.Millisecond, true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLimiter(1, 0) // the next request does not wait
				s, expired := transferOf(t, l, "client")
				time.Sleep(100 * time.Millisecond) // less than minLead
				_ = s.end(reading, 1000, nil)
				time.Sleep(c.storage)
				s.begin(reading, s.waits[reading].expire, time.Now().Add(time.Minute))
				time.Sleep(300 * time.Millisecond)
				l.wait = time.Millisecond
				_, _ = l.acquire(t.Context(), guestShares("other"))
				if *expired != c.cancel {
					t.Errorf("cancelled: %v, want %v", *expired, c.cancel)
				}
			})
		})
	}
}

// TestStalledRowsAreCancelled: a client sends rows and reads the response at the same time. It loses
// its place if it stops sending, also while it reads, and if it does not read the response
// after it has sent all rows. It need not read while it sends.
func TestStalledRowsAreCancelled(t *testing.T) {
	for name, c := range map[string]struct {
		sends, sent bool
		want        direction
		cancel      bool
	}{
		"sends nothing":               {false, false, reading, true},
		"sends, and reads later":      {true, false, reading, false},
		"has sent all, does not read": {false, true, writing, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLimiter(1, slotWait)
				s, err := l.acquire(t.Context(), guestShares("client"))
				if err != nil {
					t.Fatal(err)
				}
				var deadlines [2]time.Time
				begin := func(d direction) {
					s.begin(d, func(deadline time.Time) error { deadlines[d] = deadline; return nil }, time.Now().Add(time.Minute))
				}
				s.spool()
				begin(writing)
				begin(reading)
				for range 20 {
					time.Sleep(100 * time.Millisecond)
					if c.sends {
						_ = s.end(reading, 100_000, nil)
						begin(reading)
					}
				}
				if !deadlines[writing].IsZero() {
					t.Error("the response has a deadline while the client sends")
				}
				if c.sent {
					_ = s.end(reading, 0, nil)
					s.unspool(time.Now().Add(time.Minute))
					if deadlines[writing].Before(time.Now()) {
						t.Error("the client has no time to read the response")
					}
					time.Sleep(time.Second)
				}
				l.wait = time.Millisecond
				_, _ = l.acquire(t.Context(), guestShares("other"))
				if got := deadlines[c.want].Equal(past); got != c.cancel {
					t.Errorf("cancelled: %v, want %v", got, c.cancel)
				}
				if !c.sent && !deadlines[writing].IsZero() {
					t.Error("the last line of the response cannot be sent")
				}
			})
		})
	}
}

// TestReleasedSlotIsTakenAtOnce: ten requests of three networks wait for two slots. Each gets
// one without any delay when an earlier request ends.
func TestReleasedSlotIsTakenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(2, slotWait)
		first, second := acquireSlot(t, l, "a"), acquireSlot(t, l, "b")
		var waiting sync.WaitGroup
		for i := range 10 {
			waiting.Go(func() {
				if s := acquireSlot(t, l, fmt.Sprint(i%3)); s != nil {
					s.release()
				}
			})
		}
		synctest.Wait()
		time.Sleep(slotPoll / 2)
		begin := time.Now()
		first.release()
		second.release()
		waiting.Wait()
		if took := time.Since(begin); took != 0 {
			t.Errorf("the last request waited %v although slots were free, want no wait", took)
		}
	})
}

// acquireSlot returns nil after an error.
func acquireSlot(t *testing.T, l *limiter, network string) *slot {
	s, err := l.acquire(t.Context(), guestShares(network))
	if err != nil {
		t.Error(err)
	}
	return s
}
