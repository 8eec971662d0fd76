package passport

import (
	"context"
	"slices"
	"strconv"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/wire"
)

// FieldChange is one field that differs between two versions.
type FieldChange struct {
	Path string `json:"path" doc:"JSON Pointer of the field, such as /data/generalInformation/batteryMass"`
	Old  any    `json:"old,omitzero" doc:"value in the version from; absent if the field is missing there"`
	New  any    `json:"new,omitzero" doc:"value in the version to; absent if the field is missing there"`
}

// VersionDiff is the difference between two versions of a passport.
type VersionDiff struct {
	PassportID string        `json:"passportId" format:"uuid" doc:"id of the passport"`
	From       int64         `json:"from" doc:"number of the version with the old values"`
	To         int64         `json:"to" doc:"number of the version with the new values"`
	Changes    []FieldChange `json:"changes" doc:"fields that differ and that the caller may read, sorted by path"`
}

// Diff compares two versions of a passport and returns the differences that the caller may
// read. If to is 0, it is the newest version; if from is 0, it is the version before to. It
// fails with fault.NotFound for an unknown version.
func (s *Service) Diff(ctx context.Context, id string, from, to int64) (VersionDiff, error) {
	p, access, err := s.findHistory(ctx, id)
	if err != nil {
		return VersionDiff{}, err
	}
	if to == 0 {
		to = p.Head.Number
	}
	if from == 0 {
		from = max(to-1, 1)
	}
	before, err := s.visibleVersion(ctx, &p, access, from)
	if err != nil {
		return VersionDiff{}, err
	}
	after, err := s.visibleVersion(ctx, &p, access, to)
	if err != nil {
		return VersionDiff{}, err
	}
	d := VersionDiff{PassportID: p.ID, From: from, To: to, Changes: []FieldChange{}}
	d.compare("/data", s.readable(before.Data, access), s.readable(after.Data, access))
	return d, nil
}

// readable returns the part of data that the access covers.
func (s *Service) readable(data wire.Value, access Access) ruleset.Value {
	return s.rules().ParseCanonical(s.rules().Project(data, access.Classes)).Root()
}

// compare appends the differences below path. It compares objects member by member
// and arrays index by index.
func (d *VersionDiff) compare(path string, before, after ruleset.Value) {
	if before.Exists() && after.Exists() && before.Raw() == after.Raw() {
		return
	}
	count := len(d.Changes)
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
	if len(d.Changes) == count { // not two objects or two arrays
		d.Changes = append(d.Changes, FieldChange{path, rawOf(before), rawOf(after)})
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
