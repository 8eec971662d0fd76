// Package throttle bounds how often somebody may try a password, without letting
// anybody keep the holder of an account out.
//
// Only failures count. Each network has some of its own, whatever account it
// tries. Each account has some for all networks together that it was never
// logged in to from, so that many of them do not add up; when these are used up,
// by whoever it may be, each network still has one an hour of that account, which
// nobody else can use up. And each network that an account was logged in to from
// has some for that account alone.
//
// What is counted is in memory: each instance counts for itself, and anew when
// it starts.
package throttle

import (
	"math"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/battery-passport/suite/pkg/fault"
)

// How long it takes to regain one failure.
const (
	networkRegain  = 15 * time.Second
	accountRegain  = 6 * time.Second
	strangerRegain = time.Hour
)

const (
	remembered = 10_000 // networks, accounts, and pairs of them of either kind
	longest    = time.Minute

	// atOnce is how many passwords of one network are hashed, or wait for it, at a
	// time: others are to have their turn.
	atOnce = 4
)

// Throttle counts failures. It is safe for concurrent use.
type Throttle struct {
	failures int // at once; 0: any number
	now      func() time.Time

	mu                                   sync.Mutex
	networks, accounts, known, strangers *lru.LRU[string, *bucket]
	inside                               map[string]int // by network
}

// bucket holds failures that are left.
type bucket struct {
	left, most float64
	at         time.Time
	regain     time.Duration
}

// New returns a throttle of so many failures at once; 0 is any number.
func New(failures int, now func() time.Time) *Throttle {
	t := &Throttle{failures: failures, now: now, inside: map[string]int{}}
	for _, to := range []**lru.LRU[string, *bucket]{&t.networks, &t.accounts, &t.known, &t.strangers} {
		l, err := lru.NewLRU[string, *bucket](remembered, nil)
		if err != nil {
			panic(err) // of a size below 1
		}
		*to = l
	}
	return t
}

// Attempt counts an attempt as a failure until it is ended as none. It fails
// with fault.TooMany, and counts nothing, while none is left, or while too many
// of the network have not ended. Known tells that the account was logged in to
// from the network before.
func (t *Throttle) Attempt(network, account string, known bool) (end func(failed bool), err error) {
	if t.failures == 0 {
		return func(bool) {}, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	leave, err := t.enter(network) // first: who is refused gets no account remembered
	if err != nil {
		return nil, err
	}
	buckets := t.buckets(network, account, known)
	if err := check(buckets); err != nil {
		leave()
		return nil, err
	}
	for _, b := range buckets {
		b.left--
	}
	return func(failed bool) {
		t.mu.Lock()
		defer t.mu.Unlock()
		leave()
		for _, b := range buckets {
			if !failed {
				b.left = min(b.left+1, b.most)
			}
		}
	}, nil
}

// Enter is for a password that is hashed and not tried. It fails with
// fault.TooMany while too many of the network are.
func (t *Throttle) Enter(network string) (leave func(), err error) {
	if t.failures == 0 {
		return func() {}, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	out, err := t.enter(network)
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		out()
	}, err
}

// enter needs t.mu, and so does what it returns.
func (t *Throttle) enter(network string) (leave func(), err error) {
	if t.inside[network] == atOnce {
		return nil, fault.New(fault.TooMany, "%d passwords from where you are being looked at; try again in a second", atOnce).RetryIn(time.Second)
	}
	t.inside[network]++
	return func() {
		if t.inside[network]--; t.inside[network] == 0 {
			delete(t.inside, network)
		}
	}, nil
}

// buckets returns those that an attempt takes from. It needs t.mu.
func (t *Throttle) buckets(network, account string, known bool) []*bucket {
	some := float64(t.failures)
	if known {
		return []*bucket{t.bucket(t.known, network+" "+account, some, networkRegain)}
	}
	own := t.bucket(t.networks, network, some, networkRegain)
	if own.wait() > 0 { // who has to wait gets no account remembered, and none forgotten
		return []*bucket{own}
	}
	all := t.bucket(t.accounts, account, some, accountRegain)
	if all.wait() > 0 {
		if alone := t.bucket(t.strangers, network+" "+account, 1, strangerRegain); alone.wait() == 0 {
			all = alone
		}
	}
	return []*bucket{own, all}
}

// check fails unless each bucket has a failure left.
func check(buckets []*bucket) error {
	var wait time.Duration
	for _, b := range buckets {
		wait = max(wait, b.wait())
	}
	if wait == 0 {
		return nil
	}
	return fault.New(fault.TooMany, "too many wrong passwords; try again in %d seconds", int(math.Ceil(wait.Seconds()))).RetryIn(min(wait, longest))
}

// bucket returns a bucket as it is now.
func (t *Throttle) bucket(l *lru.LRU[string, *bucket], key string, most float64, regain time.Duration) *bucket {
	now := t.now()
	b, ok := l.Get(key)
	if !ok {
		b = &bucket{left: most, most: most, at: now, regain: regain}
		l.Add(key, b)
	}
	if d := now.Sub(b.at); d > 0 {
		b.left = min(b.left+float64(d)/float64(regain), most)
	}
	b.at = now
	return b
}

// wait is how long it takes until one is left.
func (b *bucket) wait() time.Duration {
	return time.Duration(max(0, math.Ceil((1-b.left)*float64(b.regain))))
}
