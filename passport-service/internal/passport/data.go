package passport

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

// maxData is the size of data, in bytes, that patches may add up to. It is the
// most a body may have.
const maxData = 1 << 20

// maxReason is how long a reason may be, in characters.
const maxReason = 1_000

// draft is what a write brings: data or a patch of it, and the reason.
type draft struct {
	data    wire.Value
	reason  string
	details []fault.Detail // what is wrong with it so far
}

func (d *draft) wrong(path, code, message string) {
	d.details = append(d.details, fault.Detail{Path: path, Code: code, Message: message})
}

// draftOf takes a body, which is one valid JSON value, apart. It says what is
// wrong with what is not data, and that data is missing where it is required.
func draftOf(body wire.Value, required bool) (d draft) {
	members := members(body)
	if members == nil {
		d.wrong("", "type", "has to be an object with the member data")
		return d
	}
	if required && members["data"] == nil {
		d.wrong("/data", "required", "is missing")
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		switch {
		case name == "reason":
			d.reasonOf(members[name])
		case name != "data":
			d.wrong("/"+name, "unknownField", "is not written here; what a passport holds is in data")
		}
	}
	d.data = members["data"]
	return d
}

func (d *draft) reasonOf(v wire.Value) {
	switch err := wire.Unmarshal(v, &d.reason); {
	case err != nil:
		d.wrong("/reason", "type", "has to be a text")
	case strings.TrimSpace(d.reason) == "":
		d.wrong("/reason", "required", "is empty")
	case utf8.RuneCountInString(d.reason) > maxReason:
		d.wrong("/reason", "range", fmt.Sprintf("may have %d characters", maxReason))
	}
}

// checked returns data in its canonical form, or fault.Invalid with all that
// is wrong with it and with the body it came in.
func (s *Service) checked(d draft) (wire.Value, error) {
	if d.data != nil {
		d.details = append(d.details, s.rules().CheckStructure(d.data)...)
	}
	if d.details != nil {
		return nil, fault.New(fault.Invalid, "the passport was not stored: the errors name what is wrong, %d in all", len(d.details)).With(d.details...)
	}
	data := d.data.Clone()
	if err := data.Canonicalize(); err != nil {
		return nil, err
	}
	if len(data) > maxData {
		return nil, fault.New(fault.TooLarge, "the data would be larger than %d bytes", maxData)
	}
	return data, nil
}

// merge applies a patch to a document (RFC 7396).
func merge(target, patch wire.Value) (wire.Value, error) {
	if patch.Kind() != '{' {
		return patch, nil
	}
	result, changes := map[string]wire.Value{}, map[string]wire.Value{}
	if target.Kind() == '{' {
		if err := wire.Unmarshal(target, &result); err != nil {
			return nil, err
		}
	}
	if err := wire.Unmarshal(patch, &changes); err != nil {
		return nil, err
	}
	for name, change := range changes {
		if change.Kind() == 'n' {
			delete(result, name)
			continue
		}
		merged, err := merge(result[name], change)
		if err != nil {
			return nil, err
		}
		result[name] = merged
	}
	return wire.Marshal(result)
}

// changed returns the paths at which two canonical documents differ. It goes
// into objects, not into arrays.
func changed(path string, before, after wire.Value) []string {
	if string(before) == string(after) {
		return nil
	}
	olds, news := members(before), members(after)
	if len(olds)+len(news) == 0 {
		return []string{path}
	}
	if before != nil && olds == nil || after != nil && news == nil { // an object and something else
		return []string{path}
	}
	names := maps.Clone(news)
	if names == nil {
		names = map[string]wire.Value{}
	}
	maps.Copy(names, olds)
	var paths []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		paths = append(paths, changed(path+"."+name, olds[name], news[name])...)
	}
	return paths
}

// members returns those of an object, nil for anything else.
func members(v wire.Value) map[string]wire.Value {
	var m map[string]wire.Value
	if v == nil || v.Kind() != '{' || wire.Unmarshal(v, &m) != nil {
		return nil
	}
	return m
}
