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

const (
	// serviceRate is the number of requests per minute and network for the documentation,
	// unknown routes and routes with ServiceRate together, and for each health check.
	serviceRate = 1200
	// memberFactor is the limit of all users of a network, in units of the limit of one.
	memberFactor = 4
)

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
