package compliance

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// Run is one evaluation. Rules read the document and report findings.
type Run struct {
	Doc      *ruleset.Document
	Previous *ruleset.Document // the previous version, or nil
	Input    Input
	Findings []Finding
	engine   *Engine
	rule     *Rule
}

// checkFields runs the rules of single fields and invalidates each field that has an
// error.
func (r *Run) checkFields() {
	for v := range r.Doc.Values() {
		a := v.Attribute()
		if a == nil || !v.Valid() {
			continue
		}
		for _, r.rule = range r.engine.fields[a.Path] {
			if message := r.rule.Field(r, v); message != "" {
				r.Report(v, "%s", message)
				if r.rule.Severity == Error {
					v.Invalidate()
					break
				}
			}
		}
	}
}

// ready reports whether all values that the rule needs are valid.
func (r *Run) ready() bool {
	for _, path := range r.rule.Needs {
		if strings.Contains(path, "[]") && !r.Doc.AllValid(path) || !strings.Contains(path, "[]") && !r.Doc.First(path).Valid() {
			return false
		}
	}
	return true
}

// Report adds a finding at a value. The message follows the name of the field: "must be greater
// than 0, got -3".
func (r *Run) Report(v ruleset.Value, format string, args ...any) {
	r.add(v.Path(), v.Position(), v.Attribute(), format, args...)
}

// ReportAt adds a finding at a path of the catalogue without arrays. The value may
// be absent.
func (r *Run) ReportAt(path, format string, args ...any) {
	f := r.Doc.Rules.Field(path)
	if f == nil {
		f = &ruleset.Field{}
	}
	r.add("/data/"+strings.ReplaceAll(path, ".", "/"), f.Position, f.Attribute, format, args...)
}

// ReportIn adds a finding at a member of a value. The member may be absent.
func (r *Run) ReportIn(v ruleset.Value, member, format string, args ...any) {
	r.add(v.Path()+"/"+member, v.Position(), v.Attribute(), format, args...)
}

// maxFindings limits the findings of a report.
const maxFindings = 10_000

func (r *Run) add(path string, position int, a *ruleset.Attribute, format string, args ...any) {
	if len(r.Findings) >= maxFindings {
		return
	}
	f := Finding{
		Path: path, Code: r.rule.Code, Severity: r.rule.Severity, Rule: r.rule.ID, Message: ruleset.FieldName(path) + " " + fmt.Sprintf(format, args...),
		attribute: a, position: position,
	}
	if a != nil {
		f.LegalReference = a.LegalReference
	}
	r.Findings = append(r.Findings, f)
}

// addCatalogue adds a violation of the catalogue.
func (r *Run) addCatalogue(v ruleset.Violation, duty ruleset.Duty, severity Severity) {
	if len(r.Findings) < maxFindings {
		r.Findings = append(r.Findings, r.engine.finding(v, duty, severity))
	}
}

// Number returns the number at a path, if it is valid.
func (r *Run) Number(path string) (float64, bool) { return r.Doc.First(path).Number() }

// number returns a number that the rule needs to be valid.
func (r *Run) number(path string) float64 {
	n, _ := r.Number(path)
	return n
}

// quantity returns the valid number at a path with its unit: 94 Ah.
func (r *Run) quantity(path string) string { return quantityOf(r.Doc.First(path)) }

func quantityOf(v ruleset.Value) string {
	n, _ := v.Number()
	return v.Attribute().Quantity(n)
}

// rounded formats a computed number with 6 significant digits.
func rounded(n float64) string {
	n, _ = strconv.ParseFloat(strconv.FormatFloat(n, 'g', 6, 64), 64)
	return strconv.FormatFloat(n+0, 'f', -1, 64) // -0 + 0 is 0
}

// text returns the valid string at a path, or "".
func (r *Run) text(path string) string { return textOf(r.Doc.First(path)) }

func textOf(v ruleset.Value) string {
	t, _ := v.Text()
	return t
}

// has reports whether a list contains a string.
func has(list ruleset.Value, text string) bool {
	for v := range list.Children() {
		if v.Is(text) {
			return true
		}
	}
	return false
}
