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

// fixture is a throttle of three failures with a clock that the test sets.
type fixture struct {
	*throttle.Throttle
	t   *testing.T
	now time.Time
}

func newFixture(t *testing.T) *fixture {
	f := &fixture{t: t, now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	f.Throttle = throttle.New(3, 40, func() time.Time { return f.now })
	return f
}

// result is the result of an attempt.
type result string

const (
	allowed result = "allowed"
	wrong   result = "treated as wrong"
	tooMany result = "too many"
)

// attempt makes n attempts with wrong passwords and returns the result of the last one.
func (f *fixture) attempt(n int, client netip.Addr, account, device string) (r result) {
	f.t.Helper()
	for range n {
		ok, end, err := f.Attempt(client, account, device)
		switch {
		case fault.Is(err, fault.TooMany):
			r = tooMany
			continue
		case err != nil:
			f.t.Fatal(err)
		case ok:
			r = allowed
		default:
			r = wrong
		}
		end(true)
	}
	return r
}

// want fails the test unless the last of n attempts without a device has the result.
func (f *fixture) want(want result, n int, client netip.Addr, account string) {
	f.t.Helper()
	if got := f.attempt(n, client, account, ""); got != want {
		f.t.Errorf("attempt %d from %v at %s: %s, want %s", n, client, account, got, want)
	}
}

// refused fails the test unless an attempt is refused, and returns its Retry-After.
func (f *fixture) refused(client netip.Addr, account string) time.Duration {
	f.t.Helper()
	_, _, err := f.Attempt(client, account, "")
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Kind != fault.TooMany {
		f.t.Fatalf("attempt from %v at %s = %v, want too many", client, account, err)
	}
	return e.RetryAfter
}

// other returns the address of another network.
func other(i int) netip.Addr { return netip.AddrFrom4([4]byte{198, 51, byte(i / 256), byte(i)}) }

func TestNetworkIsLimited(t *testing.T) {
	f := newFixture(t)
	f.want(allowed, 2, home, "ann")
	f.want(allowed, 1, home, "bob")
	if wait := f.refused(home, "eve"); wait != 15*time.Second {
		t.Errorf("got Retry-After %v, want 15s", wait)
	}
	f.now = f.now.Add(14 * time.Second)
	if wait := f.refused(home, "ann"); wait != time.Second { // a refused attempt is not counted
		t.Errorf("got Retry-After %v, want 1s", wait)
	}
	f.now = f.now.Add(time.Second)
	f.want(allowed, 1, home, "eve")
	f.refused(home, "ann")
	f.now = f.now.Add(24 * time.Hour)
	f.want(allowed, 3, home, "eve") // not more than the capacity
	f.refused(home, "ann")
}

// TestIPv6NetworksAreLimited: one address in each /64 or /56 of a larger network brings
// only twice or four times the attempts of a single address.
func TestIPv6NetworksAreLimited(t *testing.T) {
	for prefix, c := range map[string]struct{ format, outside string }{
		"/64": {"2001:db8:0:1::%x", "2001:db8:0:2::1"},
		"/56": {"2001:db8:0:%x::1", "2001:db8:0:100::1"},
		"/48": {"2001:db8:0:%x00::1", "2001:db8:1::1"},
	} {
		t.Run(prefix, func(t *testing.T) {
			f, n := newFixture(t), map[string]int{"/64": 3, "/56": 6, "/48": 12}[prefix]
			for i := range n {
				f.want(allowed, 1, netip.MustParseAddr(fmt.Sprintf(c.format, i)), fmt.Sprint("u", i))
			}
			f.want(tooMany, 1, netip.MustParseAddr(fmt.Sprintf(c.format, n)), "ann")
			f.want(allowed, 1, netip.MustParseAddr(c.outside), "ann")
		})
	}
	f := newFixture(t)
	f.want(allowed, 3, home, "ann")
	f.want(tooMany, 1, netip.MustParseAddr("::ffff:192.0.2.1"), "bob") // the same IPv4 address
}

func TestAccountIsLimitedAcrossNetworks(t *testing.T) {
	f := newFixture(t)
	for i := range 3 {
		f.want(allowed, 1, other(i), "ann")
	}
	f.want(allowed, 1, home, "ann") // its one attempt of this hour
	f.want(wrong, 1, home, "ann")   // not refused: that would reveal an attack
	f.want(allowed, 1, home, "bob") // other accounts are not affected
	f.want(tooMany, 1, home, "bob") // but the network is: attempts treated as wrong count
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
					if f.attempt(1, other(i), "ann", "") == allowed {
						attempts++
					}
				}
				f.now = f.now.Add(time.Second)
			}
			if limit := 3 + 7200/6 + 2*attackers; attempts > limit {
				t.Errorf("%d attempts, want at most %d", attempts, limit)
			}
			f.want(allowed, 1, office, "ann")
			if got := f.attempt(1, other(0), "ann", "laptop"); got != allowed {
				t.Errorf("attempt from a device behind the address of an attacker: %s", got)
			}
		})
	}
}

