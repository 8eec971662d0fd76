package throttle_test

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/throttle"
	"github.com/battery-passport/suite/pkg/fault"
)

var (
	home   = netip.MustParseAddr("192.0.2.1")
	office = netip.MustParseAddr("192.0.2.2")
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
func (b *bench) fail(n int, from netip.Addr, account string) {
	b.t.Helper()
	for i := range n {
		if _, err := b.Attempt(from, account, false); err != nil {
			b.t.Fatalf("attempt %d of %d: %v", i+1, n, err)
		}
	}
}

// refused tells how long one has to wait.
func (b *bench) refused(from netip.Addr, account string, known bool) time.Duration {
	b.t.Helper()
	_, err := b.Attempt(from, account, known)
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != fault.TooMany {
		b.t.Fatalf("attempt from %v at %s = %v, want too many", from, account, err)
	}
	return f.Retry
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

func TestManyAddressesOneAccount(t *testing.T) {
	b := newBench(t)
	for i := range 3 {
		b.fail(1, netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), "ann")
	}
	if wait := b.refused(home, "ann", false); wait != 6*time.Second {
		t.Errorf("wait %v", wait)
	}
	b.fail(1, home, "bob") // of another account one has as many as before
	if _, err := b.Attempt(office, "ann", true); err != nil {
		t.Errorf("an address that the account knows: %v", err)
	}
}

// TestOneAttackerKeepsNobodyOut tries as often as it may from one address, for
// an hour: whoever comes from another gets a turn within the time an account
// takes to regain one.
func TestOneAttackerKeepsNobodyOut(t *testing.T) {
	b := newBench(t)
	for range 3600 {
		_, _ = b.Attempt(home, "ann", false)
		b.now = b.now.Add(time.Second)
	}
	for range 6 {
		_, _ = b.Attempt(home, "ann", false)
		if _, err := b.Attempt(office, "ann", false); err == nil {
			return
		}
		b.now = b.now.Add(time.Second)
	}
	t.Error("no turn in six seconds")
}

func TestSuccessCountsNothing(t *testing.T) {
	b := newBench(t)
	for range 100 {
		succeeded, err := b.Attempt(home, "ann", false)
		if err != nil {
			t.Fatal(err)
		}
		succeeded()
	}
	b.fail(3, home, "ann")
}

// TestAtOnce has none of many attempts pass that begin before the first ends.
func TestAtOnce(t *testing.T) {
	b := newBench(t)
	var succeeded []func()
	for range 3 {
		s, err := b.Attempt(home, "ann", false)
		if err != nil {
			t.Fatal(err)
		}
		succeeded = append(succeeded, s)
	}
	b.refused(home, "ann", false)
	succeeded[0]()
	b.fail(1, home, "ann")
	b.refused(home, "ann", false)
}

// TestOneNetworkOfIPv6 is what one attacker has at least.
func TestOneNetworkOfIPv6(t *testing.T) {
	b := newBench(t)
	for i := range 3 {
		b.fail(1, netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 15: byte(i)}), "ann")
		b.fail(1, netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), "bob")
	}
	b.refused(netip.MustParseAddr("2001:db8::ffff"), "eve", false)
	b.fail(1, netip.MustParseAddr("2001:db8:0:1::1"), "eve")
	b.fail(1, netip.MustParseAddr("::ffff:198.51.100.0"), "eve")
	b.fail(1, netip.MustParseAddr("198.51.100.0"), "eve")
	b.refused(netip.MustParseAddr("::ffff:198.51.100.0"), "eve2", false) // the same as the address in it
}

// TestWhoWaitsMakesNothingForgotten tries, once it has to wait, more made-up
// accounts than are remembered: what was counted of a real one stays.
func TestWhoWaitsMakesNothingForgotten(t *testing.T) {
	b := newBench(t)
	for i := range 3 {
		b.fail(1, netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), "ann")
	}
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
	}
}
