// Package throttle limits password guessing without locking out the holder of an
// account.
//
// Only failures count, in token buckets that refill with time:
//
//   - One bucket for each network, whatever accounts it tries.
//   - One bucket for each account, for all networks that the account was never
//     logged in to from, so that many networks together get no more attempts. Once it
//     is empty, each such network still has one attempt per hour at that account,
//     which no other network can use up.
//   - One bucket for each pair of an account and a network that the account was
//     logged in to from. Attempts of such a pair use this bucket only.
//
// The buckets are in memory: each instance counts for itself, and from zero after a
// restart.
package throttle

import (
	"math"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/battery-passport/suite/pkg/fault"
)

// Time in which a bucket regains one failure.
const (
	networkRefill     = 15 * time.Second
	accountRefill     = 6 * time.Second
	unknownPairRefill = time.Hour
)

const (
	maxBuckets    = 10_000 // of each kind; the least recently used are dropped
	maxRetryAfter = time.Minute

	// maxConcurrent limits the passwords of one network that are hashed or wait for
	// it at a time, so that it does not delay other networks.
	maxConcurrent = 4
)

// Throttle counts failed password attempts. It is safe for concurrent use.
type Throttle struct {
	failures int // capacity of a bucket; 0: no limit
	now      func() time.Time

	mu                                           sync.Mutex
	networks, accounts, knownPairs, unknownPairs *lru.LRU[string, *bucket]
	running                                      map[string]int // password checks in progress, by network
}

// bucket is a token bucket of failures.
type bucket struct {
	remaining, capacity float64
	updatedAt           time.Time
	refill              time.Duration
}

// New returns a throttle whose buckets hold a number of failures; 0: no limit.
func New(failures int, now func() time.Time) *Throttle {
	t := &Throttle{failures: failures, now: now, running: map[string]int{}}
	for _, cache := range []**lru.LRU[string, *bucket]{&t.networks, &t.accounts, &t.knownPairs, &t.unknownPairs} {
		c, err := lru.NewLRU[string, *bucket](maxBuckets, nil)
		if err != nil {
			panic(err) // the size is below 1
		}
		*cache = c
	}
	return t
}

// Attempt begins a password attempt. It counts as a failure until end(false). Known
// reports whether the account was logged in to from the network before. Attempt fails
// with fault.TooMany, and counts nothing, if a bucket is empty or the network has
// maxConcurrent attempts in progress.
func (t *Throttle) Attempt(network, account string, known bool) (end func(failed bool), err error) {
	if t.failures == 0 {
		return func(bool) {}, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	release, err := t.acquire(network) // first: a refused attempt must not create a bucket
	if err != nil {
		return nil, err
	}
	buckets := t.buckets(network, account, known)
	if err := checkRemaining(buckets); err != nil {
		release()
		return nil, err
	}
	for _, b := range buckets {
		b.remaining--
	}
	return func(failed bool) {
		t.mu.Lock()
		defer t.mu.Unlock()
		release()
		for _, b := range buckets {
			if !failed {
				b.remaining = min(b.remaining+1, b.capacity)
			}
		}
	}, nil
}

// Acquire begins the hashing of a new password, which is not an attempt. It fails with
// fault.TooMany if the network has maxConcurrent of either in progress.
func (t *Throttle) Acquire(network string) (release func(), err error) {
	if t.failures == 0 {
		return func() {}, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	done, err := t.acquire(network)
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		done()
	}, err
}

// acquire counts a password check of a network until release. Callers of acquire and
// of release hold t.mu.
func (t *Throttle) acquire(network string) (release func(), err error) {
	if t.running[network] == maxConcurrent {
		return nil, fault.New(fault.TooMany, "too many concurrent password checks from your network; the limit is %d; try again in a second", maxConcurrent).RetryIn(time.Second)
	}
	t.running[network]++
	return func() {
		if t.running[network]--; t.running[network] == 0 {
			delete(t.running, network)
		}
	}, nil
}

// buckets returns the buckets that an attempt takes from. The caller holds t.mu.
func (t *Throttle) buckets(network, account string, known bool) []*bucket {
	capacity := float64(t.failures)
	if known {
		return []*bucket{t.bucket(t.knownPairs, network+" "+account, capacity, networkRefill)}
	}
	ofNetwork := t.bucket(t.networks, network, capacity, networkRefill)
	if ofNetwork.wait() > 0 { // refused: it must not create a bucket, which could drop another
		return []*bucket{ofNetwork}
	}
	ofAccount := t.bucket(t.accounts, account, capacity, accountRefill)
	if ofAccount.wait() > 0 {
		if ofPair := t.bucket(t.unknownPairs, network+" "+account, 1, unknownPairRefill); ofPair.wait() == 0 {
			ofAccount = ofPair
		}
	}
	return []*bucket{ofNetwork, ofAccount}
}

// checkRemaining fails with fault.TooMany if one of the buckets is empty.
func checkRemaining(buckets []*bucket) error {
	var wait time.Duration
	for _, b := range buckets {
		wait = max(wait, b.wait())
	}
	if wait == 0 {
		return nil
	}
	return fault.New(fault.TooMany, "too many wrong passwords; try again in %d seconds", int(math.Ceil(wait.Seconds()))).RetryIn(min(wait, maxRetryAfter))
}

// bucket returns a bucket, refilled until now. The caller holds t.mu.
func (t *Throttle) bucket(cache *lru.LRU[string, *bucket], key string, capacity float64, refill time.Duration) *bucket {
	now := t.now()
	b, ok := cache.Get(key)
	if !ok {
		b = &bucket{remaining: capacity, capacity: capacity, updatedAt: now, refill: refill}
		cache.Add(key, b)
	}
	if d := now.Sub(b.updatedAt); d > 0 {
		b.remaining = min(b.remaining+float64(d)/float64(refill), capacity)
	}
	b.updatedAt = now
	return b
}

// wait returns the time until the bucket has a failure left.
func (b *bucket) wait() time.Duration {
	return time.Duration(max(0, math.Ceil((1-b.remaining)*float64(b.refill))))
}
