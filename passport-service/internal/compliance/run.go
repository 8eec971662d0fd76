package compliance

import (
	"fmt"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// Run is one evaluation, as the rules see it.
type Run struct {
	Doc      *ruleset.Document
	Before   *ruleset.Document // the version before; nil: there is none
	In       Input
	Findings []Finding
	rule     *Rule
}

// fields runs the rules of single fields. A field that breaks one is not
// sound any more.
func (r *Run) fields(e *Engine) {
	for v := range r.Doc.Values() {
		a := v.Attribute()
		if a == nil || !v.Sound() {
			continue
		}
		for _, r.rule = range e.fields[a.Path] {
			if message := r.rule.Field(r, v); message != "" {
				r.Report(v, "%s", message)
				v.Mark()
				break
			}
		}
	}
}

// ready tells whether what the rule needs is there and sound.
func (r *Run) ready() bool {
	for _, path := range r.rule.Needs {
		if strings.Contains(path, "[]") && !r.Doc.AllSound(path) || !strings.Contains(path, "[]") && !r.Doc.At(path).Sound() {
			return false
		}
	}
	return true
}

// Report reports a value.
func (r *Run) Report(v ruleset.Value, format string, args ...any) {
	r.add(v.Path(), v.Order(), v.Attribute(), format, args...)
}

// ReportAt reports a path of the catalogue that leads through no array,
// whether there is something or not.
func (r *Run) ReportAt(path, format string, args ...any) {
	var attribute *ruleset.Attribute
	if a, ok := r.Doc.Rules.Attribute(path); ok {
		attribute = &a
	}
	r.add("/data/"+strings.ReplaceAll(path, ".", "/"), r.Doc.Rules.Order(path), attribute, format, args...)
}

// ReportIn reports a member of a value that may be absent.
func (r *Run) ReportIn(v ruleset.Value, member, format string, args ...any) {
	r.add(v.Path()+"/"+member, v.Order(), v.Attribute(), format, args...)
}

func (r *Run) add(path string, order int, a *ruleset.Attribute, format string, args ...any) {
	if len(r.Findings) >= ruleset.MaxFindings {
		return
	}
	f := Finding{Path: path, Code: r.rule.Code, Severity: r.rule.Severity, Rule: r.rule.ID, Message: sentence(path, fmt.Sprintf(format, args...)), order: order}
	if a != nil {
		f.LegalReference = a.LegalReference
	}
	r.Findings = append(r.Findings, f)
}

// Number returns the sound number at a path, if there is one.
func (r *Run) Number(path string) (float64, bool) { return r.Doc.At(path).Number() }

// number returns a number that the rule needs.
func (r *Run) number(path string) float64 {
	n, _ := r.Number(path)
	return n
}

// text returns a text, "" where there is no sound one.
func (r *Run) text(path string) string { return textOf(r.Doc.At(path)) }

func textOf(v ruleset.Value) string {
	t, _ := v.Text()
	return t
}

func has(in ruleset.Value, text string) bool {
	for v := range in.Items() {
		if v.Is(text) {
			return true
		}
	}
	return false
}
