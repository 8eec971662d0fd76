package main

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	patience   = 3 * time.Second // less than some faults last: requests are given up that go on after them
	retries    = 4               // of a request in doubt
	retryPause = 500 * time.Millisecond
)

// load writes to a suite and reads from it.
type load struct {
	*suite
	*ledger
	pause    time.Duration
	requests context.Context // one in flight is not cut at the end of the load
	began    time.Time
}

func (l *load) elapsed() int64 { return int64(time.Since(l.began)) }

func newMark() string { return "chaos " + uuid.NewString() }

// drive has all workers send requests until ctx is done, and returns when the
// last has been answered or given up.
func (l *load) drive(ctx context.Context, seed uint64) {
	var wg sync.WaitGroup
	for i, who := range l.teams {
		for j, step := range []func(context.Context, *rand.Rand, *account){l.write, l.update, l.update, l.watch, l.file, l.enter} {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(seed, uint64(100*i+j+1)))
				for wait(ctx, l.pause/2+upTo(rng, l.pause+1)) {
					step(ctx, rng, who)
				}
			})
		}
	}
	wg.Wait()
}

func (l *load) send(r request) answer {
	ctx, cancel := context.WithTimeout(l.requests, patience)
	defer cancel()
	return l.suite.send(ctx, r)
}

// persist sends a request again while it is in doubt, which must not do more
// than sending it once.
func (l *load) persist(ctx context.Context, r request) (a answer, retried bool) {
	a = l.send(r)
	for i := 0; i < retries && a.inDoubt() && wait(ctx, retryPause); i++ {
		a, retried = l.send(r), true
	}
	return a, retried
}

// remove deletes an item, and reports whether it is in doubt.
func (l *load) remove(ctx context.Context, i *item, at string) (acked bool) {
	l.do(func() { i.deleting = true })
	r := request{who: i.who, method: http.MethodDelete, url: at + i.id}
	switch a, retried := l.persist(ctx, r); {
	case a.inDoubt():
	case a.status == http.StatusNoContent, a.status == http.StatusNotFound && retried:
		l.ack(func() { i.deleted = true })
		return true
	default:
		l.unexpected(i.id, r, a)
	}
	return false
}

// unexpected records a refusal without a reason.
func (l *load) unexpected(subject string, r request, a answer) {
	l.violate(answered, subject, "%s %s was answered %v", r.method, r.url, a)
}

func (l *load) isDeleting(i *item) (is bool) {
	l.do(func() { is = i.deleting })
	return is
}

// progress is the text after each fault.
func (l *load) progress() string {
	l.ledger.mu.Lock()
	defer l.ledger.mu.Unlock()
	return text(map[string]int{"writes acknowledged": l.acks})
}
