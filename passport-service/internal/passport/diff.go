package passport

import (
	"context"
	"slices"
	"strconv"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/wire"
)

// Change is one place at which two versions differ.
type Change struct {
	Path string `json:"path" doc:"JSON Pointer from the root of the body"`
	Old  any    `json:"old,omitzero" doc:"the value before; none where there was none"`
	New  any    `json:"new,omitzero" doc:"the value after; none where there is none"`
}

// Diff is what changed between two versions.
type Diff struct {
	PassportID string   `json:"passportId"`
	From       int64    `json:"from"`
	To         int64    `json:"to"`
	Changes    []Change `json:"changes" doc:"in the order of their paths"`
}

// Diff compares two versions of a passport, as far as the caller may read them. A
// to of 0 stands for the newest version, a from of 0 for the one before to. It fails with fault.NotFound where there is no such
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
	d := Diff{PassportID: p.ID, From: from, To: to, Changes: []Change{}}
	d.compare("/data", s.readable(before.Data, access), s.readable(after.Data, access))
	return d, nil
}

// readable reads the part of data that an access covers.
func (s *Service) readable(data wire.Value, access Access) ruleset.Value {
	return s.rules().ParseCanonical(s.rules().Project(data, access.Classes)).Root()
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
		olds, news := slices.Collect(before.Children()), slices.Collect(after.Children())
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

func rawOf(v ruleset.Value) any {
	if v.Exists() {
		return wire.Value(v.Raw())
	}
	return nil
}
