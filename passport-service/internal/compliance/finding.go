// Package compliance says whether the data of a battery passport is what
// Regulation (EU) 2023/1542 asks for: the duties and limits of a rule set, and
// the rules that hold one field against another.
package compliance

import (
	"cmp"
	"slices"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/fault"
)

// Severity says whether a finding stops a passport from being published.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Finding is one thing that is wrong with a passport, or odd.
type Finding struct {
	Path           string       `json:"path" doc:"JSON Pointer from the root of the body"`
	Code           string       `json:"code" doc:"stable name of what is wrong there" enum:"required,type,enum,range,format,notApplicable,consistency,outOfScope,unknownField,duplicate,transition,notYetApplicable"`
	Severity       Severity     `json:"severity" enum:"error,warning" doc:"an error stops publishing"`
	Rule           string       `json:"rule" doc:"id of the rule, or catalogue for what the catalogue says of the field alone"`
	Message        string       `json:"message" doc:"the same in words, with what was found and what was expected"`
	LegalReference string       `json:"legalReference,omitempty" doc:"where the law asks for the field"`
	Duty           ruleset.Duty `json:"duty,omitempty" enum:"M,C,L,X" doc:"the duty of the catalogue that the finding is of: M mandatory, C mandatory under a condition, L later, X does not apply"`

	attribute *ruleset.Attribute // nil for what the catalogue does not know, and sections
	position  int                // of the field in the catalogue
}

// sentence puts the name of a field, as materials[0].massKg, before what is said
// of it.
func sentence(path, predicate string) string {
	_, field, ok := strings.Cut(strings.TrimPrefix(path, "/data/"), "/")
	if !ok { // data itself, or a section
		field = path[strings.LastIndexByte(path, '/')+1:]
	}
	var subject strings.Builder
	for i, step := range strings.Split(field, "/") {
		switch {
		case i > 0 && digits(step):
			subject.WriteString("[" + step + "]")
		case i > 0:
			subject.WriteString("." + step)
		default:
			subject.WriteString(step)
		}
	}
	return subject.String() + " " + predicate + "."
}

// key is what a finding is known by, in whatever words.
func (f Finding) key() [3]string { return [3]string{f.Path, f.Code, f.Rule} }

// Detail is the finding as a problem tells it.
func (f Finding) Detail() fault.Detail {
	return fault.Detail{Path: f.Path, Code: f.Code, Message: f.Message + " (" + f.Rule + ")"}
}

// Report is what is found in a passport by a rule set on a day.
type Report struct {
	RuleSet  string       `json:"ruleSet" doc:"the rule set that was applied"`
	AsOf     ruleset.Date `json:"asOf" format:"date" doc:"the day whose duties were applied"`
	Complete bool         `json:"complete" doc:"there is no error: nothing stops publishing"`
	Score    Score        `json:"score" doc:"how much of what has to be right is"`
	Findings []Finding    `json:"findings" doc:"everything that was found, in the order of the catalogue"`
}

// Score counts what has to be right, as it is mandatory for the battery on the
// day or is given, and what of it is.
type Score struct {
	Percent  int       `json:"percent" minimum:"0" maximum:"100" doc:"rounded down: 100 is all"`
	Due      int       `json:"due" doc:"attributes that are mandatory, and others that are wrong"`
	Met      int       `json:"met" doc:"those of them that are there, without an error"`
	Sections []Section `json:"sections" doc:"the same for each section, in the order of the catalogue"`
}

// Section is the score of one section.
type Section struct {
	Section string `json:"section"`
	Percent int    `json:"percent" minimum:"0" maximum:"100"`
	Due     int    `json:"due"`
	Met     int    `json:"met"`
}

func percent(met, due int) int {
	if due == 0 {
		return 100
	}
	return 100 * met / due
}

// WithDetails returns the report with what is wrong with the body that the data came
// in.
func (r Report) WithDetails(details []fault.Detail) Report {
	if len(details) == 0 {
		return r
	}
	var wrong []Finding
	for _, d := range details {
		wrong = append(wrong, Finding{Path: d.Path, Code: d.Code, Severity: Error, Rule: catalogue, Message: d.Message})
	}
	r.Complete, r.Findings = false, append(wrong, r.Findings...)
	return r
}

// Errors returns the findings that stop publishing.
func (r Report) Errors() []Finding {
	return slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool { return f.Severity != Error })
}

// NewErrors returns the errors that r has and before has not.
func (r Report) NewErrors(before Report) []Finding {
	had := map[[3]string]bool{}
	for _, f := range before.Findings {
		had[f.key()] = f.Severity == Error
	}
	return slices.DeleteFunc(r.Errors(), func(f Finding) bool { return had[f.key()] })
}

// Details are findings as a problem tells them.
func Details(findings []Finding) []fault.Detail {
	details := make([]fault.Detail, len(findings))
	for i, f := range findings {
		details[i] = f.Detail()
	}
	return details
}

func sortFindings(findings []Finding) {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.position, b.position), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Code, b.Code))
	})
}
