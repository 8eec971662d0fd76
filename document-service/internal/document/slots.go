package document

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/battery-passport/suite/pkg/fault"
)

const slotWait = 2 * time.Second

// uploadSlots limits concurrent uploads. One user gets at most half of the slots and
// so cannot block all other users.
type uploadSlots struct {
	mu     sync.Mutex
	all    *semaphore.Weighted
	byUser map[string]*userSlots
}

type userSlots struct {
	*semaphore.Weighted
	uploads int // that hold a slot or wait for one
}

// acquire waits up to slotWait for a slot. It fails with fault.Unavailable after that.
func (s *uploadSlots) acquire(ctx context.Context, user string, total int) (release func(), err error) {
	share := max(1, total/2)
	all, own := s.enter(user, total, share)
	wait, cancel := context.WithTimeout(ctx, slotWait)
	defer cancel()
	if own.Acquire(wait, 1) != nil {
		s.leave(user)
		return nil, fault.New(fault.Unavailable, "you already have %d uploads in progress, the maximum per user; try again later", share).RetryIn(slotWait)
	}
	if all.Acquire(wait, 1) != nil {
		own.Release(1)
		s.leave(user)
		return nil, fault.New(fault.Unavailable, "%d uploads are in progress, the maximum; try again later", total).RetryIn(slotWait)
	}
	return sync.OnceFunc(func() { all.Release(1); own.Release(1); s.leave(user) }), nil
}

func (s *uploadSlots) enter(user string, total, share int) (all *semaphore.Weighted, own *userSlots) {
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
	own.uploads++
	return s.all, own
}

func (s *uploadSlots) leave(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byUser[user].uploads--; s.byUser[user].uploads == 0 {
		delete(s.byUser, user)
	}
}
