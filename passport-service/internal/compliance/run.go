package compliance

import (
	"fmt"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// Run is one evaluation. Rules read the document and report findings.
type Run struct {
	Doc      *ruleset.Document
	Before   *ruleset.Document // the version before; nil: there is none
	In       Input
	Findings []Finding
	engine   *Engine
	rule     *Rule
}

// fields runs the rules of single fields, and invalidates the fields that break
// one.
func (r *Run) fields() {
	for v := range r.Doc.Values() {
		a := v.Attribute()
		if a == nil || !v.Valid() {
			continue
		}
		for _, r.rule = range r.engine.fields[a.Path] {
			if message := r.rule.Field(r, v); message != "" {
				r.Report(v, "%s", message)
				v.Invalidate()
				break
			}
		}
	}
}

// ready reports whether everything that the rule needs is valid.
func (r *Run) ready() bool {
	for _, path := range r.rule.Needs {
		if strings.Contains(path, "[]") && !r.Doc.AllValid(path) || !strings.Contains(path, "[]") && !r.Doc.First(path).Valid() {
			return false
		}
	}
	return true
}

// Report adds a finding at a value.
func (r *Run) Report(v ruleset.Value, format string, args ...any) {
	r.add(v.Path(), v.Position(), v.Attribute(), format, args...)
}

// ReportAt adds a finding at a path of the catalogue that leads through no array,
// whether there is a value or not.
func (r *Run) ReportAt(path, format string, args ...any) {
	n := r.Doc.Rules.Node(path)
	if n == nil {
		n = &ruleset.Node{}
	}
	r.add("/data/"+strings.ReplaceAll(path, ".", "/"), n.Position, n.Attribute, format, args...)
}

// ReportIn adds a finding at a member of a value. The member may be absent.
func (r *Run) ReportIn(v ruleset.Value, member, format string, args ...any) {
	r.add(v.Path()+"/"+member, v.Position(), v.Attribute(), format, args...)
}

// maxFindings is how many findings a report has at most.
const maxFindings = 10_000

func (r *Run) add(path string, position int, a *ruleset.Attribute, format string, args ...any) {
	if len(r.Findings) >= maxFindings {
		return
	}
	f := Finding{
		Path: path, Code: r.rule.Code, Severity: r.rule.Severity, Rule: r.rule.ID, Message: sentence(path, fmt.Sprintf(format, args...)),
		attribute: a, position: position,
	}
	if a != nil {
		f.LegalReference = a.LegalReference
	}
	r.Findings = append(r.Findings, f)
}

// addCatalogue adds what the catalogue alone finds wrong.
func (r *Run) addCatalogue(v ruleset.Violation, duty ruleset.Duty, severity Severity) {
	if len(r.Findings) < maxFindings {
		r.Findings = append(r.Findings, r.engine.finding(v, duty, severity))
	}
}

// Number returns the valid number at a path, if there is one.
func (r *Run) Number(path string) (float64, bool) { return r.Doc.First(path).Number() }

// number returns a number that the rule needs.
func (r *Run) number(path string) float64 {
	n, _ := r.Number(path)
	return n
}

// text returns the valid text at a path, or "".
func (r *Run) text(path string) string { return textOf(r.Doc.First(path)) }

func textOf(v ruleset.Value) string {
	t, _ := v.Text()
	return t
}

func has(in ruleset.Value, text string) bool {
	for v := range in.Children() {
		if v.Is(text) {
			return true
		}
	}
	return false
}
