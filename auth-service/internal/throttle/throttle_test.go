package throttle_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/throttle"
	"github.com/battery-passport/suite/pkg/fault"
)

var (
	home   = "192.0.2.1"
	office = "192.0.2.2"
)

// fixture is a throttle of three failures with a clock that the test sets.
type fixture struct {
	*throttle.Throttle
	t   *testing.T
	now time.Time
}

func newFixture(t *testing.T) *fixture {
	f := &fixture{t: t, now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	f.Throttle = throttle.New(3, func() time.Time { return f.now })
	return f
}

// fail makes n failed attempts.
func (f *fixture) fail(n int, from string, account string) {
	f.t.Helper()
	for i := range n {
		end, err := f.Attempt(from, account, false)
		if err != nil {
			f.t.Fatalf("attempt %d of %d: %v", i+1, n, err)
		}
		end(true)
	}
}

// other returns the address of another network.
func other(i int) string { return fmt.Sprint("198.51.100.", i) }

// try makes a failed attempt and reports whether it was allowed.
func (f *fixture) try(from, account string) bool {
	end, err := f.Attempt(from, account, false)
	if err == nil {
		end(true)
	}
	return err == nil
}

// refused fails the test unless an attempt is refused, and returns its Retry-After.
func (f *fixture) refused(from string, account string, known bool) time.Duration {
	f.t.Helper()
	_, err := f.Attempt(from, account, known)
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Kind != fault.TooMany {
		f.t.Fatalf("attempt from %v at %s = %v, want too many", from, account, err)
	}
	return e.RetryAfter
}

func TestNetworkIsLimited(t *testing.T) {
	f := newFixture(t)
	f.fail(2, home, "ann")
	f.fail(1, home, "bob")
	if wait := f.refused(home, "eve", false); wait != 15*time.Second {
		t.Errorf("got Retry-After %v, want 15s", wait)
	}
	f.now = f.now.Add(14 * time.Second)
	if wait := f.refused(home, "ann", false); wait != time.Second { // a refused attempt is not counted
		t.Errorf("got Retry-After %v, want 1s", wait)
	}
	f.now = f.now.Add(time.Second)
	f.fail(1, home, "ann")
	f.refused(home, "ann", false)
	f.now = f.now.Add(24 * time.Hour)
	f.fail(3, home, "ann") // not more than the capacity
	f.refused(home, "ann", false)
}

func TestAccountIsLimitedAcrossNetworks(t *testing.T) {
	f := newFixture(t)
	for i := range 3 {
		f.fail(1, other(i), "ann")
	}
	f.fail(1, home, "ann") // its one attempt of this hour
	if wait := f.refused(home, "ann", false); wait != 6*time.Second {
		t.Errorf("got Retry-After %v, want 6s", wait)
	}
	f.fail(1, home, "bob") // other accounts are not affected
	if end, err := f.Attempt(office, "ann", true); err != nil {
		t.Errorf("attempt from a known network: got error %v, want no error", err)
	} else {
		end(true)
	}
}

// TestHolderIsNeverLockedOut: while few or many networks guess for two hours, the holder
// can try at once from a new network, and the attempts of all networks together are
// limited.
func TestHolderIsNeverLockedOut(t *testing.T) {
	for _, attackers := range []int{1, 3, 20, 200} {
		t.Run(fmt.Sprint(attackers), func(t *testing.T) {
			f := newFixture(t)
			attempts := 0
			for range 7200 {
				for i := range attackers {
					if f.try(other(i), "ann") {
						attempts++
					}
				}
				f.now = f.now.Add(time.Second)
			}
			if limit := 3 + 7200/6 + 2*attackers; attempts > limit {
				t.Errorf("%d attempts, want at most %d", attempts, limit)
			}
			if !f.try(office, "ann") {
				t.Error("the holder cannot try")
			}
		})
	}
}

func TestSuccessIsNotCounted(t *testing.T) {
	f := newFixture(t)
	for range 100 {
		end, err := f.Attempt(home, "ann", false)
		if err != nil {
			t.Fatal(err)
		}
		end(false)
	}
	f.fail(3, home, "ann")
}

// TestConcurrentAttemptsAreCounted: an attempt counts from its start, not from its end.
func TestConcurrentAttemptsAreCounted(t *testing.T) {
	f := newFixture(t)
	var ends []func(bool)
	for range 3 {
		end, err := f.Attempt(home, "ann", false)
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, end)
	}
	f.refused(home, "ann", false)
	ends[0](false)
	f.fail(1, home, "ann")
	f.refused(home, "ann", false)
}

// TestConcurrencyIsLimitedPerNetwork: a network that registers and logs in all the time
// does not affect other networks.
func TestConcurrencyIsLimitedPerNetwork(t *testing.T) {
	f := newFixture(t)
	var ends []func()
	for i := range 2 {
		release, err := f.Acquire(home)
		end, err2 := f.Attempt(home, fmt.Sprint(i), true)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		ends = append(ends, release, func() { end(false) })
	}
	if wait := f.refused(home, "ann", true); wait != time.Second {
		t.Errorf("got Retry-After %v, want 1s", wait)
	}
	if _, err := f.Acquire(home); !fault.Is(err, fault.TooMany) {
		t.Errorf("Acquire = %v, want too many", err)
	}
	f.fail(3, office, "ann")
	for _, end := range ends {
		end()
	}
	for i := range 4 {
		if _, err := f.Acquire(home); err != nil {
			t.Errorf("Acquire %d after the release of all = %v", i+1, err)
		}
	}
}

// TestRefusedAttemptsDropNoBuckets: a network that is refused tries more made-up accounts
// than the throttle has buckets; the bucket of a real account stays.
func TestRefusedAttemptsDropNoBuckets(t *testing.T) {
	f := newFixture(t)
	for i := range 3 {
		f.fail(1, other(i), "ann")
	}
	f.fail(1, office, "ann")
	f.fail(3, home, "bob")
	for i := range 20_000 {
		f.refused(home, fmt.Sprint("made up ", i), false)
	}
	f.refused(office, "ann", false)
}

func TestZeroFailuresMeansNoLimit(t *testing.T) {
	off := throttle.New(0, time.Now)
	for range 1000 {
		if _, err := off.Attempt(home, "ann", false); err != nil {
			t.Fatal(err)
		}
		if _, err := off.Acquire(home); err != nil {
			t.Fatal(err)
		}
	}
}
