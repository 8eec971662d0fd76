package password

import (
	"context"
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/pkg/fault"
)

// schedule is the order in which the classes are served: known devices get half of the hashes
// and the others a quarter each. A class without waiters is skipped.
var schedule = [...]account.Class{account.KnownDevice, account.OtherDevice, account.KnownDevice, account.Registration}

// maxNetworks limits for how many networks a class remembers when they were served.
const maxNetworks = 10_000

// waiter waits for a slot. It receives nil with a slot, or an error.
type waiter struct {
	network string
	result  chan error
}

// class holds the waiters of a class, in the order of their arrival.
type class struct {
	limit   int
	waiters []*waiter
	served  *lru.LRU[string, int] // number of the last hash of each network
}

// queue hands out slots. In each class it serves the network first that was served longest
// ago: a network with many requests delays another by one hash per round. It is safe for
// concurrent use.
type queue struct {
	mu      sync.Mutex
	free    int // if there is a free slot, nobody waits
	classes [account.Registration + 1]class
	turn    int // index of the next class in schedule
	hashes  int // slots handed out so far
}

// newQueue returns a queue for about limit waiters.
func newQueue(slots, limit int) *queue {
	q := &queue{free: slots}
	for c := range q.classes {
		served, err := lru.NewLRU[string, int](maxNetworks, nil)
		if err != nil {
			panic(err) // only for a size below 1
		}
		q.classes[c] = class{limit: max(1, limit/4), served: served}
	}
	q.classes[account.KnownDevice].limit = max(1, limit/2)
	return q
}

// acquire waits for a slot, at most maxWait. It fails with fault.Unavailable after that, if
// ctx is done, or if the queue is full and the network of the client has most of it.
func (q *queue) acquire(ctx context.Context, client account.Client) error {
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	w := q.enter(client)
	select {
	case err := <-w.result:
		return err
	case <-ctx.Done():
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.classes[client.Class].remove(w) {
			return errBusy().Because(ctx.Err())
		}
		return <-w.result // it received a slot at the same time
	}
}

func errBusy() *fault.Error {
	return fault.New(fault.Unavailable, "too many concurrent logins; try again").RetryIn(2 * time.Second)
}

// enter adds a waiter. If the queue of its class is full, one leaves.
func (q *queue) enter(client account.Client) *waiter {
	q.mu.Lock()
	defer q.mu.Unlock()
	w, c := &waiter{client.Network, make(chan error, 1)}, &q.classes[client.Class]
	c.waiters = append(c.waiters, w)
	if q.free > 0 {
		q.free--
		q.serve(c)
	} else if len(c.waiters) > c.limit {
		c.refuse()
	}
	return w
}

// release gives the slot to the next waiter.
func (q *queue) release() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for range schedule {
		c := &q.classes[schedule[q.turn]]
		q.turn = (q.turn + 1) % len(schedule)
		if len(c.waiters) > 0 {
			q.serve(c)
			return
		}
	}
	q.free++
}

// serve gives a slot to the first waiter of the network that was served longest ago.
func (q *queue) serve(c *class) {
	next := c.waiters[0]
	for _, w := range c.waiters {
		if c.lastServed(w) < c.lastServed(next) {
			next = w
		}
	}
	q.hashes++
	c.served.Add(next.network, q.hashes)
	c.remove(next)
	next.result <- nil
}

// lastServed returns the number of the last hash of the network of w, or 0.
func (c *class) lastServed(w *waiter) int {
	n, _ := c.served.Peek(w.network)
	return n
}

// refuse refuses the last waiter of the network that has most waiters or, of several, of the
// one that was served last.
func (c *class) refuse() {
	counts := map[string]int{}
	for _, w := range c.waiters {
		counts[w.network]++
	}
	victim := c.waiters[0]
	for _, w := range c.waiters {
		more := counts[w.network] - counts[victim.network]
		if more > 0 || more == 0 && c.lastServed(w) >= c.lastServed(victim) {
			victim = w
		}
	}
	c.remove(victim)
	victim.result <- errBusy()
}

// remove reports whether w was waiting.
func (c *class) remove(w *waiter) bool {
	i := slices.Index(c.waiters, w)
	if i >= 0 {
		c.waiters = slices.Delete(c.waiters, i, i+1)
	}
	return i >= 0
}
