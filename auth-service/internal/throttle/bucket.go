package throttle

import (
	"math"
	"net/netip"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/battery-passport/suite/pkg/fault"
)

const (
	maxBuckets    = 10_000 // of each kind; the least recently used are dropped
	maxRetryAfter = time.Minute
)

// networkLevels is the number of networks of an IPv6 address that are counted: one
// client can have a /64, a /56 or a /48 for itself.
const networkLevels = 3

// levelBits are the prefix lengths of these networks, and levelFactor the sizes of their
// buckets. An IPv4 address counts like a /64.
var (
	levelBits   = [networkLevels]int{48, 56, 64}
	levelFactor = [networkLevels]float64{4, 2, 1}
)

// networksOf returns the networks of a client address, the largest first.
func networksOf(client netip.Addr) (networks []string) {
	client = client.Unmap().WithZone("")
	if !client.Is6() {
		return []string{client.String()}
	}
	for _, bits := range levelBits {
		prefix := netip.PrefixFrom(client, bits).Masked()
		networks = append(networks, prefix.String())
	}
	return networks
}

// bucket is a token bucket of failures or requests.
type bucket struct {
	remaining, capacity float64
	updatedAt           time.Time
	interval            time.Duration // in which it regains one
}

// wait returns the time until the bucket has one left.
func (b *bucket) wait() time.Duration {
	return time.Duration(max(0, math.Ceil((1-b.remaining)*float64(b.interval))))
}

// buckets are token buckets of the same size. They are not safe for concurrent use.
type buckets struct {
	capacity float64
	interval time.Duration
	byKey    *lru.LRU[string, *bucket]
}

func newBuckets(capacity float64, interval time.Duration) *buckets {
	byKey, err := lru.NewLRU[string, *bucket](maxBuckets, nil)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &buckets{capacity, interval, byKey}
}

// get returns a bucket, refilled until now.
func (bs *buckets) get(key string, now time.Time) *bucket {
	b, ok := bs.byKey.Get(key)
	if !ok {
		b = &bucket{remaining: bs.capacity, capacity: bs.capacity, updatedAt: now, interval: bs.interval}
		bs.byKey.Add(key, b)
	}
	if d := now.Sub(b.updatedAt); d > 0 {
		b.remaining = min(b.remaining+float64(d)/float64(bs.interval), bs.capacity)
	}
	b.updatedAt = now
	return b
}

// bucketsOf returns the buckets of the networks of a client, or the time until none of
// them is empty. It looks at the largest network first, so that a client with a large one
// creates few buckets of smaller ones.
func bucketsOf(levels [networkLevels]*buckets, networks []string, now time.Time) (taken []*bucket, wait time.Duration) {
	for i, network := range networks {
		b := levels[networkLevels-len(networks)+i].get(network, now)
		if wait := b.wait(); wait > 0 {
			return nil, wait
		}
		taken = append(taken, b)
	}
	return taken, 0
}

func errTooMany(wait time.Duration) error {
	return fault.New(fault.TooMany, "too many failed logins from your network; try again in %d seconds, or log in on a device that you have logged in on before", int(math.Ceil(wait.Seconds()))).
		RetryIn(min(wait, maxRetryAfter))
}
