// Package compliance checks the data of a battery passport against Regulation
// (EU) 2023/1542: the duties and limits of a rule set, and the rules across
// fields.
package compliance

import (
	"cmp"
	"slices"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/fault"
)

// Severity states whether a finding prevents publication.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Finding is one error or warning in a passport.
type Finding struct {
	Path           string       `json:"path" doc:"JSON Pointer from the root of the body"`
	Code           string       `json:"code" doc:"kind of finding: required: is missing; type: wrong JSON type; enum: value is not allowed; range: outside the limits; format: wrong format; notApplicable: not allowed for this battery; consistency: contradicts another attribute; outOfScope: the battery needs no passport; unknownField: not in the catalogue; duplicate: another passport has this identifier; namespace: the organisation may not or should not use this identifier; transition: cannot change after publication; notYetApplicable: not mandatory yet" enum:"required,type,enum,range,format,notApplicable,consistency,outOfScope,unknownField,duplicate,namespace,transition,notYetApplicable"`
	Severity       Severity     `json:"severity" enum:"error,warning" doc:"error prevents publication, warning does not"`
	Rule           string       `json:"rule" doc:"id of the rule, or catalogue for a duty, type or limit of the attribute itself"`
	Message        string       `json:"message" doc:"the field, the requirement and the value found, such as: batteryMass must be greater than 0, got -3 kg"`
	LegalReference string       `json:"legalReference,omitempty" doc:"legal basis of the attribute"`
	Duty           ruleset.Duty `json:"duty,omitempty" enum:"M,C,R,O,L,X" doc:"duty that the finding is about: M mandatory, C mandatory under a condition, R recommended, O optional, L mandatory from a later date, X not allowed"`

	attribute *ruleset.Attribute // nil for unknown members and sections
	position  int                // of the field in the catalogue
}

// key identifies a finding independently of its message.
func (f Finding) key() [3]string { return [3]string{f.Path, f.Code, f.Rule} }

// Detail returns the finding as a detail of a problem.
func (f Finding) Detail() fault.Detail {
	if f.Rule == catalogue {
		return fault.Detail{Path: f.Path, Code: f.Code, Message: f.Message}
	}
	return fault.Detail{Path: f.Path, Code: f.Code, Message: f.Message + " (rule " + f.Rule + ")"}
}

// Report is the result of an evaluation by a rule set on a day.
type Report struct {
	RuleSet  string       `json:"ruleSet" doc:"name of the rule set that was applied"`
	AsOf     ruleset.Date `json:"asOf" format:"date" doc:"day whose duties were applied"`
	Complete bool         `json:"complete" doc:"true if no finding is an error: the passport can be published"`
	Score    Score        `json:"score" doc:"share of the required attributes that are complete"`
	Findings []Finding    `json:"findings" doc:"all errors and warnings in the order of the catalogue"`
}

// Score counts the attributes that are mandatory or have an error, and those of
// them that are given without an error.
type Score struct {
	Percent  int            `json:"percent" minimum:"0" maximum:"100" doc:"met / due × 100, rounded down; 100 if nothing is due"`
	Due      int            `json:"due" doc:"number of attributes that are mandatory or have an error"`
	Met      int            `json:"met" doc:"number of due attributes that are given and have no error"`
	Sections []SectionScore `json:"sections" doc:"score of each section in the order of the catalogue"`
}

// SectionScore is the score of one section.
type SectionScore struct {
	Section string `json:"section" doc:"name of the section in data"`
	Percent int    `json:"percent" minimum:"0" maximum:"100" doc:"met / due × 100, rounded down; 100 if nothing is due"`
	Due     int    `json:"due" doc:"number of attributes that are mandatory or have an error"`
	Met     int    `json:"met" doc:"number of due attributes that are given and have no error"`
}

func percent(met, due int) int {
	if due == 0 {
		return 100
	}
	return 100 * met / due
}

// WithDetails returns the report with additional errors: those of the request body
// around the data.
func (r Report) WithDetails(details []fault.Detail) Report {
	if len(details) == 0 {
		return r
	}
	var findings []Finding
	for _, d := range details {
		findings = append(findings, Finding{Path: d.Path, Code: d.Code, Severity: Error, Rule: catalogue, Message: d.Message})
	}
	r.Complete, r.Findings = false, append(findings, r.Findings...)
	return r
}

// Errors returns the findings that prevent publication.
func (r Report) Errors() []Finding {
	return slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool { return f.Severity != Error })
}

// NewErrors returns the errors of r that are not in the report before.
func (r Report) NewErrors(before Report) []Finding {
	known := map[[3]string]bool{}
	for _, f := range before.Findings {
		known[f.key()] = f.Severity == Error
	}
	return slices.DeleteFunc(r.Errors(), func(f Finding) bool { return known[f.key()] })
}

// Details returns findings as details of a problem.
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
