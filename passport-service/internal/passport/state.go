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
	Voided   State = "voided"   // declared false by an admin, with a reason
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
	Void    Action = "void"
	Delete  Action = "delete"
)

// removed is the state after Delete.
const removed State = ""

// visibility defines the part of a passport that callers other than the owner may read.
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

// lifeCycle contains the rules of each state. Publish, Archive and Void may be repeated:
// the second call changes nothing.
var lifeCycle = map[State]stateRules{
	Draft: {
		next: map[Action]State{Replace: Draft, Patch: Draft, Publish: Active, Delete: removed}, visibility: hidden,
		reason: "can only be changed, published or deleted",
	},
	Active: {
		next: map[Action]State{Replace: Active, Patch: Active, Publish: Active, Archive: Archived, Void: Voided}, visibility: visible,
		reason: "can only be changed, archived or voided",
	},
	Inactive: {next: map[Action]State{Void: Voided}, visibility: visible, reason: "cannot be changed, because the passport of a successor battery replaced it"},
	Archived: {next: map[Action]State{Archive: Archived, Void: Voided}, visibility: gone, reason: "cannot be changed"},
	Ceased:   {next: map[Action]State{Void: Voided}, visibility: gone, reason: "cannot be changed, because the battery was recycled"},
	Voided:   {next: map[Action]State{Void: Voided}, visibility: gone, reason: "cannot be changed, because an admin declared it void"},
}

// transition returns the state after an action, or fails with fault.Conflict if
// the action is not allowed.
func (s State) transition(a Action) (State, error) {
	if next, ok := lifeCycle[s].next[a]; ok {
		return next, nil
	}
	why := fmt.Sprintf("is %s and %s", s, lifeCycle[s].reason)
	return s, fault.New(fault.Conflict, "cannot %s the passport: it %s", a, why).
		With(fault.Detail{Path: "/state", Code: "transition", Message: "the passport " + why})
}

// GoneError is the error for a passport that has ended. It is a fault.Gone that names the
// day.
type GoneError struct {
	Since time.Time
	err   error
}

// Error implements error.
func (e *GoneError) Error() string { return e.err.Error() }

// Unwrap returns the fault.
func (e *GoneError) Unwrap() error { return e.err }

func errGone(head *Version) error {
	day := head.CreatedAt.UTC().Format(time.DateOnly)
	if head.State == Voided {
		return &GoneError{head.CreatedAt, fault.New(fault.Gone, "the passport was false and was declared void on %s", day)}
	}
	return &GoneError{head.CreatedAt, fault.New(fault.Gone, "the passport ended on %s", day)}
}
