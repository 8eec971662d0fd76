package passport

import (
	"context"
	"slices"
	"strconv"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/wire"
)

// Change is one place at which two versions differ. Old or New is nil where
// there is no value.
type Change struct {
	Path     string // JSON Pointer from the root of the body
	Old, New wire.Value
}

// Diff is what changed between two versions.
type Diff struct {
	PassportID string
	From, To   int64
	Changes    []Change // in the order of their paths
}

// Diff returns what changed from one version of a passport to another, which
// may be older, as far as the caller reads it: 0 stands for the newest, and for
// the one before that. It fails with fault.NotFound where there is no such
// version.
func (s *Service) Diff(ctx context.Context, id string, from, to int64) (Diff, error) {
	p, access, err := s.findHistory(ctx, id)
	if err != nil {
		return Diff{}, err
	}
	if to == 0 {
		to = p.Head.Number
	}
	if from == 0 {
		from = max(to-1, 1)
	}
	before, err := s.visibleVersion(ctx, &p, access, from)
	if err != nil {
		return Diff{}, err
	}
	after, err := s.visibleVersion(ctx, &p, access, to)
	if err != nil {
		return Diff{}, err
	}
	d := Diff{PassportID: p.ID, From: from, To: to}
	d.compare("/data", s.readable(before.Data, access), s.readable(after.Data, access))
	return d, nil
}

// readable reads the part of data that an access covers.
func (s *Service) readable(data wire.Value, access Access) ruleset.Value {
	return s.rules().ReadCanonical(s.rules().Project(data, access.Classes)).Root()
}

// compare goes into objects by their names, and into arrays by their indexes.
func (d *Diff) compare(path string, before, after ruleset.Value) {
	if before.Exists() && after.Exists() && before.Raw() == after.Raw() {
		return
	}
	found := len(d.Changes)
	switch {
	case before.IsObject() && after.IsObject():
		for _, name := range ruleset.MemberNames(before, after) {
			d.compare(path+"/"+ruleset.EscapePointer(name), before.Member(name), after.Member(name))
		}
	case before.IsArray() && after.IsArray():
		olds, news := slices.Collect(before.Items()), slices.Collect(after.Items())
		for i := range max(len(olds), len(news)) {
			d.compare(path+"/"+strconv.Itoa(i), itemOf(olds, i), itemOf(news, i))
		}
	}
	if len(d.Changes) == found { // they differ as wholes
		d.Changes = append(d.Changes, Change{path, rawOf(before), rawOf(after)})
	}
}

func itemOf(items []ruleset.Value, i int) ruleset.Value {
	if i < len(items) {
		return items[i]
	}
	return ruleset.Absent
}

func rawOf(v ruleset.Value) wire.Value {
	if v.Exists() {
		return wire.Value(v.Raw())
	}
	return nil
}
