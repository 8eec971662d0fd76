package passport

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

// readOnly returns the members of a passport that the service sets, as the owner reads
// them. They may be part of a body, so that a client can write back a response.
var readOnly = map[string]func(*Passport) any{
	"id":                func(p *Passport) any { return p.ID },
	"state":             func(p *Passport) any { return p.Head.State },
	"version":           func(p *Passport) any { return p.Head.Number },
	"batteryIdentifier": func(p *Passport) any { return p.BatteryIdentifier },
	"owner":             func(p *Passport) any { return p.Head.Owner },
	"createdAt":         func(p *Passport) any { return p.CreatedAt },
	"createdBy":         func(p *Passport) any { return p.CreatedBy },
	"updatedAt":         func(p *Passport) any { return p.Head.CreatedAt },
	"updatedBy":         func(p *Passport) any { return p.Head.CreatedBy },
	"isActive":          func(*Passport) any { return true }, // of the first release; deleted passports cannot be changed
}

// createMembers are the read-only members that clients of the first release send when they
// create a passport. They have no effect.
var createMembers = []string{"createdAt", "createdBy", "updatedAt", "isActive"}

// addReadOnly adds a read-only member. Only the owner is an object.
func (s *submission) addReadOnly(name string, value wire.Value) {
	if kind := value.Kind(); kind == '[' || kind == '{' && name != "owner" {
		s.addDetail("/"+name, "type", "is set by the service; it must not be an array or an object")
		return
	}
	if s.readOnly == nil {
		s.readOnly = map[string]wire.Value{}
	}
	s.readOnly[name] = value.Clone()
}

// refuseReadOnly adds an error for each read-only member that is not among the ignored ones.
func (s *submission) refuseReadOnly(ignored ...string) {
	for _, name := range slices.Sorted(maps.Keys(s.readOnly)) {
		if !slices.Contains(ignored, name) {
			s.addDetail("/"+name, "readOnly", "is set by the service; omit it")
		}
	}
	s.readOnly = nil
}

// takeVersion returns the versions that the passport may have, and removes the version from the
// read-only members: like If-Match, it is a precondition. It does not remove a version that is
// not an integer, such as null.
func (s *submission) takeVersion(ifVersion []int64) []int64 {
	var version int64
	if value, ok := s.readOnly["version"]; !ok || value.Kind() != '0' || wire.Unmarshal(value, &version) != nil {
		return ifVersion
	}
	delete(s.readOnly, "version")
	if len(ifVersion) > 0 && !slices.Contains(ifVersion, version) {
		return []int64{-1} // no passport has it
	}
	return []int64{version}
}

// differences returns an error for each read-only member that differs from that of p.
func (s *submission) differences(p *Passport) (details []fault.Detail) {
	for _, name := range slices.Sorted(maps.Keys(s.readOnly)) {
		if stored := readOnly[name](p); !equal(s.readOnly[name], stored) {
			text, _ := wire.Marshal(stored)
			details = append(details, newDetail("/"+name, "readOnly", "is set by the service; omit it or send "+string(text)))
		}
	}
	return details
}

// equal reports whether a JSON value equals the stored one. Times are compared as times,
// because a client may write them in another form.
func equal(value wire.Value, stored any) bool {
	if want, ok := stored.(time.Time); ok {
		var got time.Time
		return wire.Unmarshal(value, &got) == nil && got.Equal(want)
	}
	got, err := wire.Canonical(value)
	want, _ := wire.Canonical(stored)
	return err == nil && bytes.Equal(got, want)
}
