package ruleset

import (
	"slices"
	"strconv"
)

// Retain returns the data of row with those values of stored that a data model cannot hold.
// held is the part of stored that the data model can hold, in the form of row. All are
// canonical. An item of an array is retained if held has an equal one.
func Retain(stored, held, row *Document) []byte {
	return appendRetained(nil, stored.Root(), held.Root(), row.Root())
}

// appendRetained appends nothing if the result is absent.
func appendRetained(out []byte, stored, held, row Value) []byte {
	switch {
	case !stored.Exists():
		return append(out, row.Raw()...)
	case row.Exists() == held.Exists() && row.Raw() == held.Raw():
		return append(out, stored.Raw()...)
	case stored.IsObject() && isObjectOrAbsent(held) && isObjectOrAbsent(row):
		return retainMembers(out, stored, held, row)
	case row.IsArray() && held.IsArray() && stored.IsArray() && held.Len() == stored.Len():
		return retainItems(out, stored, held, row)
	}
	return append(out, row.Raw()...)
}

func isObjectOrAbsent(v Value) bool { return v.IsObject() || !v.Exists() }

func retainMembers(out []byte, stored, held, row Value) []byte {
	begin := len(out)
	out = append(out, '{')
	for _, name := range MemberNames(stored, row) {
		value := appendRetained(nil, stored.Member(name), held.Member(name), row.Member(name))
		if len(value) == 0 {
			continue
		}
		if len(out) > begin+1 {
			out = append(out, ',')
		}
		out = append(append(appendQuoted(out, name), ':'), value...)
	}
	if len(out) == begin+1 && !row.Exists() {
		return out[:begin]
	}
	return append(out, '}')
}

func retainItems(out []byte, stored, held, row Value) []byte {
	items := map[string][]string{} // of stored, by the item of held
	next := slices.Collect(stored.Children())
	for i, item := range slices.Collect(held.Children()) {
		items[item.Raw()] = append(items[item.Raw()], next[i].Raw())
	}
	out = append(out, '[')
	for i, item := range slices.Collect(row.Children()) {
		if i > 0 {
			out = append(out, ',')
		}
		text := item.Raw()
		if same := items[text]; len(same) > 0 {
			text, items[text] = same[0], same[1:]
		}
		out = append(out, text...)
	}
	return append(out, ']')
}

// RemovedPaths returns the highest paths that exist in before but not in after, such as
// data.section.attribute[0].member. Items of arrays are compared by their position.
func RemovedPaths(before, after *Document) []string {
	return appendRemoved(nil, "data", before.Root(), after.Root())
}

func appendRemoved(paths []string, path string, before, after Value) []string {
	switch {
	case !after.Exists():
		return append(paths, path)
	case before.Raw() == after.Raw():
	case before.IsObject() && after.IsObject():
		for member := range before.Children() {
			paths = appendRemoved(paths, path+"."+member.Name(), member, after.Member(member.Name()))
		}
	case before.IsArray() && after.IsArray():
		items := slices.Collect(after.Children())
		for i, item := range slices.Collect(before.Children()) {
			next := Absent
			if i < len(items) {
				next = items[i]
			}
			paths = appendRemoved(paths, path+"["+strconv.Itoa(i)+"]", item, next)
		}
	}
	return paths
}
