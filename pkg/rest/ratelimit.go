package rest

import (
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"

	"github.com/battery-passport/suite/pkg/fault"
)

// maxCallers bounds the memory of a rate limiter: beyond it, the callers that
// were silent longest are forgotten.
const maxCallers = 20_000

// rateLimiter is a token bucket per caller that holds one minute's worth. It is
// safe for concurrent use.
type rateLimiter struct {
	name      string
	perMinute int // 0: unlimited

	mu      sync.Mutex
	callers *lru.LRU[string, *rate.Limiter]
}

func newRateLimiter(name string, perMinute int) *rateLimiter {
	callers, err := lru.NewLRU[string, *rate.Limiter](maxCallers, nil)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &rateLimiter{name: name, perMinute: perMinute, callers: callers}
}

// take charges a caller for one request and sets the response headers of
// draft-ietf-httpapi-ratelimit-headers-10. It fails with fault.TooMany.
func (l *rateLimiter) take(h http.Header, caller string) error {
	if l.perMinute == 0 {
		return nil
	}
	now := time.Now()
	bucket := l.bucket(caller)
	ok := bucket.AllowN(now, 1)
	left := bucket.TokensAt(now)
	one := time.Minute / time.Duration(l.perMinute)
	full := time.Duration(float64(l.perMinute)-left) * one
	h.Set("RateLimit-Policy", fmt.Sprintf("%q;q=%d;w=60", l.name, l.perMinute))
	h.Set("RateLimit", fmt.Sprintf("%q;r=%d;t=%d", l.name, max(0, int(left)), int(math.Ceil(full.Seconds()))))
	if ok {
		return nil
	}
	return fault.New(fault.TooMany, "more than %d requests in a minute came from you", l.perMinute).
		After(time.Duration((1 - left) * float64(one)))
}

func (l *rateLimiter) bucket(caller string) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.callers.Get(caller)
	if !ok {
		b = rate.NewLimiter(rate.Limit(float64(l.perMinute)/60), l.perMinute)
		l.callers.Add(caller, b)
	}
	return b
}

// clientNetwork is what one client controls at least: an IPv4 address, or the
// /64 of an IPv6 address.
func clientNetwork(a netip.Addr) string {
	if a = a.Unmap(); a.Is6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}
