package format_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/format"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

var update = flag.Bool("update", false, "rewrite docs/formats.md and docs/formats")

// checks are how the documents of each format are checked.
var checks = map[string]string{
	"batterypass-1.2":   "names and types of the members in the published example payloads (tests)",
	"en18223":           "JSON schema of Eclipse BaSyx (`make formats`)",
	"en18223-full":      "JSON schema of Eclipse BaSyx (`make formats`)",
	"catenax-6.1.0":     "its JSON schema (tests)",
	"idta-02035":        "the JSON schemas of its submodels (tests), validators of asset administration shells (`make formats`)",
	"untp-0.6":          "JSON schema of UNTP 0.6.1 (`make formats`)",
	"batterypass-ready": "its JSON schemas (tests)",
}

// pages returns the files of docs by name: formats.md, and one for each format.
func pages(t *testing.T, rules *ruleset.RuleSet) map[string]string {
	var summary strings.Builder
	pages := map[string]string{}
	for _, f := range rules.Formats {
		if f.Mapping != f.Name {
			fmt.Fprintf(&summary, "| `%s` | %s | as [`%s`](formats/%s.md) | | | | %s |\n", f.Name, f.Title, f.Mapping, f.Mapping, checks[f.Name])
			continue
		}
		c := correspondenceOf(rules, &f)
		missing := ""
		if !f.Whole {
			missing = missingMembers(t, rules, &f)
		}
		absent := "-"
		if len(f.Required) > 0 {
			absent = fmt.Sprint(strings.Count(missing, "\n- "))
		}
		pages["formats/"+f.Name+".md"] = c.page(&f, missing)
		fmt.Fprintf(&summary, "| [`%s`](formats/%s.md) | %s | %d | %d | %d | %s | %s |\n", f.Name, f.Name, f.Title, c.fields, c.converted, c.leaves-c.fields, absent, checks[f.Name])
	}
	text, err := os.ReadFile("testdata/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	pages["formats.md"] = strings.Replace(string(text), "SUMMARY\n", summary.String(), 1)
	return pages
}

// correspondence has the rows of the attributes that a format holds, and the list of those
// that it does not hold.
type correspondence struct {
	held, lost                strings.Builder
	fields, converted, leaves int
}

func correspondenceOf(rules *ruleset.RuleSet, f *ruleset.DataModel) *correspondence {
	c := &correspondence{}
	var whole []string // objects that are one text there
	for _, a := range rules.Attributes() {
		targets := format.Targets(&a, f.Name)
		isObject := a.Type == ruleset.Object || a.Type == ruleset.Objects
		switch {
		case isObject && len(targets) == 0:
			continue
		case isObject:
			whole = append(whole, a.Path+".")
		default:
			c.leaves++
		}
		switch {
		case !isObject && slices.ContainsFunc(whole, func(path string) bool { return strings.HasPrefix(a.Path, path) }):
			c.fields++
		case len(targets) == 0 && f.Whole:
			c.fields++
		case len(targets) == 0:
			fmt.Fprintf(&c.lost, "- `%s`\n", a.Path)
		default:
			c.add(&a, targets)
		}
	}
	return c
}

func (c *correspondence) add(a *ruleset.Attribute, targets []string) {
	if a.Type != ruleset.Object {
		c.fields++
	}
	isConverted := false
	for _, t := range targets {
		path, converter, _ := strings.Cut(t, "|")
		how := map[byte]string{'+': "also written", '-': "only read"}[path[0]]
		if how != "" {
			path = path[1:]
		}
		if converter = strings.TrimSpace(converter); converter != "" {
			isConverted = true
			how = strings.TrimPrefix(how+", "+code(converter), ", ")
		}
		fmt.Fprintf(&c.held, "| `%s` | `%s` | %s |\n", a.Path, strings.TrimSpace(path), how)
	}
	if isConverted {
		c.converted++
	}
}

// code returns a text as code in a cell of a table.
func code(text string) string {
	text = strings.ReplaceAll(text, "|", `\|`)
	if strings.Contains(text, "`") {
		return "`` " + text + " ``"
	}
	return "`" + text + "`"
}

// page returns the page of a format.
func (c *correspondence) page(f *ruleset.DataModel, missing string) string {
	head := fmt.Sprintf("# %s\n\n`format=%s`. A document is %s. ", f.Title, f.Name, f.Document)
	rows := "The paths and converters are described in [formats](../formats.md).\n\n| attribute | field | conversion |\n| --- | --- | --- |\n" + c.held.String()
	if f.Whole {
		return head + "It has all attributes under their own names. The header has some of them. " + rows
	}
	return head + fmt.Sprintf("%d of %d attributes have a field. ", c.fields, c.leaves) + rows +
		"\nThese attributes have none; they are losses:\n\n" + c.lost.String() + constants(f) + missing
}

// constants returns the list of the members that are the same in each document.
func constants(f *ruleset.DataModel) string {
	var b strings.Builder
	for _, path := range slices.Sorted(maps.Keys(f.Constants)) {
		fmt.Fprintf(&b, "- `%s`: %v\n", path, f.Constants[path])
	}
	if b.Len() == 0 {
		return ""
	}
	return "\nObjects that have other members get these, too:\n\n" + b.String()
}

// missingMembers returns the list of the members that the data model requires, but a passport with the examples of
// all attributes does not have.
func missingMembers(t *testing.T, rules *ruleset.RuleSet, f *ruleset.DataModel) string {
	data := map[string]any{}
	for _, a := range rules.Attributes() {
		if a.Type != ruleset.Object && a.Type != ruleset.Objects {
			setExample(data, strings.Split(a.Path, "."), example(&a))
		}
	}
	text, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	of := registry(t)[f.Name]
	document, _, err := of.Encode(text, format.Header{})
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, m := range of.Missing(document) {
		paths = append(paths, strings.ReplaceAll(regexp.MustCompile(`/\d+(/|$)`).ReplaceAllString(m.Path, "[]$1"), "/", ".")[1:])
	}
	if len(paths) == 0 {
		return ""
	}
	slices.Sort(paths)
	return "\nThe data model requires these members, but a passport with all attributes does not have them:\n\n- `" + strings.Join(slices.Compact(paths), "`\n- `") + "`\n"
}

// example returns a value of an attribute.
func example(a *ruleset.Attribute) any {
	v := a.Example
	switch {
	case v != nil:
	case len(a.AllowedValues) > 0:
		v = a.AllowedValues[0]
	case a.Type == ruleset.Number || a.Type == ruleset.Integer:
		v = 1
	case a.Type == ruleset.Boolean:
		v = true
	default:
		v = "x"
	}
	if _, ok := v.([]any); a.Type == ruleset.Strings && !ok {
		return []any{v}
	}
	return v
}

func setExample(object map[string]any, path []string, example any) {
	name, isArray := strings.CutSuffix(path[0], "[]")
	if len(path) == 1 {
		object[name] = example
		return
	}
	child, _ := object[name].(map[string]any)
	if items, ok := object[name].([]any); ok {
		child = items[0].(map[string]any)
	}
	if child == nil {
		child = map[string]any{}
	}
	if object[name] = any(child); isArray {
		object[name] = []any{child}
	}
	setExample(child, path[1:], example)
}

// TestDocumentation compares docs/formats.md and docs/formats with the catalogue.
func TestDocumentation(t *testing.T) {
	for name, want := range pages(t, ruleset.Embedded()[0]) {
		file := filepath.Join("../../../docs", name)
		if *update {
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("docs/%s differs from the catalogue, %v: run go test ./internal/format -update", name, err)
		}
	}
}
