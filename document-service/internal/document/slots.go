package document

import (
	"context"
	"sync"
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
)

const uploadWait = 2 * time.Second // for one of them to end

// slots bound what is done at once, and what of it for one user: half, so that
// who holds what it gets does not keep out the others.
type slots struct {
	mu  sync.Mutex
	all chan struct{}
	of  map[string]*userSlots // of those who have or wait for some
}

type userSlots struct {
	taken chan struct{}
	uses  int
}

// take waits for one of so many slots, though not for long.
func (s *slots) take(ctx context.Context, most int) (release func(), err error) {
	user, each := auth.Caller(ctx).UserID, max(1, most/2)
	all, own := s.join(user, most, each)
	wait, cancel := context.WithTimeout(ctx, uploadWait)
	defer cancel()
	select {
	case own <- struct{}{}:
	case <-wait.Done():
		s.leave(user)
		return nil, fault.New(fault.Unavailable, "%d files of yours are being uploaded; try again", each).After(uploadWait)
	}
	select {
	case all <- struct{}{}:
		return func() { <-all; <-own; s.leave(user) }, nil
	case <-wait.Done():
		<-own
		s.leave(user)
		return nil, fault.New(fault.Unavailable, "%d files are being uploaded; try again", most).After(uploadWait)
	}
}

func (s *slots) join(user string, most, each int) (all, own chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all, s.of = make(chan struct{}, most), map[string]*userSlots{}
	}
	u, ok := s.of[user]
	if !ok {
		u = &userSlots{taken: make(chan struct{}, each)}
		s.of[user] = u
	}
	u.uses++
	return s.all, u.taken
}

func (s *slots) leave(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.of[user]; u.uses > 1 {
		u.uses--
		return
	}
	delete(s.of, user)
}
