package outbox

import (
	"context"
	"time"

	"github.com/battery-passport/suite/pkg/event"
)

// Due is an aggregate whose events were to be published by now.
type Expired struct {
	ID string
	At time.Time // its due time, as it is stored
}

// MaxBacklog is how many aggregates a Backlog looks at.
const MaxBacklog = 1000

// Backlog is what waits to be published.
type Backlog struct {
	Events int       // of MaxBacklog aggregates at most
	Oldest time.Time // when the oldest of them happened
}

// Source is the store's side of a relay. What it does for many aggregates at
// once costs much less than one by one. All methods are safe for concurrent use
// and fail with fault.Unavailable when the store does not answer.
type Source interface {
	// Written gives the ids of aggregates that this process wrote events to.
	// It is a hint: an id may be missing when many are written at once.
	Notify() <-chan string
	// Waiting returns the events of aggregates by id, oldest first: all of an
	// aggregate or none of them. Once there are limit events it leaves out those
	// that it has not read; what it returns has one aggregate at least.
	Waiting(ctx context.Context, ids []string, limit int) (map[string][]event.Envelope, error)
	// Acknowledge removes events that the broker has. It is no error when one is
	// gone. After an error some may be gone.
	Acknowledge(ctx context.Context, events []Published) error
	// Due returns up to limit aggregates that were due before now.
	Expired(ctx context.Context, now time.Time, limit int) ([]Expired, error)
	// Backlog looks at what waits, for those who watch over the suite.
	Backlog(ctx context.Context) (Backlog, error)
	// TakeOver moves due times to until and returns the ids of those that it
	// moved: not when somebody else moved it, or when nothing waits any more.
	// After an error these are moved all the same.
	Claim(ctx context.Context, expired []Expired, until time.Time) ([]string, error)
}

// Published names an event that the broker has.
type Published struct {
	ID    string // of the aggregate
	Event string // id of the event
}
