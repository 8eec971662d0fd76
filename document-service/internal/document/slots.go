package document

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/battery-passport/suite/pkg/fault"
)

const slotWait = 2 * time.Second

// slots limit the uploads that run at the same time. A user gets half of them
// at most, so that nobody can block everybody else.
type slots struct {
	mu     sync.Mutex
	all    *semaphore.Weighted
	byUser map[string]*userSlots
}

type userSlots struct {
	*semaphore.Weighted
	users int // uploads that hold or wait for a slot
}

// acquire waits up to slotWait for one of total slots.
func (s *slots) acquire(ctx context.Context, user string, total int) (release func(), err error) {
	share := max(1, total/2)
	all, own := s.enter(user, total, share)
	wait, cancel := context.WithTimeout(ctx, slotWait)
	defer cancel()
	if own.Acquire(wait, 1) != nil {
		s.leave(user)
		return nil, fault.New(fault.Unavailable, "you already have %d uploads in progress; try again", share).RetryIn(slotWait)
	}
	if all.Acquire(wait, 1) != nil {
		own.Release(1)
		s.leave(user)
		return nil, fault.New(fault.Unavailable, "%d uploads are in progress; try again", total).RetryIn(slotWait)
	}
	return sync.OnceFunc(func() { all.Release(1); own.Release(1); s.leave(user) }), nil
}

func (s *slots) enter(user string, total, share int) (all *semaphore.Weighted, own *userSlots) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all, s.byUser = semaphore.NewWeighted(int64(total)), map[string]*userSlots{}
	}
	own, ok := s.byUser[user]
	if !ok {
		own = &userSlots{Weighted: semaphore.NewWeighted(int64(share))}
		s.byUser[user] = own
	}
	own.users++
	return s.all, own
}

func (s *slots) leave(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byUser[user].users--; s.byUser[user].users == 0 {
		delete(s.byUser, user)
	}
}
