package ruleset

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
)

//go:embed sets
var files embed.FS

// Sets are rule sets in the order of their effective dates.
type Sets []*RuleSet

// Embedded returns the rule sets of this build.
var Embedded = sync.OnceValue(func() Sets {
	sub, err := fs.Sub(files, "sets")
	if err == nil {
		var sets Sets
		if sets, err = LoadAll(sub); err == nil {
			return sets
		}
	}
	panic(fmt.Sprintf("embedded rule sets: %v", err)) // a test loads them
})

// LoadAll loads the rule sets of a folder, one JSON file each.
func LoadAll(folder fs.FS) (Sets, error) {
	names, err := fs.Glob(folder, "*.json")
	errs := []error{err}
	var sets Sets
	for _, name := range names {
		data, err := fs.ReadFile(folder, name)
		if err == nil {
			var rs *RuleSet
			if rs, err = Load(data); err == nil {
				sets = append(sets, rs)
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	slices.SortFunc(sets, func(a, b *RuleSet) int {
		return cmp.Or(cmp.Compare(a.EffectiveFrom, b.EffectiveFrom), cmp.Compare(a.Name, b.Name))
	})
	for i, rs := range sets {
		if slices.ContainsFunc(sets[:i], func(other *RuleSet) bool { return other.Name == rs.Name }) {
			errs = append(errs, fmt.Errorf("rule set %s is defined in more than one file", rs.Name))
		}
	}
	if len(sets) == 0 {
		errs = append(errs, errors.New("no rule set found"))
	}
	return sets, errors.Join(errs...)
}

// On returns the rule set in effect on a day. Before the first effective date it
// returns the first rule set.
func (s Sets) On(day Date) *RuleSet {
	found := s[0]
	for _, rs := range s {
		if rs.EffectiveFrom <= day {
			found = rs
		}
	}
	return found
}

// Named returns the rule set with a name.
func (s Sets) Named(name string) (*RuleSet, bool) {
	i := slices.IndexFunc(s, func(rs *RuleSet) bool { return rs.Name == name })
	if i < 0 {
		return nil, false
	}
	return s[i], true
}

// Names returns the names of the rule sets.
func (s Sets) Names() []string {
	names := make([]string, len(s))
	for i, rs := range s {
		names[i] = rs.Name
	}
	return names
}
