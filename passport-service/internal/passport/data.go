package passport

import (
	"maps"
	"slices"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

// maxData is the size of data, in bytes, that patches may add up to. It is the
// most a body may have.
const maxData = 1 << 20

// dataOf takes the data out of a body, which is one valid JSON value. It says
// what is wrong with the rest, and that data is missing where it is required.
func dataOf(body wire.Value, required bool) (data wire.Value, details []fault.Detail) {
	members := members(body)
	if members == nil {
		return nil, []fault.Detail{{Code: "type", Message: "has to be an object with the member data"}}
	}
	if required && members["data"] == nil {
		details = append(details, fault.Detail{Path: "/data", Code: "required", Message: "is missing"})
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if name != "data" {
			details = append(details, fault.Detail{Path: "/" + name, Code: "unknownField", Message: "is not written here; what a passport holds is in data"})
		}
	}
	return members["data"], details
}

// checked returns data in its canonical form, or fault.Invalid with all that
// is wrong with it and with the body it came in.
func (s *Service) checked(data wire.Value, details []fault.Detail) (wire.Value, error) {
	if data != nil {
		details = append(details, s.Rules.CheckStructure(data)...)
	}
	if details != nil {
		return nil, fault.New(fault.Invalid, "the passport was not stored: the errors name what is wrong, %d in all", len(details)).With(details...)
	}
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
