package passport

import (
	"time"

	"github.com/battery-passport/suite/pkg/fault"
)

// State is the state of a passport in its life cycle.
type State string

// The states.
const (
	Draft    State = "draft"    // not published yet
	Active   State = "active"   // published
	Inactive State = "inactive" // a successor took over
	Archived State = "archived" // withdrawn, for a reason
	Ceased   State = "ceased"   // the battery was recycled (Article 77(8))
)

// States returns all states.
func States() []State { return []State{Draft, Active, Inactive, Archived, Ceased} }

// Action is what created a version, or deleted a draft.
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

// removed is the state after a deletion.
const removed State = ""

// visibility is what others than the owner see of a passport.
type visibility int

const (
	hidden visibility = iota // it is not there
	open                     // as far as their access classes go
	ended                    // that it ended, and when; authorities read on
)

// stage describes a state.
type stage struct {
	next       map[Action]State // the allowed actions, and the state that follows
	visibility visibility
	why        string // no other action is allowed
}

// stages is the life cycle. An action that changes nothing may be repeated.
var stages = map[State]stage{
	Draft: {
		next: map[Action]State{Replace: Draft, Patch: Draft, Publish: Active, Delete: removed}, visibility: hidden,
		why: "it is a draft, which can be changed, published or deleted",
	},
	Active: {
		next: map[Action]State{Replace: Active, Patch: Active, Publish: Active, Archive: Archived}, visibility: open,
		why: "it is published, and can be changed or archived",
	},
	Inactive: {visibility: open, why: "that of another battery took its place, and it does not change any more"},
	Archived: {next: map[Action]State{Archive: Archived}, visibility: ended, why: "it is archived, and does not change any more"},
	Ceased:   {visibility: ended, why: "its battery was recycled, and it ceased to exist"},
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

// errGone is fault.Gone with the day on which the passport ended.
func errGone(at time.Time) error {
	return fault.New(fault.Gone, "the passport ended on %s", at.UTC().Format(time.DateOnly))
}
