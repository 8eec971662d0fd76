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
	Events []event.Envelope // all of them, oldest first; nil if the relay must read them with Waiting
	Lease  time.Time        // when the lease ends that was written with the events; zero if they were read
}

// bytes returns the size of the event data, and at most maxBytes.
func (a Aggregate) bytes() int64 {
	n := 0
	for _, e := range a.Events {
		n += len(e.Data)
	}
	return min(int64(n), maxBytes)
}

// isExpired reports whether another relay may have published the events since they were written.
func (a Aggregate) isExpired() bool { return !a.Lease.IsZero() && !time.Now().Before(a.Lease) }

// notifiedEvents is the number of notifications with events that wait for a relay.
const notifiedEvents = 64

// Notifications are the aggregates that a process has written, for the relay of the process.
type Notifications chan Aggregate

// NewNotifications returns an empty channel.
func NewNotifications() Notifications { return make(Notifications, 1024) }

// Send adds an aggregate without waiting. It leaves out the events if many others wait, so that
// they do not fill the memory, and the aggregate if the channel is full: a relay finds it when its
// lease has expired.
func (n Notifications) Send(a Aggregate) {
	if len(n) >= notifiedEvents {
		a.Events = nil
	}
	select {
	case n <- a:
	default:
	}
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
