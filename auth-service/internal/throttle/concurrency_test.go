package throttle_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
)

// TestConcurrentAttemptsAreCounted: an attempt counts from its start, not from its end.
func TestConcurrentAttemptsAreCounted(t *testing.T) {
	f := newFixture(t)
	var ends []func(bool)
	for range 3 {
		_, end, err := f.Attempt(home, "ann", "")
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, end)
	}
	f.refused(home, "ann")
	ends[0](false)
	f.want(allowed, 1, home, "ann")
	f.refused(home, "ann")
}

// TestConcurrencyIsLimitedPerNetwork: a network that registers and logs in all the time
// affects neither other networks nor a device behind the same address.
func TestConcurrencyIsLimitedPerNetwork(t *testing.T) {
	f := newFixture(t)
	var ends []func()
	for i := range 2 {
		release, err := f.Acquire(home)
		_, end, err2 := f.Attempt(home, fmt.Sprint(i), "")
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		ends = append(ends, release, func() { end(false) })
	}
	if wait := f.refused(home, "ann"); wait != time.Second {
		t.Errorf("got Retry-After %v, want 1s", wait)
	}
	if _, err := f.Acquire(home); !fault.Is(err, fault.TooMany) {
		t.Errorf("Acquire = %v, want too many", err)
	}
	f.want(allowed, 3, office, "ann")
	if got := f.attempt(1, home, "ann", "laptop"); got != allowed {
		t.Errorf("attempt from a device: %s", got)
	}
	for _, end := range ends {
		end()
	}
	for i := range 4 {
		if _, err := f.Acquire(home); err != nil {
			t.Errorf("Acquire %d after the release of all = %v", i+1, err)
		}
	}
}
