package rest

import (
	"net/http"
	"sync"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
)

// concurrencyLimiter bounds the requests that are answered at a time, of all
// callers and of each. It is safe for concurrent use.
type concurrencyLimiter struct {
	most, each int

	mu  sync.Mutex
	all int
	of  map[string]int // by caller
}

// newConcurrencyLimiter limits each caller to a quarter of the slots.
func newConcurrencyLimiter(most int) *concurrencyLimiter {
	return &concurrencyLimiter{most: most, each: max(1, most/4), of: map[string]int{}}
}

// acquire fails with fault.Unavailable when no slot is free.
func (l *concurrencyLimiter) acquire(caller string) (*slot, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all >= l.most {
		return nil, fault.New(fault.Unavailable, "%d requests are under way, and more are not taken", l.most).After(time.Second)
	}
	if err := l.add(caller); err != nil {
		return nil, err
	}
	l.all++
	return &slot{l, caller}, nil
}

func (l *concurrencyLimiter) add(caller string) error {
	if l.of[caller] >= l.each {
		return fault.New(fault.Unavailable, "%d requests of yours are under way, and more are not taken", l.each).After(time.Second)
	}
	l.of[caller]++
	return nil
}

func (l *concurrencyLimiter) remove(caller string) {
	if l.of[caller]--; l.of[caller] == 0 {
		delete(l.of, caller)
	}
}

// slot belongs to one request, which uses it from one goroutine.
type slot struct {
	limiter *concurrencyLimiter
	caller  string
}

// reassign counts the slot for another caller: from the network to the user once
// that is known, so that many users may share an address. A nil slot is unbounded.
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
	s.limiter.all--
	s.limiter.remove(s.caller)
}

// limitConcurrency answers 503 at once when no slot is free.
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
