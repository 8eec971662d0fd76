package compliance

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/jsonschema"
	"github.com/battery-passport/suite/passport-service/internal/namespace"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// Rule implements a rule of the catalogue. A rule with several codes or severities
// has one entry for each.
type Rule struct {
	ID       string
	Severity Severity
	Code     string

	// Needs are the paths whose values must be valid for the rule to run. A path
	// through an array may have no value.
	Needs []string
	// Check checks a rule across fields.
	Check func(*Run)
	// Field checks a rule of a single field. It runs on each valid field that names
	// the rule, and returns the message without the name of the field, or "".
	Field func(*Run, ruleset.Value) string
	// Explains is set if Field also says why a text does not match the pattern of the catalogue.
	Explains bool
	// Catalogue are codes of catalogue violations that are reported with the id of
	// this rule, at fields that name the rule. If Needs is set, only at those.
	Catalogue []string

	// Schema is the part of the rule that JSON Schema can express, for complete data. A
	// schema accepts all data that the rule accepts, and may accept more.
	Schema func(*ruleset.RuleSet) jsonschema.Schema
	// FieldSchema is Schema for the texts of an attribute that names the rule; nil: none.
	FieldSchema func(ruleset.Attribute) jsonschema.Schema
}

// Engine evaluates passports by one rule set. It is safe for concurrent use.
type Engine struct {
	Rules  *ruleset.RuleSet
	table  []Rule
	fields map[string][]*Rule // by the path of the attribute
}

// crossPassport are rules that compare several passports.
var crossPassport = []string{"MOD-1"}

// New returns the engine of a rule set. It fails if a rule or condition of the set
// is not implemented, or if a rule needs a path that the catalogue does not have.
func New(rs *ruleset.RuleSet, table []Rule) (*Engine, error) {
	e := &Engine{Rules: rs, fields: map[string][]*Rule{}}
	var errs []error
	for _, id := range rs.Rules() {
		rule, _ := rs.Rule(id)
		if rule.Severity != string(Error) && rule.Severity != string(Warning) || slices.Contains(crossPassport, id) {
			continue
		}
		if !slices.ContainsFunc(table, func(r Rule) bool { return r.ID == id }) {
			errs = append(errs, fmt.Errorf("rule %s of %s has no function", id, rs.Name))
		}
	}
	for _, r := range table {
		if _, ok := rs.Rule(r.ID); !ok {
			continue
		}
		e.table = append(e.table, r)
		for _, path := range r.Needs {
			if !rs.Has(path) {
				errs = append(errs, fmt.Errorf("rule %s needs %s, which %s does not have", r.ID, path, rs.Name))
			}
		}
	}
	for _, a := range rs.Attributes() {
		if a.ConditionRule != "" && conditions[a.ConditionRule].truth == nil {
			errs = append(errs, fmt.Errorf("condition %s of %s has no function", a.ConditionRule, rs.Name))
		}
		for i := range e.table {
			if e.table[i].Field != nil && slices.Contains(a.Rules, e.table[i].ID) {
				e.fields[a.Path] = append(e.fields[a.Path], &e.table[i])
			}
		}
	}
	return e, errors.Join(errs...)
}

// Input is the input of an evaluation.
type Input struct {
	Data     *ruleset.Document // parsed with the rule set of the engine
	Previous *ruleset.Document // data of the previous version; nil to skip comparisons with it
	Now      time.Time         // later times are in the future
	AsOf     ruleset.Date      // day whose duties apply
	Facts    StoreFacts
	// Classes are the access classes of the caller. Other attributes are not
	// evaluated, so that findings reveal nothing about them. 0 means all.
	Classes ruleset.Classes
}

// StoreFacts are facts about the identifiers in the data that need the store.
type StoreFacts struct {
	IdentifierTaken         bool                          // another passport has the battery identifier
	PassportIdentifierTaken bool                          // another passport has the passport identifier
	Namespaces              map[string]*namespace.Problem // by path of the attribute
	// Predecessors are the relations by passport identifier; nil if they were not
	// looked up.
	Predecessors map[string]Relation
}

// Relation is the relation of a predecessor to the passport.
type Relation int

// The relations.
const (
	NotStored Relation = iota // the store does not have the predecessor
	Stored                    // it is another passport in the store
	Circular                  // the passport itself is among the ancestors of the predecessor
)

