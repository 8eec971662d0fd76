package page

import (
	"strconv"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/locale"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// section is a section of the passport as flat lists. Its own rows are before its groups:
// after a group they would look like a part of it.
type section struct {
	ID, Title string
	Rows      []row
	Groups    []group
}

// group has the rows of an object or of an item of an array.
type group struct {
	Title string
	Rows  []row
}

// row is a field with its values.
type row struct {
	Label  string
	Values []text
}

// sections returns the sections that the document has, in the order of the catalogue.
func (t texts) sections(d *ruleset.Document) (sections []section) {
	for _, field := range d.Rules.Sections() {
		v := d.Root().Member(field.Name)
		if !v.IsObject() {
			continue
		}
		s := section{ID: field.Name, Title: t.Section(field.Name)}
		for _, child := range field.Children {
			s.add(t, child, v.Member(child.Name))
		}
		if len(s.Rows)+len(s.Groups) > 0 {
			sections = append(sections, s)
		}
	}
	return sections
}

func (s *section) add(t texts, f *ruleset.Field, v ruleset.Value) {
	label := t.Name(f.Attribute.Path)
	switch {
	case !v.Exists():
	case v.IsObject():
		s.Groups = append(s.Groups, group{label, t.members("", f, v)})
	case isList(f):
		i := 0
		for item := range v.Children() {
			i++
			title := label
			if v.Len() > 1 {
				title += " " + strconv.Itoa(i)
			}
			s.Groups = append(s.Groups, group{title, t.members("", f, item)})
		}
	default:
		s.Rows = append(s.Rows, row{label, t.values(f, v)})
	}
}

// isList reports whether f is an array of objects.
func isList(f *ruleset.Field) bool { return f.Attribute.Type == ruleset.Objects }

// members returns the rows of an object. The label of a nested object precedes the labels of
// its members.
func (t texts) members(prefix string, f *ruleset.Field, v ruleset.Value) (rows []row) {
	if f.Attribute.Type == ruleset.Localized {
		return []row{{strings.TrimSuffix(prefix, " · "), t.translations(v)}}
	}
	for _, child := range f.Children {
		label := prefix + t.Name(child.Attribute.Path)
		switch m := v.Member(child.Name); {
		case !m.Exists():
		case m.IsObject():
			rows = append(rows, t.members(label+" · ", child, m)...)
		case isList(child):
			i := 0
			for item := range m.Children() {
				i++
				rows = append(rows, t.members(label+" "+strconv.Itoa(i)+" · ", child, item)...)
			}
		default:
			rows = append(rows, row{label, t.values(child, m)})
		}
	}
	return rows
}

// values returns the values of an array of strings, or one value. Short values of an array
// share one line.
func (t texts) values(f *ruleset.Field, v ruleset.Value) (values []text) {
	if !v.IsArray() {
		return []text{t.show(v, f.Attribute)}
	}
	const short = 24 // bytes
	var words []string
	for item := range v.Children() {
		shown := t.show(item, f.Attribute)
		values = append(values, shown)
		if shown.Link == "" && len(shown.Text) <= short {
			words = append(words, shown.Text)
		}
	}
	if len(words) == len(values) && len(words) > 1 {
		return []text{{Text: strings.Join(words, ", ")}}
	}
	return values
}

// translations returns a text in the reader's language, or in all languages that it has.
func (t texts) translations(v ruleset.Value) (values []text) {
	if own, ok := v.Member(string(t.Language)).AnyText(); ok {
		return []text{{Text: own, Lang: string(t.Language)}}
	}
	if english, ok := v.Member(string(locale.English)).AnyText(); ok {
		return []text{{Text: english, Lang: string(locale.English)}}
	}
	for m := range v.Children() {
		s, _ := m.AnyText()
		values = append(values, text{Text: s, Lang: m.Name()})
	}
	return values
}
