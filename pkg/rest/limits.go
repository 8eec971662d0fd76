package rest

import (
	"fmt"
	"math"
	"net/http"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"

	"github.com/battery-passport/suite/pkg/fault"
)

// maxCallers bounds the memory of a rate limiter: it forgets the least recently seen
// callers.
const maxCallers = 20_000

// rateLimiter has a token bucket for each caller. A full bucket holds the requests of
// one minute. It is safe for concurrent use.
type rateLimiter struct {
	name      string
	perMinute int // 0: unlimited

	mu      sync.Mutex
	buckets *lru.LRU[string, *rate.Limiter] // by caller
}

func newRateLimiter(name string, perMinute int) *rateLimiter {
	buckets, err := lru.NewLRU[string, *rate.Limiter](maxCallers, nil)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &rateLimiter{name: name, perMinute: perMinute, buckets: buckets}
}

// take charges a caller for one request and sets the response headers of
// draft-ietf-httpapi-ratelimit-headers-10. It fails with fault.TooMany.
func (l *rateLimiter) take(h http.Header, caller string) error {
	if l.perMinute == 0 {
		return nil
	}
	now, bucket := time.Now(), l.bucket(caller)
	ok, remaining := bucket.AllowN(now, 1), bucket.TokensAt(now)
	interval := time.Minute / time.Duration(l.perMinute)
	full := time.Duration(float64(l.perMinute)-remaining) * interval
	h.Set("RateLimit-Policy", fmt.Sprintf("%q;q=%d;w=60", l.name, l.perMinute))
	h.Set("RateLimit", fmt.Sprintf("%q;r=%d;t=%d", l.name, max(0, int(remaining)), int(math.Ceil(full.Seconds()))))
	if ok {
		return nil
	}
	return fault.New(fault.TooMany, "the limit of %d requests per minute is exceeded", l.perMinute).RetryIn(time.Duration((1 - remaining) * float64(interval)))
}

func (l *rateLimiter) bucket(caller string) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.buckets.Get(caller)
	if !ok {
		b = rate.NewLimiter(rate.Limit(float64(l.perMinute)/60), l.perMinute)
		l.buckets.Add(caller, b)
	}
	return b
}

// concurrencyLimiter limits the requests in flight, in total and per caller. It is safe
// for concurrent use.
type concurrencyLimiter struct {
	total, perCaller int

	mu     sync.Mutex
	used   int
	counts map[string]int // by caller
}

// newConcurrencyLimiter limits each caller to a quarter of the slots.
func newConcurrencyLimiter(total int) *concurrencyLimiter {
	return &concurrencyLimiter{total: total, perCaller: max(1, total/4), counts: map[string]int{}}
}

// acquire fails with fault.Unavailable when no slot is free.
func (l *concurrencyLimiter) acquire(caller string) (*slot, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.used >= l.total {
		return nil, fault.New(fault.Unavailable, "the service is already handling %d requests", l.total).RetryIn(time.Second)
	}
	if err := l.add(caller); err != nil {
		return nil, err
	}
	l.used++
	return &slot{l, caller}, nil
}

func (l *concurrencyLimiter) add(caller string) error {
	if l.counts[caller] >= l.perCaller {
		return fault.New(fault.Unavailable, "the service is already handling %d of your requests", l.perCaller).RetryIn(time.Second)
	}
	l.counts[caller]++
	return nil
}

func (l *concurrencyLimiter) remove(caller string) {
	if l.counts[caller]--; l.counts[caller] == 0 {
		delete(l.counts, caller)
	}
}

// slot is taken by one request, which uses it from one goroutine. It is nil for a route
// without a limit.
type slot struct {
	limiter *concurrencyLimiter
	caller  string
}

// reassign counts the slot for another caller. A request counts for its network until
// the user is known, so that many users can share an address.
func (s *slot) reassign(caller string) error {
	if s == nil {
		return nil
	}
	s.limiter.mu.Lock()
	defer s.limiter.mu.Unlock()
	if err := s.limiter.add(caller); err != nil {
		return err
	}
	s.limiter.remove(s.caller)
	s.caller = caller
	return nil
}

func (s *slot) release() {
	s.limiter.mu.Lock()
	defer s.limiter.mu.Unlock()
	s.limiter.used--
	s.limiter.remove(s.caller)
}

// limitConcurrency responds with 503, without waiting, if no slot is free.
func limitConcurrency(l *concurrencyLimiter, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := l.acquire(Network(r.Context()))
		if err != nil {
			writeProblem(w, r, err)
			return
		}
		defer s.release()
		stateOf(r.Context()).slot = s
		next.ServeHTTP(w, r)
	})
}
