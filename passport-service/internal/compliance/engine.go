package compliance

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// Rule implements a rule of the catalogue. A rule with several codes or severities
// has an entry for each.
type Rule struct {
	ID       string
	Severity Severity
	Code     string

	// Needs are the paths of the catalogue whose values must be valid for the
	// rule to run. For a path through an array there may be none.
	Needs []string
	// Check is a rule across fields.
	Check func(*Run)
	// Field is a rule of one field. It runs on each valid field that names the
	// rule, and returns what is wrong, or "".
	Field func(*Run, ruleset.Value) string
	// Catalogue are the codes of findings that the catalogue alone makes at
	// fields that name the rule, or at Needs only if there are any.
	Catalogue []string
}

// Engine evaluates passports by one rule set. It is read-only, and safe for
// concurrent use.
type Engine struct {
	Rules  *ruleset.RuleSet
	table  []Rule
	fields map[string][]*Rule // by the path of the attribute
}

// ofSeveral are the rules that compare passports of one model.
var ofSeveral = []string{"MOD-1"}

// New returns the engine of a rule set. It fails when the set names a rule that
// the table does not have, a condition that has no function, or when a rule needs
// a path that the catalogue does not have.
func New(rs *ruleset.RuleSet, table []Rule) (*Engine, error) {
	e := &Engine{Rules: rs, fields: map[string][]*Rule{}}
	var errs []error
	for _, id := range rs.Rules() {
		rule, _ := rs.Rule(id)
		if rule.Severity != string(Error) && rule.Severity != string(Warning) || slices.Contains(ofSeveral, id) {
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
		if a.ConditionRule != "" && conditions[a.ConditionRule] == nil {
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

// Input is what is evaluated.
type Input struct {
	Data     *ruleset.Document // of the rule set of the engine
	Previous *ruleset.Document // data of the version before; nil: there is none, or it does not count
	Now      time.Time         // later moments are in the future
	AsOf     ruleset.Date
	Facts    StoreFacts
	// Classes are the classes that the caller may read. Other attributes are not
	// evaluated, so that findings reveal nothing of them. 0 stands for all.
	Classes ruleset.Classes
}

// StoreFacts are facts about identifiers in the data that only the store knows.
type StoreFacts struct {
	IdentifierTaken         bool // another passport has the battery identifier
	PassportIdentifierTaken bool // another passport has the passport identifier
	// Predecessors are the relations of the predecessors, by passport identifier;
	// nil: they were not looked up.
	Predecessors map[string]Relation
}

// Relation is the relation of a predecessor to the passport.
type Relation int

// The relations.
const (
	NotStored Relation = iota // it is not stored here
	Stored                    // it is another passport
	Circular                  // the passport is among its predecessors
)

// Evaluate returns everything that is wrong with the data of a passport. It does
// not change the document.
func (e *Engine) Evaluate(in Input) Report {
	if in.Classes == 0 {
		in.Classes = ruleset.AllClasses
	}
	run := &Run{engine: e, Doc: e.readable(in.Data, in.Classes).Clone(), In: in}
	if in.Previous != nil {
		run.Before = e.readable(in.Previous, in.Classes)
	}
	due := run.checkDuties()
	run.fields()
	for i := range e.table {
		if run.rule = &e.table[i]; run.rule.Check != nil && run.ready() {
			run.rule.Check(run)
		}
	}
	if in.Classes != ruleset.AllClasses { // what is not read seems to be missing
		run.Findings = slices.DeleteFunc(run.Findings, func(f Finding) bool { return !readableBy(f.attribute, in.Classes) })
		due = slices.DeleteFunc(due, func(d dueAttribute) bool { return !readableBy(d.attribute, in.Classes) })
	}
	sortFindings(run.Findings)
	return e.report(in, run.Findings, due)
}

// readable returns the part of a document that may be read with the classes.
func (e *Engine) readable(doc *ruleset.Document, classes ruleset.Classes) *ruleset.Document {
	if classes == ruleset.AllClasses {
		return doc
	}
	return e.Rules.Parse(e.Rules.Project(doc.Raw(), classes))
}

// readableBy reports whether an attribute may be read with the classes. What is
// no attribute is for the owner alone.
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

// score counts the attributes that are due in each section, and those that are
// met. Attributes with errors are due, mandatory or not.
func (e *Engine) score(due []dueAttribute, errors []Finding) (score Score) {
	wrong := map[string]map[string]bool{} // by section: the attributes with errors
	for _, f := range errors {
		section, attribute, _ := strings.Cut(strings.TrimPrefix(f.Path, "/data/"), "/")
		attribute, _, _ = strings.Cut(attribute, "/")
		if wrong[section] == nil {
			wrong[section] = map[string]bool{}
		}
		wrong[section][attribute] = true
	}
	score.Sections = make([]Section, 0, len(e.Rules.Sections()))
	for _, section := range e.Rules.Sections() {
		name := section.Name
		s := Section{Section: name, Due: len(wrong[name])}
		for _, d := range due {
			if d.attribute.Section == name && d.value.Exists() && !wrong[name][d.value.Name()] { // what is missing is wrong
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

// catalogue is the rule of findings that no rule with an id makes.
const catalogue = "catalogue"

// finding returns the finding of what the catalogue alone finds wrong.
func (e *Engine) finding(v ruleset.Violation, duty ruleset.Duty, severity Severity) Finding {
	f := Finding{
		Path: v.Path, Code: v.Code, Severity: severity, Rule: catalogue, Message: sentence(v.Path, v.Message), Duty: duty,
		attribute: v.Attribute, position: v.Position,
	}
	var named []string
	number := false
	if a := v.Attribute; a != nil { // none: it is unknown, or a section
		f.LegalReference, named, number = a.LegalReference, a.Rules, a.Type == ruleset.Number || a.Type == ruleset.Integer
	}
	for i := range e.table {
		r := &e.table[i]
		of := slices.Contains(named, r.ID) || v.Code == "unknownField" || v.Code == "type" && number
		if len(r.Needs) > 0 && (v.Attribute == nil || !slices.Contains(r.Needs, v.Attribute.Path)) {
			continue
		}
		if of && slices.Contains(r.Catalogue, v.Code) {
			f.Rule = r.ID
			break
		}
	}
	return f
}