// Evaluate returns all findings in the data of a passport. It does not change the
// document.
func (e *Engine) Evaluate(in Input) Report {
	if in.Classes == 0 {
		in.Classes = ruleset.AllClasses
	}
	run := &Run{engine: e, Doc: e.readable(in.Data, in.Classes).Clone(), Input: in}
	if in.Previous != nil {
		run.Previous = e.readable(in.Previous, in.Classes)
	}
	due := run.checkDuties()
	run.checkFields()
	for i := range e.table {
		if run.rule = &e.table[i]; run.rule.Check != nil && run.ready() {
			run.rule.Check(run)
		}
	}
	if in.Classes != ruleset.AllClasses { // an unreadable attribute looks like a missing one
		run.Findings = slices.DeleteFunc(run.Findings, func(f Finding) bool { return !readableBy(f.attribute, in.Classes) })
		due = slices.DeleteFunc(due, func(d dueAttribute) bool { return !readableBy(d.attribute, in.Classes) })
	}
	sortFindings(run.Findings)
	return e.report(in, run.Findings, due)
}

// readable returns the part of a document that the classes may read.
func (e *Engine) readable(doc *ruleset.Document, classes ruleset.Classes) *ruleset.Document {
	if classes == ruleset.AllClasses {
		return doc
	}
	return e.Rules.Parse(e.Rules.Project(doc.Raw(), classes))
}

// readableBy reports whether the classes may read an attribute. Only the owner may
// read unknown members.
func readableBy(a *ruleset.Attribute, classes ruleset.Classes) bool {
	return a != nil && classes.Has(a.Access)
}

func (e *Engine) report(in Input, findings []Finding, due []dueAttribute) Report {
	r := Report{RuleSet: e.Rules.Name, AsOf: in.AsOf, Findings: findings}
	if findings == nil {
		r.Findings = []Finding{}
	}
	errors := r.Errors()
	r.Complete = len(errors) == 0
	r.Score = e.score(due, errors)
	return r
}

// score computes the score. An attribute with an error is due even if it is not
// mandatory.
func (e *Engine) score(due []dueAttribute, errors []Finding) (score Score) {
	invalid := map[string]map[string]bool{} // by section: the attributes with errors
	for _, f := range errors {
		section, attribute, _ := strings.Cut(strings.TrimPrefix(f.Path, "/data/"), "/")
		attribute, _, _ = strings.Cut(attribute, "/")
		if invalid[section] == nil {
			invalid[section] = map[string]bool{}
		}
		invalid[section][attribute] = true
	}
	score.Sections = make([]SectionScore, 0, len(e.Rules.Sections()))
	for _, section := range e.Rules.Sections() {
		name := section.Name
		s := SectionScore{Section: name, Due: len(invalid[name])}
		for _, d := range due {
			if d.attribute.Section == name && d.value.Exists() && !invalid[name][d.value.Name()] { // a missing one has an error
				s.Due, s.Met = s.Due+1, s.Met+1
			}
		}
		s.Percent = percent(s.Met, s.Due)
		score.Sections = append(score.Sections, s)
		score.Due, score.Met = score.Due+s.Due, score.Met+s.Met
	}
	score.Percent = percent(score.Met, score.Due)
	return score
}

// catalogue is the rule id of findings that no rule of the table covers.
const catalogue = "catalogue"

// finding converts a violation of the catalogue.
func (e *Engine) finding(v ruleset.Violation, duty ruleset.Duty, severity Severity) Finding {
	f := Finding{
		Path: v.Path, Code: v.Code, Severity: severity, Rule: catalogue, Message: v.Message, Duty: duty,
		attribute: v.Attribute, position: v.Position,
	}
	var named []string
	number := false
	if a := v.Attribute; a != nil {
		f.LegalReference, named, number = a.LegalReference, a.Rules, a.Type == ruleset.Number || a.Type == ruleset.Integer
	}
	for i := range e.table {
		r := &e.table[i]
		covers := slices.Contains(named, r.ID) || v.Code == "unknownField" || v.Code == "type" && number
		if len(r.Needs) > 0 && (v.Attribute == nil || !slices.Contains(r.Needs, v.Attribute.Path)) {
			continue
		}
		if covers && slices.Contains(r.Catalogue, v.Code) {
			f.Rule = r.ID
			break
		}
	}
	return f
}
