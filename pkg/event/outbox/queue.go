package outbox

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	queueSize  = 4096
	minBackoff = 50 * time.Millisecond
	maxBackoff = time.Second
)

// queue holds ids of aggregates to be worked on, each once however often it is
// added. An id added while it is worked on comes again afterwards.
type queue struct {
	ids     chan string
	mu      sync.Mutex
	jobs    map[string]*job
	failing int // jobs that failed last time
}

type job struct {
	running  bool
	again    bool
	failures int
}

func newQueue() *queue {
	return &queue{ids: make(chan string, queueSize), jobs: map[string]*job{}}
}

// room tells whether the queue takes a good deal more.
func (q *queue) room() bool { return len(q.ids) < queueSize/2 }

// size tells how many ids are to be worked on.
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

func (q *queue) add(id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch j := q.jobs[id]; {
	case j == nil:
		q.jobs[id] = &job{}
		q.send(id)
	case j.running:
		j.again = true
	}
}

// send needs q.mu. An id that finds no place is forgotten: its due time brings
// it back.
func (q *queue) send(id string) {
	select {
	case q.ids <- id:
	default:
		q.works(q.jobs[id])
		delete(q.jobs, id)
	}
}

// works needs q.mu.
func (q *queue) works(j *job) {
	if j.failures > 0 {
		j.failures = 0
		q.failing--
	}
}

// next waits for an id, and returns it with others that are queued, most at
// most. Once ctx is done it gives only what is queued, and nothing once late is
// done too.
func (q *queue) next(ctx, late context.Context, most int) (ids []string, ok bool) {
	if late.Err() != nil {
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
	ids = append(ids, id)
	for len(ids) < most && len(q.ids) > 0 { // nobody else takes them
		ids = append(ids, <-q.ids)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, id := range ids {
		j := q.jobs[id]
		j.running, j.again = true, false
	}
	return ids, true
}

// put queues an id again that next gave, as if it had not.
func (q *queue) put(id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.jobs[id].running = false
	q.send(id)
}

// done ends the work on an id, and tells how many fail now. One that failed
// comes again after a pause that grows with its failures.
func (q *queue) done(id string, failed bool) (failing int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	j := q.jobs[id]
	j.running = false
	if failed {
		pause := min(minBackoff<<min(j.failures, 10), maxBackoff)
		if j.failures++; j.failures == 1 {
			q.failing++
		}
		time.AfterFunc(pause/2+rand.N(pause/2), func() {
			q.mu.Lock()
			defer q.mu.Unlock()
			q.send(id)
		})
		return q.failing
	}
	q.works(j)
	if j.again {
		q.send(id)
	} else {
		delete(q.jobs, id)
	}
	return q.failing
}
