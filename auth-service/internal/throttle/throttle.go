// Package throttle limits password guessing without locking out the holder of an
// account.
//
// An attempt comes from a client address, and may come from a device: one on which the
// account was logged in to before, as a device token proves. The address alone proves
// nothing, because many people can share it.
//
// Failures are counted in token buckets. A bucket holds a number of failures, a multiple
// of LOGIN_FAILURES, and regains one at an interval:
//
//	bucket of                   failures   interval   counts attempts
//	IPv4 address, IPv6 /64      1 ×        15 s       without a device
//	IPv6 /56                    2 ×        7.5 s      without a device
//	IPv6 /48                    4 ×        3.75 s     without a device
//	account                     1 ×        6 s        without a device
//	account and network         one        1 h        without a device, if the account has none left
//	device                      1 ×        15 s       from this device
//	network, all devices        10 ×       1.5 s      from devices
//	device                      one        1 min      from this device, if all devices have none left
//
// Codes of a second factor are attempted after the right password only. Their failures are counted in a
// bucket of 1 × for each account and device, or for an account without a device, that regains one in 15 minutes:
// somebody who knows the password cannot keep out a device of the holder.
//
// The last two of these networks are an IPv4 address or an IPv6 /48. A device that has
// none left is treated like no device.
//
// If the client network has none left, the attempt is refused with an error, whatever the
// account. If the account has none left, the attempt is not allowed, and the caller must
// give the response of a wrong password after the same time: nobody can find out which
// accounts exist or are being attacked.
//
// The requests of each login operation are counted in buckets too, whatever their result:
// AUTH_RATE_LIMIT per minute of each network, with the multiples above, and a tenth of it
// of each device. A device that has none left is treated like no device.
//
// The buckets are in memory: each instance counts for itself, and from zero after a
// restart.
package throttle

import (
	"cmp"
	"net/netip"
	"sync"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
)

// maxConcurrent limits the passwords that are being hashed or wait for it: of the clients of
// one network without a device, and of all devices of one network. A device may have one.
const maxConcurrent = 4

// defaultCodes is the number of wrong codes that are allowed if LOGIN_FAILURES is 0. Codes always have a
// limit: they have six digits.
const defaultCodes = 10

// Throttle counts failed password attempts. It is safe for concurrent use.
type Throttle struct {
	off       bool // no limit of wrong passwords
	perMinute int  // requests of each network; 0: no limit
	now       func() time.Time

	mu                            sync.Mutex
	networks                      [networkLevels]*buckets
	accounts, pairs               *buckets                   // without a device
	devices, allDevices, reserved *buckets                   // with a device
	codes                         *buckets                   // of a second factor
	requests                      map[string]*requestBuckets // by operation
	running                       map[string]int             // password checks in progress, by network or device
}

// New returns a throttle for the values of LOGIN_FAILURES and AUTH_RATE_LIMIT; 0: no limit, except of wrong codes.
func New(failures, perMinute int, now func() time.Time) *Throttle {
	n := float64(failures)
	t := &Throttle{
		off: failures == 0, perMinute: perMinute, now: now, requests: map[string]*requestBuckets{}, running: map[string]int{},
		accounts: newBuckets(n, 6*time.Second), pairs: newBuckets(1, time.Hour),
		devices: newBuckets(n, 15*time.Second), allDevices: newBuckets(10*n, 1500*time.Millisecond), reserved: newBuckets(1, time.Minute),
		codes: newBuckets(cmp.Or(n, defaultCodes), codeInterval),
	}
	for level := range t.networks {
		t.networks[level] = newBuckets(n*levelFactor[level], time.Duration(float64(15*time.Second)/levelFactor[level]))
	}
	return t
}

// Network returns the largest network of a client that is counted: its IPv4 address or
// IPv6 /48.
func (t *Throttle) Network(client netip.Addr) string { return networksOf(client)[0] }

// Attempt begins a password attempt. Device is the verified id of a device of the
// account, or empty. The attempt counts as a failure until end(false). If it is not
// allowed, the caller must treat any password as wrong. Attempt fails with
// fault.TooMany, and counts nothing, if the client network has no failures left or too
// many attempts in progress.
func (t *Throttle) Attempt(client netip.Addr, account, device string) (allowed bool, end func(failed bool), err error) {
	if t.off {
		return true, func(bool) {}, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	networks, now := networksOf(client), t.now()
	taken := t.deviceBuckets(networks[0], device, now)
	if len(taken) == 0 {
		device = ""
		var wait time.Duration
		if taken, wait = bucketsOf(t.networks, networks, now); wait > 0 {
			return false, nil, errTooMany(wait)
		}
	}
	release, err := t.acquire(networks[0], device)
	if err != nil {
		return false, nil, err
	}
	allowed = true
	if device == "" { // last: a refused attempt must not create a bucket, which could drop another
		b := t.accountBucket(networks[0], account, now)
		if allowed = b.wait() == 0; allowed {
			taken = append(taken, b)
		}
	}
	for _, b := range taken {
		b.remaining--
	}
	return allowed, t.end(taken, release), nil
}

// end returns the function that ends an attempt.
func (t *Throttle) end(taken []*bucket, release func()) func(failed bool) {
	return func(failed bool) {
		t.mu.Lock()
		defer t.mu.Unlock()
		release()
		for _, b := range taken {
			if !failed {
				b.remaining = min(b.remaining+1, b.capacity)
			}
		}
	}
}

// deviceBuckets returns the buckets for an attempt from a device, or none if it must be
// treated like one without a device. The caller holds t.mu, as in the functions below.
func (t *Throttle) deviceBuckets(network, device string, now time.Time) []*bucket {
	if device == "" {
		return nil
	}
	own, shared := t.devices.get(device, now), t.allDevices.get(network, now)
	if shared.wait() > 0 { // somebody with many devices at this address must not keep out this one
		shared = t.reserved.get(device, now)
	}
	if own.wait() > 0 || shared.wait() > 0 {
		return nil
	}
	return []*bucket{own, shared}
}

// accountBucket returns the bucket of an account or, if it is empty, that of the account and
// the network, which no other network can use up.
func (t *Throttle) accountBucket(network, account string, now time.Time) *bucket {
	if b := t.accounts.get(account, now); b.wait() == 0 {
		return b
	}
	return t.pairs.get(network+" "+account, now)
}

// Acquire begins the hashing of a new password, which is not an attempt. It fails with
// fault.TooMany if the network has too many of either in progress.
func (t *Throttle) Acquire(client netip.Addr) (release func(), err error) {
	if t.off {
		return func() {}, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	done, err := t.acquire(networksOf(client)[0], "")
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		done()
	}, err
}

// acquire counts a password check until release.
func (t *Throttle) acquire(network, device string) (release func(), err error) {
	limits := map[string]int{network: maxConcurrent}
	if device != "" {
		limits = map[string]int{"devices " + network: maxConcurrent, "device " + device: 1}
	}
	for key, limit := range limits {
		if t.running[key] >= limit {
			return nil, fault.New(fault.TooMany, "too many concurrent password checks from your network or device; try again in a second").RetryIn(time.Second)
		}
	}
	for key := range limits {
		t.running[key]++
	}
	return func() {
		for key := range limits {
			if t.running[key]--; t.running[key] == 0 {
				delete(t.running, key)
			}
		}
	}, nil
}