// TestDeviceIsLimited: a device with a stolen token has its own failures, and none of the
// others once these are used up.
func TestDeviceIsLimited(t *testing.T) {
	f := newFixture(t)
	f.attempt(3, home, "ann", "stolen")
	f.want(allowed, 1, other(1), "ann")
	if got := f.attempt(4, home, "ann", "stolen"); got != tooMany { // like any client without a device
		t.Errorf("attempts 4 to 7 of a device: %s, want %s", got, tooMany)
	}
	if got := f.attempt(1, home, "ann", "laptop"); got != allowed {
		t.Errorf("attempt from another device: %s", got)
	}
}

// TestDevicesOfNetworkAreLimited: many devices behind one address have a common bucket.
// Once it is empty, each has one attempt per minute that the others cannot use up.
func TestDevicesOfNetworkAreLimited(t *testing.T) {
	f := newFixture(t)
	f.want(allowed, 3, home, "eve") // no device: refused from now on
	attempts := 0
	for i := range 20 {
		for range 3 {
			if f.attempt(1, home, fmt.Sprint("u", i), fmt.Sprint("device ", i)) == allowed {
				attempts++
			}
		}
	}
	if attempts != 30+10 { // the bucket of ten devices, and one attempt of each other device
		t.Errorf("%d attempts from 20 devices, want 40", attempts)
	}
	for _, want := range []result{allowed, tooMany} {
		if got := f.attempt(1, home, "ann", "laptop"); got != want {
			t.Errorf("attempt from another device: %s, want %s", got, want)
		}
	}
}

func TestSuccessIsNotCounted(t *testing.T) {
	for _, device := range []string{"", "laptop"} {
		f := newFixture(t)
		for range 100 {
			ok, end, err := f.Attempt(home, "ann", device)
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			end(false)
		}
		if got := f.attempt(3, home, "ann", device); got != allowed {
			t.Errorf("third failure with device %q: %s", device, got)
		}
	}
}

// TestRefusedAttemptsDropNoBuckets: a network that is refused tries more made-up accounts
// than the throttle has buckets; the bucket of a real account stays.
func TestRefusedAttemptsDropNoBuckets(t *testing.T) {
	f := newFixture(t)
	for i := range 3 {
		f.want(allowed, 1, other(i), "ann")
	}
	f.want(allowed, 1, office, "ann")
	f.want(allowed, 3, home, "bob")
	for i := range 20_000 {
		f.refused(home, fmt.Sprint("made up ", i))
	}
	f.want(wrong, 1, office, "ann")
}

// TestRequestsAreLimited: a flood of requests from a network does not affect its devices.
func TestRequestsAreLimited(t *testing.T) {
	f := newFixture(t)
	for range 40 {
		if err := f.Request("login", home, ""); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Request("login", home, ""); !fault.Is(err, fault.TooMany) {
		t.Errorf("request 41 = %v, want too many", err)
	}
	for i := range 5 {
		if err := f.Request("login", home, "laptop"); (err != nil) != (i == 4) {
			t.Errorf("request %d of a device = %v", i+1, err)
		}
	}
	if err := f.Request("login", office, ""); err != nil {
		t.Error(err)
	}
	f.now = f.now.Add(1500 * time.Millisecond)
	if err := f.Request("login", home, ""); err != nil {
		t.Errorf("request after 1.5 s = %v", err)
	}
}

func TestZeroMeansNoLimit(t *testing.T) {
	off := throttle.New(0, 0, time.Now)
	for range 1000 {
		if ok, _, err := off.Attempt(home, "ann", ""); err != nil || !ok {
			t.Fatal(ok, err)
		}
		if _, err := off.Acquire(home); err != nil {
			t.Fatal(err)
		}
		if err := off.Request("login", home, ""); err != nil {
			t.Fatal(err)
		}
	}
}
