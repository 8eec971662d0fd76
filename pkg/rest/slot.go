package rest

import (
	"context"
	"sync"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
)

// past is a deadline that has expired.
var past = time.Unix(1, 0)

// slot is held by one request. A nil slot belongs to a route without a limit.
type slot struct {
	limiter *limiter
	shares  []share       // from the smallest to the largest
	held    int           // number of shares for which the slot counts
	turn    chan struct{} // has an element when the slot may be free for the request that waits

	mu        sync.Mutex
	waits     [2]wait // by direction
	spooled   bool    // the client may read the response later: it need not while it sends
	cancelled bool
	ends      time.Time // when a cancelled transfer must have ended; in the past until the wait has failed
}

// direction of a transfer. A client may send and receive at the same time.
type direction int

const (
	reading direction = iota
	writing
)

// wait describes how long a transfer has waited for the client in one direction.
type wait struct {
	lead   time.Duration // by which the transfer is faster than yieldRate, at most maxLead
	since  time.Time     // of the current wait; zero: not waiting
	paused time.Time     // end of the last wait
	expire func(time.Time) error
}

func newSlot(l *limiter, shares []share) *slot {
	return &slot{limiter: l, shares: shares, turn: make(chan struct{}, 1), waits: [2]wait{{lead: minLead}, {lead: minLead}}}
}

func (s *slot) counts(of share) bool {
	for _, share := range s.shares {
		if share.key == of.key {
			return true
		}
	}
	return false
}

func (s *slot) release() {
	l := s.limiter
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.used, s)
	l.dequeue(s)
	for _, share := range s.shares[:s.held] {
		if l.counts[share.key]--; l.counts[share.key] == 0 {
			delete(l.counts, share.key)
		}
		l.wake(share)
	}
}

// currentLead returns the smaller lead of both directions, which is never negative while the
// transfer does not wait for the client, and whether the slot is cancelled.
func (s *slot) currentLead() (lead time.Duration, cancelled bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for d, w := range s.waits {
		if !w.since.IsZero() && !(s.spooled && direction(d) == writing) {
			lead = min(lead, w.lead-time.Since(w.since))
		}
	}
	return lead, s.cancelled
}

// cancel ends the current waits, which then fail with a timeout. If the client is not expected
// to read yet, the response can still be sent.
func (s *slot) cancel() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancelled, s.ends = true, past
	for d, w := range s.waits {
		if !w.since.IsZero() && !(s.spooled && direction(d) == writing) {
			w.expire(past)
		}
	}
}

// begin sets the deadline of a wait for the client. The time since the last wait, in which the
// service was busy, is added to the lead: the client could not transfer anything, and needs a
// moment to get faster again. A cancelled transfer has half a second for its response.
func (s *slot) begin(d direction, setDeadline func(time.Time) error, deadline time.Time) {
	if s == nil {
		setDeadline(deadline)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.spooled && d == writing:
		deadline = time.Time{}
	case s.cancelled:
		deadline = s.ends
	}
	w := &s.waits[d]
	w.since, w.expire = time.Now(), setDeadline
	if !w.paused.IsZero() {
		w.lead = min(w.lead+w.since.Sub(w.paused), maxLead)
	}
	setDeadline(deadline)
}

// end ends a wait in which n bytes were transferred. It returns err, or
// fault.Unavailable if the wait failed because the slot was cancelled.
func (s *slot) end(d direction, n int, err error) error {
	if s == nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &s.waits[d]
	w.lead = min(w.lead+time.Duration(n)*time.Second/yieldRate-time.Since(w.since), maxLead)
	w.since, w.paused = time.Time{}, time.Now()
	if err == nil || !s.cancelled || s.ends.After(past) {
		return err
	}
	s.ends = time.Now().Add(maxLead)
	return fault.New(fault.Unavailable, "the transfer was slower than %d KiB/s while others waited for its place", yieldRate>>10).RetryIn(slotWait).Because(err)
}

// spool allows the client to read the response after it has sent the request: waits for it to
// read have no deadline, and do not count.
func (s *slot) spool() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spooled = true
}

// unspool expects the client to read the response from now on. The current wait gets the deadline.
func (s *slot) unspool(deadline time.Time) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spooled = false
	if s.cancelled {
		deadline = s.ends
	}
	if w := &s.waits[writing]; !w.since.IsZero() {
		w.lead, w.since = minLead, time.Now()
		w.expire(deadline)
	}
}

// work takes a slot of the pool for the time in which the service works on the request.
func (s *requestState) work(ctx context.Context) (err error) {
	if s.pool != nil && s.pool.slots != nil {
		s.slot, err = s.pool.slots.acquire(ctx, s.shares)
	}
	return err
}

// transfer exchanges the slot of the request for a transfer, which it needs to wait for
// the client.
func (s *requestState) transfer(ctx context.Context) (err error) {
	if s.pool == nil || s.slot != nil && s.slot.limiter == s.pool.transfers {
		return nil
	}
	s.leave()
	s.slot, err = s.pool.transfers.acquire(ctx, s.shares)
	return err
}

// resume exchanges the transfer of the request for a slot.
func (s *requestState) resume(ctx context.Context) error {
	s.leave()
	return s.work(ctx)
}

// leave releases the slot or the transfer of the request.
func (s *requestState) leave() {
	if s.slot != nil {
		s.slot.release()
		s.slot = nil
	}
}
