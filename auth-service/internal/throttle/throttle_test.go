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

// bench is a throttle of three failures with a clock of its own.
type bench struct {
	*throttle.Throttle
	t   *testing.T
	now time.Time
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	b.Throttle = throttle.New(3, func() time.Time { return b.now })
	return b
}

// fail fails n times.
func (b *bench) fail(n int, from string, account string) {
	b.t.Helper()
	for i := range n {
		end, err := b.Attempt(from, account, false)
		if err != nil {
			b.t.Fatalf("attempt %d of %d: %v", i+1, n, err)
		}
		end(true)
	}
}

// other is a network.
func other(i int) string { return fmt.Sprint("198.51.100.", i) }

// try tells whether an attempt that fails may be made.
func (b *bench) try(from, account string) bool {
	end, err := b.Attempt(from, account, false)
	if err == nil {
		end(true)
	}
	return err == nil
}

// refused tells how long one has to wait.
func (b *bench) refused(from string, account string, known bool) time.Duration {
	b.t.Helper()
	_, err := b.Attempt(from, account, known)
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != fault.TooMany {
		b.t.Fatalf("attempt from %v at %s = %v, want too many", from, account, err)
	}
	return f.RetryAfter
}

func TestOneAddress(t *testing.T) {
	b := newBench(t)
	b.fail(2, home, "ann")
	b.fail(1, home, "bob")
	if wait := b.refused(home, "eve", false); wait != 15*time.Second {
		t.Errorf("wait %v", wait)
	}
	b.now = b.now.Add(14 * time.Second)
	if wait := b.refused(home, "ann", false); wait != time.Second { // being refused counts nothing
		t.Errorf("wait %v", wait)
	}
	b.now = b.now.Add(time.Second)
	b.fail(1, home, "ann")
	b.refused(home, "ann", false)
	b.now = b.now.Add(24 * time.Hour)
	b.fail(3, home, "ann") // no more than at first
	b.refused(home, "ann", false)
}

func TestManyNetworksOneAccount(t *testing.T) {
	b := newBench(t)
	for i := range 3 {
		b.fail(1, other(i), "ann")
	}
	b.fail(1, home, "ann") // its own of this hour
	if wait := b.refused(home, "ann", false); wait != 6*time.Second {
		t.Errorf("wait %v", wait)
	}
	b.fail(1, home, "bob") // of another account one has as many as before
	if end, err := b.Attempt(office, "ann", true); err != nil {
		t.Errorf("a network that the account knows: %v", err)
	} else {
		end(true)
	}
}

// TestNobodyIsKeptOut has few and many try as often as they may, for two hours:
// the holder gets a turn at once from a network that was never there, and all of
// them together have no more attempts than are meant.
func TestNobodyIsKeptOut(t *testing.T) {
	for _, attackers := range []int{1, 3, 20, 200} {
		t.Run(fmt.Sprint(attackers), func(t *testing.T) {
			b := newBench(t)
			attempts := 0
			for range 7200 {
				for i := range attackers {
					if b.try(other(i), "ann") {
						attempts++
					}
				}
				b.now = b.now.Add(time.Second)
			}
			if most := 3 + 7200/6 + 2*attackers; attempts > most {
				t.Errorf("%d attempts, want %d at most", attempts, most)
			}
			if !b.try(office, "ann") {
				t.Error("no turn for the holder")
			}
		})
	}
}

func TestSuccessCountsNothing(t *testing.T) {
	b := newBench(t)
	for range 100 {
		end, err := b.Attempt(home, "ann", false)
		if err != nil {
			t.Fatal(err)
		}
		end(false)
	}
	b.fail(3, home, "ann")
}

// TestAtOnce has none of many attempts pass that begin before the first ends.
func TestAtOnce(t *testing.T) {
	b := newBench(t)
	var ends []func(bool)
	for range 3 {
		end, err := b.Attempt(home, "ann", false)
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, end)
	}
	b.refused(home, "ann", false)
	ends[0](false)
	b.fail(1, home, "ann")
	b.refused(home, "ann", false)
}

// TestTurnsOfOneNetwork: whoever registers and logs in all the time leaves turns
// to others.
func TestTurnsOfOneNetwork(t *testing.T) {
	b := newBench(t)
	var ends []func()
	for i := range 2 {
		leave, err := b.Enter(home)
		end, err2 := b.Attempt(home, fmt.Sprint(i), true)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		ends = append(ends, leave, func() { end(false) })
	}
	if wait := b.refused(home, "ann", true); wait != time.Second {
		t.Errorf("wait %v", wait)
	}
	if _, err := b.Enter(home); !fault.Is(err, fault.TooMany) {
		t.Errorf("Enter = %v, want too many", err)
	}
	b.fail(3, office, "ann")
	for _, end := range ends {
		end()
	}
	for i := range 4 {
		if _, err := b.Enter(home); err != nil {
			t.Errorf("%d after others have left: %v", i, err)
		}
	}
}

// TestWhoWaitsMakesNothingForgotten tries, once it has to wait, more made-up
// accounts than are remembered: what was counted of a real one stays.
func TestWhoWaitsMakesNothingForgotten(t *testing.T) {
	b := newBench(t)
	for i := range 3 {
		b.fail(1, other(i), "ann")
	}
	b.fail(1, office, "ann")
	b.fail(3, home, "bob")
	for i := range 20_000 {
		b.refused(home, fmt.Sprint("made up ", i), false)
	}
	b.refused(office, "ann", false)
}

func TestOff(t *testing.T) {
	off := throttle.New(0, time.Now)
	for range 1000 {
		if _, err := off.Attempt(home, "ann", false); err != nil {
			t.Fatal(err)
		}
		if _, err := off.Enter(home); err != nil {
			t.Fatal(err)
		}
	}
}
