// Package throttle bounds how often somebody may try a password, without letting
// anybody keep the holder of an account out.
//
// Only failures count. Each address has some of its own, whatever account it
// tries; each account has some for all addresses together that it was never
// logged in to from, so that many of them do not add up; and each address that
// an account was logged in to from has some for that account alone, which nobody
// else can use up. One address regains failures more slowly than an account: it
// can not use up by itself what others need.
//
// What is counted is in memory: each instance counts for itself, and anew when
// it starts.
package throttle

import (
	"math"
	"net/netip"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/battery-passport/suite/pkg/fault"
)

// How long it takes to regain one failure.
const (
	addressRegain = 15 * time.Second
	accountRegain = 6 * time.Second
)

const (
	remembered = 10_000 // addresses, and as many accounts, and pairs of them
	longest    = time.Minute
)

// Throttle counts failures. It is safe for concurrent use.
type Throttle struct {
	failures int // at once; 0: any number
	now      func() time.Time

	mu                         sync.Mutex
	addresses, accounts, pairs *lru.LRU[string, *bucket]
}

// bucket holds failures that are left.
type bucket struct {
	left   float64
	at     time.Time
	regain time.Duration
}

// New returns a throttle of so many failures at once; 0 is any number.
func New(failures int, now func() time.Time) *Throttle {
	t := &Throttle{failures: failures, now: now}
	for _, to := range []**lru.LRU[string, *bucket]{&t.addresses, &t.accounts, &t.pairs} {
		l, err := lru.NewLRU[string, *bucket](remembered, nil)
		if err != nil {
			panic(err) // of a size below 1
		}
		*to = l
	}
	return t
}

// Attempt counts an attempt as a failure until succeeded is called. It fails
// with fault.TooMany, and counts nothing, while none is left. Known tells that
// the account was logged in to from the address before.
func (t *Throttle) Attempt(address netip.Addr, account string, known bool) (succeeded func(), err error) {
	if t.failures == 0 {
		return func() {}, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	from := network(address)
	if known {
		return t.take(t.bucket(t.pairs, from+" "+account, addressRegain))
	}
	own := t.bucket(t.addresses, from, addressRegain)
	if own.wait() > 0 { // who has to wait gets no account remembered, and none forgotten
		return t.take(own)
	}
	return t.take(own, t.bucket(t.accounts, account, accountRegain))
}

// take takes a failure from each bucket, or from none. It needs t.mu.
func (t *Throttle) take(buckets ...*bucket) (giveBack func(), err error) {
	var wait time.Duration
	for _, b := range buckets {
		wait = max(wait, b.wait())
	}
	if wait > 0 {
		return nil, fault.New(fault.TooMany, "too many wrong passwords; try again in %d seconds", int(math.Ceil(wait.Seconds()))).After(min(wait, longest))
	}
	for _, b := range buckets {
		b.left--
	}
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, b := range buckets {
			b.left = min(b.left+1, float64(t.failures))
		}
	}, nil
}

// bucket returns a bucket as it is now.
func (t *Throttle) bucket(l *lru.LRU[string, *bucket], key string, regain time.Duration) *bucket {
	now := t.now()
	b, ok := l.Get(key)
	if !ok {
		b = &bucket{left: float64(t.failures), at: now, regain: regain}
		l.Add(key, b)
	}
	if d := now.Sub(b.at); d > 0 {
		b.left = min(b.left+float64(d)/float64(regain), float64(t.failures))
	}
	b.at = now
	return b
}

// wait is how long it takes until one is left.
func (b *bucket) wait() time.Duration {
	return time.Duration(math.Ceil((1 - b.left) * float64(b.regain)))
}

// network is what one attacker has at least: an IPv4 address, or 2⁶⁴ of IPv6.
func network(a netip.Addr) string {
	if a = a.Unmap(); a.Is6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}
