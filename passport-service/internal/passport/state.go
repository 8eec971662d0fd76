package passport

import (
	"fmt"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
)

// State is the state of a passport in its life cycle.
type State string

// The states.
const (
	Draft    State = "draft"    // not published yet
	Active   State = "active"   // published
	Inactive State = "inactive" // replaced by the passport of a successor battery
	Archived State = "archived" // withdrawn by the owner, with a reason
	Ceased   State = "ceased"   // the battery was recycled (Article 77(8))
)

// Action is the operation that created a version or deleted a draft.
type Action string

// The actions.
const (
	Create  Action = "create"
	Replace Action = "replace" // replaces all data
	Patch   Action = "patch"   // merges a patch into the data
	Publish Action = "publish"
	Archive Action = "archive"
	Delete  Action = "delete"
)

// removed is the state after Delete.
const removed State = ""

// visibility is what callers other than the owner may read of a passport.
type visibility int

const (
	hidden  visibility = iota // nothing: it does not exist for them
	visible                   // the attributes in their access classes
	gone                      // only when it ended; authorities still read their attributes
)

// stateRules are the rules of a state.
type stateRules struct {
	next       map[Action]State // state after each allowed action
	visibility visibility
	reason     string // why no other action is allowed
}

// lifeCycle contains the rules of each state. Publish and Archive may be repeated: the
// second call changes nothing.
var lifeCycle = map[State]stateRules{
	Draft: {
		next: map[Action]State{Replace: Draft, Patch: Draft, Publish: Active, Delete: removed}, visibility: hidden,
		reason: "a draft can only be changed, published or deleted",
	},
	Active: {
		next: map[Action]State{Replace: Active, Patch: Active, Publish: Active, Archive: Archived}, visibility: visible,
		reason: "a published passport can only be changed or archived",
	},
	Inactive: {visibility: visible, reason: "the passport of a successor battery replaced it"},
	Archived: {next: map[Action]State{Archive: Archived}, visibility: gone, reason: "an archived passport cannot be changed"},
	Ceased:   {visibility: gone, reason: "the battery was recycled and its passport ceased to exist"},
}

// transition returns the state after an action, or fails with fault.Conflict if
// the action is not allowed.
func (s State) transition(a Action) (State, error) {
	if next, ok := lifeCycle[s].next[a]; ok {
		return next, nil
	}
	return s, fault.New(fault.Conflict, "cannot %s the passport: %s", a, lifeCycle[s].reason).
		With(fault.Detail{Path: "/state", Code: "transition", Message: fmt.Sprintf("is %s, which does not allow %s", s, a)})
}

// errGone returns a fault.Gone that names the day on which the passport ended.
func errGone(at time.Time) error {
	return fault.New(fault.Gone, "the passport ended on %s", at.UTC().Format(time.DateOnly))
}
