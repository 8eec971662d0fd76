package outbox

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestQueuedIDIsNotQueuedTwice(t *testing.T) {
	q := newQueue()
	for _, id := range []string{"a", "b", "a"} {
		q.add(id)
	}
	if ids, _ := q.next(t.Context(), t.Context(), 9); !slices.Equal(ids, []string{"a", "b"}) {
		t.Errorf("next = %v, want [a b]", ids)
	}
}

func TestBackoffIsCapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		q.add("a")
		var backoff time.Duration
		for range 70 {
			start := time.Now()
			q.next(t.Context(), t.Context(), 1)
			if backoff = time.Since(start); backoff > maxBackoff {
				t.Fatalf("backoff of %v, want at most %v", backoff, maxBackoff)
			}
			q.done("a", true)
		}
		if backoff < maxBackoff/2 {
			t.Errorf("last backoff is %v, want at least %v", backoff, maxBackoff/2)
		}
		q.next(t.Context(), t.Context(), 1) // no timer is left
	})
}
