package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// load writes to a suite until its context is done.
type load struct {
	*suite
	*ledger
	pause time.Duration
	whole context.Context // of requests: one that is under way is not cut
}

// drive has everybody write until ctx is done, and returns when the last
// request has been answered or given up.
func (l *load) drive(ctx context.Context, seed uint64) {
	var wg sync.WaitGroup
	for i, who := range l.teams {
		for j, round := range []func(context.Context, *rand.Rand, *account){l.write, l.update, l.update, l.file, l.enter} {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(seed, uint64(100*i+j+1)))
				for wait(ctx, l.pause/2+upTo(rng, l.pause+1)) {
					round(ctx, rng, who)
				}
			})
		}
	}
	wg.Wait()
}

// patience is how long a request may take: less than some pauses of a part, so
// that requests are given up that go on after it.
const patience = 3 * time.Second

func (l *load) send(r request) answer {
	ctx, cancel := context.WithTimeout(l.whole, patience)
	defer cancel()
	return l.suite.send(ctx, r)
}

func (l *load) login(who *account) answer {
	ctx, cancel := context.WithTimeout(l.whole, patience)
	defer cancel()
	return l.suite.login(ctx, who)
}

// count is what has been acknowledged so far, for the line of a fault.
func (l *load) count() string {
	l.caller.mu.Lock()
	unsure := l.unsured
	l.caller.mu.Unlock()
	l.ledger.mu.Lock()
	defer l.ledger.mu.Unlock()
	return fmt.Sprintf("%d writes acknowledged, %d requests in doubt", l.acks, unsure)
}

// odd notes a refusal that nobody has a reason for.
func (l *load) odd(subject string, r request, a answer) {
	l.saw("refusal", subject, "%s %s was answered %v", r.method, r.url, a)
}
