package outbox

import (
	"context"
	"time"

	"github.com/battery-passport/suite/pkg/event"
)

// ExpiredLease is the expired lease of an aggregate with waiting events.
type ExpiredLease struct {
	ID string    // of the aggregate
	At time.Time // when the lease expired, exactly as it is stored
}

// MaxBacklog is the largest number of aggregates that a Backlog counts.
const MaxBacklog = 1000

// Backlog describes the events that wait to be published.
type Backlog struct {
	Events int       // in at most MaxBacklog aggregates
	Oldest time.Time // time of the oldest event
}

// Aggregate is an aggregate with waiting events.
type Aggregate struct {
	ID     string
	Events []event.Envelope // all of them, oldest first; nil: Waiting returns them
}

// Source is the store as seen by a relay. Calls for many aggregates at once cost much
// less than a call for each. All methods are safe for concurrent use and fail with
// fault.Unavailable when the store is down.
type Source interface {
	// Notify returns a channel with the aggregates to which this process has written events,
	// and with the events of a write if no others waited. Aggregates may be missing while many
	// are written at once.
	Notify() <-chan Aggregate
	// Waiting returns the waiting events of the aggregates, by id and oldest first. It
	// never returns only a part of an aggregate's events: once it has read limit events
	// it leaves out the remaining aggregates. It returns at least one aggregate.
	Waiting(ctx context.Context, ids []string, limit int) (map[string][]event.Envelope, error)
	// Acknowledge removes published events. Events that are already removed are
	// ignored. After an error some events may have been removed.
	Acknowledge(ctx context.Context, events []Published) error
	// Expired returns up to limit aggregates whose lease expired before now.
	Expired(ctx context.Context, now time.Time, limit int) ([]ExpiredLease, error)
	// Backlog returns the current backlog, for metrics.
	Backlog(ctx context.Context) (Backlog, error)
	// Claim extends the leases to until and returns the ids that it has claimed. It
	// does not claim an aggregate that another relay has claimed since, or that has no
	// waiting events. The ids returned with an error are claimed, too.
	Claim(ctx context.Context, expired []ExpiredLease, until time.Time) ([]string, error)
}

// Published identifies a published event.
type Published struct {
	ID    string // of the aggregate
	Event string // id of the event
}
