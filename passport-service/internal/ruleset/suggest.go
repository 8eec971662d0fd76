package ruleset

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/battery-passport/suite/pkg/fault"
)

// maxName limits the names that get a suggestion, in bytes.
const maxName = 80

// name is a name by which an attribute or a section may be found.
type name struct {
	field   *Field
	in      *Field
	path    string // of the catalogue
	text    string // squashed
	foreign bool   // in another data model
}

// Nearest returns the path of the field that a name probably means: the field with this name or
// label, the field that another data model calls so, or the field with the nearest name. It
// prefers the members of a container, which may be nil, and returns "" if no name is near.
func (rs *RuleSet) Nearest(text string, container *Field) string {
	text = squash(text)
	if text == "" || len(text) > maxName {
		return ""
	}
	best, least := "", 0
	for _, n := range rs.names {
		if n.field.Attribute == nil && n.in != container {
			continue // a section
		}
		rank, ok := n.rank(text)
		if rank = 2 * rank; n.in != container {
			rank++
		}
		if ok && (best == "" || rank < least) {
			best, least = n.path, rank
		}
	}
	return best
}

// rank returns how far a text is from the name: 0 for the same, 1 for that of another data
// model. It returns false if the text is too far.
func (n *name) rank(text string) (int, bool) {
	switch {
	case n.text == text && n.foreign:
		return 1, true
	case n.text == text:
		return 0, true
	case n.foreign:
		return 0, false
	}
	limit := max(1, len(text)/4)
	if len(n.text) > len(text)+limit || len(text) > len(n.text)+limit {
		return 0, false
	}
	d := fault.Distance(text, n.text)
	return 1 + d, d <= limit
}

// indexNames collects the names of all sections and attributes.
func (rs *RuleSet) indexNames(f *Field) {
	for _, child := range f.Children {
		path := child.Name
		if a := child.Attribute; a != nil {
			path = a.Path
			rs.names = append(rs.names, name{child, f, path, squash(a.Label()), false})
			for _, model := range rs.Formats {
				for theirs := range strings.SplitSeq(a.Mapping[model.Mapping], ";") {
					rs.names = append(rs.names, name{child, f, path, squash(foreignName(theirs)), true})
				}
			}
		}
		rs.names = append(rs.names, name{child, f, path, squash(child.Name), false})
		rs.indexNames(child)
	}
}

var condition = regexp.MustCompile(`\{.*|\[[^\]].*| \|.*`)

// foreignName returns the last name in a path of another data model, before conditions.
func foreignName(path string) string {
	path = condition.ReplaceAllString(path, "")
	return path[strings.LastIndexByte(path, '.')+1:]
}

// squash returns the letters and digits of a name in lower case: batterymass for battery_mass.
func squash(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}
