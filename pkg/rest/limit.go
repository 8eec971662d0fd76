package rest

import (
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	lru "github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"

	"github.com/battery-passport/suite/pkg/fault"
)

// remembered is how many callers a limit tells apart. Beyond that it forgets
// those that were silent longest.
const remembered = 20_000

// quota is how many requests each caller may send in a minute. What was not used
// adds up to a minute's worth. It is safe for concurrent use.
type quota struct {
	name      string
	perMinute int // 0: any number

	mu      sync.Mutex
	callers *lru.LRU[string, *rate.Limiter]
}

func newQuota(name string, perMinute int) *quota {
	callers, err := lru.NewLRU[string, *rate.Limiter](remembered, nil)
	if err != nil {
		panic(err) // of a size below 1
	}
	return &quota{name: name, perMinute: perMinute, callers: callers}
}

// take takes one request from what a caller has left, and says so in the answer,
// as draft-ietf-httpapi-ratelimit-headers-10 has it. It fails with fault.TooMany.
func (q *quota) take(h http.Header, caller string) error {
	if q.perMinute == 0 {
		return nil
	}
	now := time.Now()
	l := q.of(caller)
	ok := l.AllowN(now, 1)
	left := l.TokensAt(now)
	one := time.Minute / time.Duration(q.perMinute)
	full := time.Duration(float64(q.perMinute)-left) * one
	h.Set("RateLimit-Policy", fmt.Sprintf("%q;q=%d;w=60", q.name, q.perMinute))
	h.Set("RateLimit", fmt.Sprintf("%q;r=%d;t=%d", q.name, max(0, int(left)), int(math.Ceil(full.Seconds()))))
	if ok {
		return nil
	}
	return fault.New(fault.TooMany, "more than %d requests in a minute came from you", q.perMinute).
		After(time.Duration((1 - left) * float64(one)))
}

func (q *quota) of(caller string) *rate.Limiter {
	q.mu.Lock()
	defer q.mu.Unlock()
	l, ok := q.callers.Get(caller)
	if !ok {
		l = rate.NewLimiter(rate.Limit(float64(q.perMinute)/60), q.perMinute)
		q.callers.Add(caller, l)
	}
	return l
}

// network is what a client has at least: an IPv4 address, or 2⁶⁴ of IPv6.
func network(a netip.Addr) string {
	if a = a.Unmap(); a.Is6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

const (
	limitKey = "limit"
	apartKey = "apart"
)

// Limit sets how many requests for an operation an address may send in a minute,
// beside the limits that all operations have; 0 is any number. It is for what
// needs no login.
func Limit(perMinute int) Option {
	return func(op *huma.Operation) { op.Metadata[limitKey] = perMinute }
}

// Apart has an operation that services ask for, not people, bounded by itself:
// an address may send so many requests for it in a minute, and neither these nor
// the turns that they take are those of other operations. The path may have no
// parameters.
func Apart(perMinute int) Option {
	return func(op *huma.Operation) { op.Metadata[apartKey] = perMinute }
}

// limits returns what bounds an operation, before its guard is asked.
func (a *API) limits(op *huma.Operation, open bool) huma.Middlewares {
	if !strings.HasPrefix(op.Path, "/api/") {
		return nil
	}
	op.Errors = append(op.Errors, http.StatusTooManyRequests)
	if !open {
		return nil // by user, when the guard knows who that is
	}
	q := []*quota{a.callers}
	if n, ok := op.Metadata[apartKey].(int); ok {
		q = []*quota{newQuota(op.OperationID, n)}
		a.apart[op.Path] = newTurns(a.turns.most)
	} else if strings.HasPrefix(op.Path, publicPath) {
		q = []*quota{a.public}
	} else if n, _ := op.Metadata[limitKey].(int); n > 0 {
		q = append(q, newQuota(op.OperationID, n))
	}
	return huma.Middlewares{func(hc huma.Context, next func(huma.Context)) {
		r, w := humachi.Unwrap(hc)
		from := network(Address(hc.Context()))
		for _, q := range q {
			if err := q.take(w.Header(), from); err != nil {
				writeProblem(w, r, err)
				return
			}
		}
		next(hc)
	}}
}
