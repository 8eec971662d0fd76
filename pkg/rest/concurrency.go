package rest

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
)

const (
	// slotWait is how long a transfer or an upload waits for a slot.
	slotWait = 5 * time.Second
	// slotPoll is how often a waiting request looks for transfers that have become slow.
	slotPoll = 20 * time.Millisecond
	// yieldRate is the rate in bytes per second below which a transfer loses its slot if
	// others need it. A transfer starts with minLead, so that new ones are not slow. The lead
	// is limited, because the kernel buffers megabytes for a client that is slow.
	yieldRate = 256 << 10
	minLead   = time.Second / 8
	maxLead   = time.Second / 2
)

// pool limits the concurrent requests of some routes. A request has one of the slots while
// the service works on it, and one of the transfers while it waits for the client. Slow
// clients therefore hold no slots.
type pool struct {
	slots     *limiter // nil: unlimited
	transfers *limiter
}

func newPool(slots int) *pool {
	return &pool{slots: newLimiter(slots, 0), transfers: newLimiter(2*slots, slotWait)}
}

// defaultMaxRequests and defaultMaxUploads apply to a zero Config, which tests use.
const (
	defaultMaxRequests = 256
	defaultMaxUploads  = 4
)

func (c Config) maxRequests() int { return cmp.Or(c.MaxRequests, defaultMaxRequests) }

func newPools(c Config) map[Concurrency]*pool {
	n := c.maxRequests()
	return map[Concurrency]*pool{
		OpenSlots: newPool(n), PublicSlots: newPool(n), UserSlots: newPool(n),
		UploadSlots: {transfers: newLimiter(cmp.Or(c.MaxUploads, defaultMaxUploads), slotWait)},
	}
}

// share is a group of requests that may have a part of a limiter only, such as all
// requests of a user.
type share struct {
	key        string
	sixteenths int
	least      int
	name       string // for error messages
}

var everyone = share{"", 16, 1, "all clients"}

// SelfRegistered is the group of the accounts that anyone can create. They get a small
// share of each pool together, and the rate limits of their network.
const SelfRegistered = "self-registered accounts"

// guestShares are the shares of a request without a login.
func guestShares(network string) []share {
	return []share{{"guests of " + network, 4, 2, "your network"}, {"network " + network, 12, 2, "your network"}, everyone}
}

// userShares are the shares of a request of a user.
func userShares(user, group, network string) []share {
	shares := []share{{"user " + user, 4, 2, "your account"}}
	switch group {
	case "":
	case SelfRegistered:
		shares = []share{{"user " + user, 1, 1, "your account"}, {group, 2, 1, "accounts without an organisation"}}
	default:
		shares = append(shares, share{"organisation " + group, 8, 2, "your organisation"})
	}
	return append(shares, share{"network " + network, 12, 2, "your network"}, everyone)
}

// limiter limits the slots that are in use, in total and per share. It is safe for
// concurrent use.
type limiter struct {
	total int
	wait  time.Duration // how long acquire waits for a slot

	mu     sync.Mutex
	used   map[*slot]struct{}
	queue  []*slot        // those that wait for a share, first come, first served
	counts map[string]int // slots in use, by key of the share
}

func newLimiter(total int, wait time.Duration) *limiter {
	return &limiter{total: total, wait: wait, used: map[*slot]struct{}{}, counts: map[string]int{}}
}

func (l *limiter) limit(s share) int { return min(l.total, max(s.least, l.total*s.sixteenths/16)) }

// acquire returns a slot that counts for the shares. If one of them has no slot left, the
// slowest transfer of that share is cancelled, no more than one for each slot that waits.
// acquire fails with fault.Unavailable if no slot is released in time.
func (l *limiter) acquire(ctx context.Context, shares []share) (*slot, error) {
	s := newSlot(l, shares)
	for end := time.Now().Add(l.wait); ; {
		err := l.try(s)
		if err == nil {
			return s, nil
		}
		if !time.Now().Before(end) || ctx.Err() != nil {
			s.release()
			return nil, err
		}
		select {
		case <-s.turn:
		case <-time.After(slotPoll):
		case <-ctx.Done():
		}
	}
}

// try counts the slot for one share after the other. If a share is full, the slot counts
// for those before it until the next try, so that a user cannot wait with many requests.
func (l *limiter) try(s *slot) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for ; s.held < len(s.shares); s.held++ {
		share := s.shares[s.held]
		limit := l.limit(share)
		if l.counts[share.key] >= limit || l.isAwaited(share, s) {
			if l.wait > 0 {
				l.enqueue(s)
				l.cancelSlowest(share)
			}
			return fault.New(fault.Unavailable, "%d requests of %s are already in progress, the maximum", limit, share.name).RetryIn(time.Second)
		}
		l.counts[share.key]++
		l.dequeue(s)
		l.wake(share)
	}
	l.used[s] = struct{}{}
	return nil
}

// wake makes the first slot that waits for a share try again.
func (l *limiter) wake(share share) {
	for _, waiting := range l.queue {
		if waiting.shares[waiting.held].key == share.key {
			select {
			case waiting.turn <- struct{}{}:
			default: // it will try anyway
			}
			return
		}
	}
}

// isAwaited reports whether a slot that came before s waits for the share.
func (l *limiter) isAwaited(share share, s *slot) bool {
	for _, earlier := range l.queue {
		if earlier == s {
			break
		}
		if earlier.shares[earlier.held].key == share.key {
			return true
		}
	}
	return false
}

func (l *limiter) enqueue(s *slot) {
	if !slices.Contains(l.queue, s) {
		l.queue = append(l.queue, s)
	}
}

func (l *limiter) dequeue(s *slot) {
	l.queue = slices.DeleteFunc(l.queue, func(other *slot) bool { return other == s })
}

// cancelSlowest cancels the transfer of a share that is furthest behind yieldRate, if any is.
// It cancels none if enough transfers are ending for all slots that wait: they may need a
// while to clean up, for example because S3 is slow.
func (l *limiter) cancelSlowest(share share) {
	missing := l.counts[share.key] - l.limit(share)
	for _, waiting := range l.queue {
		if waiting.shares[waiting.held].key == share.key {
			missing++
		}
	}
	var slowest *slot
	lowest := time.Duration(0)
	for other := range l.used {
		if !other.counts(share) {
			continue
		}
		lead, ending := other.currentLead()
		if ending {
			missing--
		} else if lead < lowest {
			slowest, lowest = other, lead
		}
	}
	if slowest != nil && missing > 0 {
		slowest.cancel()
	}
}

// limitConcurrency responds with 503 if no slot is free.
func limitConcurrency(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := stateOf(r.Context())
		if err := s.work(r.Context()); err != nil {
			WriteProblem(w, r, err)
			return
		}
		defer s.leave()
		next.ServeHTTP(w, r)
	})
}
