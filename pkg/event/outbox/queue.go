package outbox

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	queueSize  = 4096
	queueBytes = 8 << 20 // data of the events in the queue
	minBackoff = 50 * time.Millisecond
	maxBackoff = time.Second
)

// queue holds the ids of aggregates with waiting events. An id is queued at most once,
// no matter how often it is added. An id that is added while a worker processes it is
// queued again afterwards.
type queue struct {
	ids     chan string
	mu      sync.Mutex
	jobs    map[string]*job // queued, running or in backoff
	failing int             // jobs whose last attempt failed
	bytes   int64           // data of the events of all jobs
}

type job struct {
	running  bool
	requeue  bool      // added while running
	failures int       // consecutive
	written  Aggregate // its events are nil after a second write or a failure, or if the queue is full; the relay then reads them
}

func newQueue() *queue {
	return &queue{ids: make(chan string, queueSize), jobs: map[string]*job{}}
}

// hasRoom reports whether at least half of the queue is free.
func (q *queue) hasRoom() bool { return len(q.ids) < queueSize/2 }

// size returns the number of jobs.
func (q *queue) size() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.jobs)
}

func (q *queue) has(id string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.jobs[id] != nil
}

func (q *queue) add(a Aggregate) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch j := q.jobs[a.ID]; {
	case j == nil:
		if q.bytes+a.bytes() > queueBytes {
			a.Events = nil
		}
		q.bytes += a.bytes()
		q.jobs[a.ID] = &job{written: a}
		q.enqueue(a.ID)
	case j.running:
		j.requeue = true
	default: // another write, or a failure
		q.take(j)
	}
}

// take removes the events of a job and returns them. The caller holds q.mu.
func (q *queue) take(j *job) Aggregate {
	a := j.written
	q.bytes -= a.bytes()
	j.written = Aggregate{ID: a.ID}
	return a
}

// enqueue sends an id to the workers. If the queue is full it drops the job; a relay
// claims the aggregate when its lease expires. The caller holds q.mu.
func (q *queue) enqueue(id string) {
	select {
	case q.ids <- id:
	default:
		q.take(q.jobs[id])
		q.resetFailures(q.jobs[id])
		delete(q.jobs, id)
	}
}

// resetFailures sets the failures of a job to 0 and updates the number of failing jobs.
// The caller holds q.mu.
func (q *queue) resetFailures(j *job) {
	if j.failures > 0 {
		j.failures = 0
		q.failing--
	}
}

// next waits for an aggregate and returns up to limit queued ones. After ctx is done it no
// longer waits, and after drain is done it returns nothing. It must not be called
// concurrently.
func (q *queue) next(ctx, drain context.Context, limit int) (batch []Aggregate, ok bool) {
	if drain.Err() != nil {
		return nil, false
	}
	var id string
	select {
	case id = <-q.ids:
	default:
		select {
		case id = <-q.ids:
		case <-ctx.Done():
			return nil, false
		}
	}
	batch = append(batch, q.start(id))
	for len(batch) < limit && len(q.ids) > 0 { // does not block: this is the only receiver
		batch = append(batch, q.start(<-q.ids))
	}
	return batch, true
}

// start marks a job as running. The events are nil after a second write or a failure; the relay then
// reads them.
func (q *queue) start(id string) Aggregate {
	q.mu.Lock()
	defer q.mu.Unlock()
	j := q.jobs[id]
	j.running, j.requeue = true, false
	return q.take(j)
}

// putBack queues an id that next returned but that was not processed.
func (q *queue) putBack(id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.jobs[id].running = false
	q.enqueue(id)
}

// done ends a job and returns the number of failing jobs. A failed job is queued again
// after an exponential backoff with jitter.
func (q *queue) done(id string, failed bool) (failing int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	j := q.jobs[id]
	j.running = false
	if failed {
		backoff := min(minBackoff<<min(j.failures, 10), maxBackoff)
		if j.failures++; j.failures == 1 {
			q.failing++
		}
		time.AfterFunc(backoff/2+rand.N(backoff/2), func() {
			q.mu.Lock()
			defer q.mu.Unlock()
			q.enqueue(id)
		})
		return q.failing
	}
	q.resetFailures(j)
	if j.requeue {
		q.enqueue(id)
	} else {
		delete(q.jobs, id)
	}
	return q.failing
}
