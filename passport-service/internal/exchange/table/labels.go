package table

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/unicode/norm"

	"github.com/battery-passport/suite/passport-service/internal/labels"
	"github.com/battery-passport/suite/passport-service/internal/locale"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// separator joins the labels of the steps of a path.
const separator = " / "

// Label returns the label of a path of the catalogue: those of its steps, with [0] after
// an array.
func Label(rules *ruleset.RuleSet, l *labels.Labels, path string) string {
	steps := strings.Split(path, ".")
	texts := []string{l.Section(steps[0])}
	for i := 1; i < len(steps); i++ {
		prefix := strings.Join(steps[:i+1], ".")
		text := l.Name(strings.TrimSuffix(prefix, "[]"))
		if strings.HasSuffix(prefix, "[]") {
			text += "[0]"
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, separator)
}

// labelIndex contains the paths of labels in all languages, by rule set.
var labelIndex sync.Map // *ruleset.RuleSet → map[string][]string

// pathsOf returns the paths with a label, in any language. The label of the last step
// is enough if no other attribute has it.
func pathsOf(rules *ruleset.RuleSet, label string) []string {
	index, ok := labelIndex.Load(rules)
	if !ok {
		index, _ = labelIndex.LoadOrStore(rules, indexLabels(rules))
	}
	return index.(map[string][]string)[normalize(label)]
}

func indexLabels(rules *ruleset.RuleSet) map[string][]string {
	index := map[string][]string{}
	add := func(label, path string) {
		if key := normalize(label); key != "" && !slices.Contains(index[key], path) {
			index[key] = append(index[key], path)
		}
	}
	for _, language := range locale.Languages() {
		l := labels.In(language)
		for _, a := range rules.Attributes() {
			if a.Type == ruleset.Object {
				continue
			}
			add(Label(rules, l, a.Path), a.Path)
			add(l.Name(a.Path), a.Path)
			add(a.Label(), a.Path)
		}
	}
	return index
}

var slashes = regexp.MustCompile(`\s*/\s*`)

var indices = regexp.MustCompile(`\[\d+\]`)

// normalize returns a label in lower case, without units in brackets and indices.
func normalize(label string) string {
	label = slashes.ReplaceAllString(label, separator)
	return strings.ToLower(norm.NFC.String(withoutUnit(indices.ReplaceAllString(label, ""))))
}

// withoutUnit returns a name with single spaces, and without remarks in brackets, such as a unit, and marks of mandatory
// columns.
func withoutUnit(name string) string {
	rest, _ := remarks(name)
	return rest
}

// withIndices puts the indices of a label into a path, whose arrays end in [].
func withIndices(path, label string) string {
	found := indices.FindAllString(label, -1)
	for strings.Contains(path, "[]") {
		index := "[0]"
		if len(found) > 0 {
			index, found = found[0], found[1:]
		}
		path = strings.Replace(path, "[]", index, 1)
	}
	if len(found) > 0 { // of an item of an array of strings
		path += found[0]
	}
	return path
}

// otherIndices matches indices that other programs write into paths, such as .0. and [].
var otherIndices = regexp.MustCompile(`\[[^\]]*\]|\.\d+\b`)

// suggest returns the end of a message with the nearest name.
func (p *Parser) suggest(text string) string {
	path := strings.TrimPrefix(strings.ReplaceAll(strings.TrimPrefix(text, "/"), "/", "."), "data.")
	if path = otherIndices.ReplaceAllString(path, "[0]"); path != text {
		if _, ok := p.resolvePath(path); ok {
			if strings.Contains(path, "[0]") {
				path += fmt.Sprint(" with an index from 0 to ", maxIndex)
			}
			return "; did you mean " + path + "?"
		}
	}
	best := p.rules.Nearest(indices.ReplaceAllString(text[strings.LastIndexByte(text, '.')+1:], ""), nil)
	switch {
	case len(strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(",;|\t", r) })) > 1:
		return "; if it is several columns, separate them with a comma, a semicolon or a tab, or name the separator in a first line such as sep=|"
	case best == "":
		return "; the template has the names of all columns; name the column # to ignore it"
	}
	return "; did you mean " + strings.ReplaceAll(best, "[]", "[0]") + "?"
}
