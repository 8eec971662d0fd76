package compliance

import (
	"errors"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// Engines are the engines of all rule sets.
type Engines struct {
	sets      ruleset.Sets
	byRuleSet map[*ruleset.RuleSet]*Engine
}

// NewEngines returns the engines of all rule sets. It fails like New.
func NewEngines(sets ruleset.Sets, table []Rule) (*Engines, error) {
	e := &Engines{sets, map[*ruleset.RuleSet]*Engine{}}
	var errs []error
	for _, rs := range sets {
		engine, err := New(rs, table)
		e.byRuleSet[rs], errs = engine, append(errs, err)
	}
	return e, errors.Join(errs...)
}

// Sets returns the rule sets.
func (e *Engines) Sets() ruleset.Sets { return e.sets }

// On returns the engine of the rule set that is in effect on a day.
func (e *Engines) On(day ruleset.Date) *Engine { return e.byRuleSet[e.sets.On(day)] }

// Named returns the engine of a rule set.
func (e *Engines) Named(name string) (*Engine, bool) {
	rs, ok := e.sets.Named(name)
	return e.byRuleSet[rs], ok
}
