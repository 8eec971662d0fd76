package rest

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
)

// turns are the requests under way, of all and of each caller. It is safe for
// concurrent use.
type turns struct {
	most, each int

	mu  sync.Mutex
	all int
	of  map[string]int // by caller, who is a user or a network
}

// newTurns has a caller take a quarter at most: who holds what it gets does not
// keep it from all others.
func newTurns(most int) *turns {
	return &turns{most: most, each: max(1, most/4), of: map[string]int{}}
}

// begin takes a turn for a caller. It fails with fault.Unavailable.
func (t *turns) begin(caller string) (*turn, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all >= t.most {
		return nil, fault.New(fault.Unavailable, "%d requests are under way, and more are not taken", t.most).After(time.Second)
	}
	if err := t.add(caller); err != nil {
		return nil, err
	}
	t.all++
	return &turn{t, caller}, nil
}

func (t *turns) add(caller string) error {
	if t.of[caller] >= t.each {
		return fault.New(fault.Unavailable, "%d requests of yours are under way, and more are not taken", t.each).After(time.Second)
	}
	t.of[caller]++
	return nil
}

func (t *turns) remove(caller string) {
	if t.of[caller]--; t.of[caller] == 0 {
		delete(t.of, caller)
	}
}

// turn is that of one request, which uses it from one goroutine.
type turn struct {
	turns  *turns
	caller string
}

// pass makes a turn that of another caller: the network's becomes the user's
// when that is known, so that many may come from one address who have a login.
func (t *turn) pass(caller string) error {
	t.turns.mu.Lock()
	defer t.turns.mu.Unlock()
	if err := t.turns.add(caller); err != nil {
		return err
	}
	t.turns.remove(t.caller)
	t.caller = caller
	return nil
}

func (t *turn) end() {
	t.turns.mu.Lock()
	defer t.turns.mu.Unlock()
	t.turns.all--
	t.turns.remove(t.caller)
}

// shed answers 503 at once when too much is under way to do any of it soon, or
// too much of one caller. Health and documentation are always answered.
func (a *API) shed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/api/") {
			next.ServeHTTP(w, r)
			return
		}
		turns := a.turns
		if own, ok := a.apart[r.URL.Path]; ok {
			turns = own
		}
		t, err := turns.begin(network(Address(r.Context())))
		if err != nil {
			writeProblem(w, r, err)
			return
		}
		defer t.end()
		r.Context().Value(contextKey{}).(*entry).turn = t
		next.ServeHTTP(w, r)
	})
}

// passTurn makes the turn of the request that ctx belongs to that of a user.
func passTurn(ctx context.Context, user string) error {
	if e, ok := ctx.Value(contextKey{}).(*entry); ok && e.turn != nil {
		return e.turn.pass(user)
	}
	return nil
}
