package passport

import (
	"time"

	"github.com/battery-passport/suite/pkg/fault"
)

// State is where a passport is in its life.
type State string

// The states.
const (
	Draft    State = "draft"    // it is being put together
	Active   State = "active"   // it is published
	Inactive State = "inactive" // that of a successor took over
	Archived State = "archived" // it was taken back, for a reason
	Ceased   State = "ceased"   // the battery was recycled (Article 77(8))
)

// States are all of them.
func States() []State { return []State{Draft, Active, Inactive, Archived, Ceased} }

// Action is what made a version, or ended a draft.
type Action string

// The actions.
const (
	Create  Action = "create"
	Replace Action = "replace" // all of the data
	Patch   Action = "patch"   // parts of it
	Publish Action = "publish"
	Archive Action = "archive"
	Delete  Action = "delete"
)

// gone is the state that nothing is left of.
const gone State = ""

// visibility is what those see of a passport who do not keep it.
type visibility int

const (
	hidden visibility = iota // it is not there
	open                     // as far as their access classes go
	ended                    // that it ended, and when; authorities read on
)

// stage is what a state means.
type stage struct {
	next map[Action]State // what may be done, and the state that follows
	seen visibility
	why  string // nothing else may be done
}

// stages is the life of a passport. What changes nothing may be done again.
var stages = map[State]stage{
	Draft: {
		next: map[Action]State{Replace: Draft, Patch: Draft, Publish: Active, Delete: gone}, seen: hidden,
		why: "it is a draft, which can be changed, published or deleted",
	},
	Active: {
		next: map[Action]State{Replace: Active, Patch: Active, Publish: Active, Archive: Archived}, seen: open,
		why: "it is published, and can be changed or archived",
	},
	Inactive: {seen: open, why: "that of another battery took its place, and it does not change any more"},
	Archived: {next: map[Action]State{Archive: Archived}, seen: ended, why: "it is archived, and does not change any more"},
	Ceased:   {seen: ended, why: "its battery was recycled, and it ceased to exist"},
}

// after returns the state that an action leads to, or fails with
// fault.Conflict.
func (s State) after(a Action) (State, error) {
	if next, ok := stages[s].next[a]; ok {
		return next, nil
	}
	return s, fault.New(fault.Conflict, "%s is not possible: %s", a, stages[s].why).
		With(fault.Detail{Path: "/state", Code: "transition", Message: "is " + string(s)})
}

// over fails with fault.Gone, and the day since when.
func over(at time.Time) error {
	return fault.New(fault.Gone, "the passport ended on %s", at.UTC().Format(time.DateOnly))
}
