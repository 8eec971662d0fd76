package compliance

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// Rule is a rule of the catalogue as it is carried out. A rule that can find
// different things has several: one for each code and severity.
type Rule struct {
	ID       string
	Severity Severity
	Code     string

	// Needs are the paths of the catalogue that have to be there, and sound,
	// for the rule to run; of a path through an array, those that are there.
	Needs []string
	// Check is a rule across fields.
	Check func(*Run)
	// Field is a rule of one field, run at each that names it and is sound. It
	// says what is wrong, or nothing.
	Field func(*Run, ruleset.Value) string
	// Catalogue are the codes of what the catalogue itself finds at a field
	// that names the rule: there is nothing more to carry out. Where there are
	// Needs it is they alone.
	Catalogue []string
}

// Engine evaluates passports by one rule set. It is read-only, and safe for
// concurrent use.
type Engine struct {
	Rules  *ruleset.RuleSet
	table  []Rule
	fields map[string][]*Rule // by the path of the attribute
}

// elsewhere are rules that are no matter of one passport: they hold it against
// others of its model.
var elsewhere = []string{"MOD-1"}

// New makes the engine of a rule set. It fails when the set names a rule that
// the table does not have, or a rule needs what the catalogue does not have.
func New(rs *ruleset.RuleSet, table []Rule) (*Engine, error) {
	e := &Engine{Rules: rs, fields: map[string][]*Rule{}}
	var errs []error
	for _, id := range rs.Rules() {
		rule, _ := rs.Rule(id)
		if rule.Severity != string(Error) && rule.Severity != string(Warning) || slices.Contains(elsewhere, id) {
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
	Now      time.Time         // what is later is in the future
	On       ruleset.Date
	Facts    StoreFacts
	// Reads are the classes that whoever asks may read. Only what is in them is
	// looked at, so that nothing else can be told. 0 stands for all.
	Reads ruleset.Classes
}

// StoreFacts are what the store says of the identifiers in the data.
type StoreFacts struct {
	Identifier         bool // another passport has the battery identifier
	PassportIdentifier bool // another passport has the passport identifier
	// Predecessors are the passport identifiers among the predecessors that
	// were looked for; nil: none was.
	Predecessors map[string]Relation
}

// Relation is what is known of a predecessor.
type Relation int

// The relations.
const (
	Unknown  Relation = iota // it is not kept here
	Earlier                  // it is another passport
	Circular                 // the passport is among its predecessors
)

// Evaluate says everything that is wrong with the data of a passport.
func (e *Engine) Evaluate(in Input) Report {
	if in.Reads == 0 {
		in.Reads = ruleset.All
	}
	run := &Run{engine: e, Doc: e.readable(in.Data, in.Reads).Clone(), In: in}
	if in.Previous != nil {
		run.Before = e.readable(in.Previous, in.Reads)
	}
	due := run.checkDuties()
	run.fields()
	for i := range e.table {
		if run.rule = &e.table[i]; run.rule.Check != nil && run.ready() {
			run.rule.Check(run)
		}
	}
	if in.Reads != ruleset.All { // what is not read seems to be missing
		run.Findings = slices.DeleteFunc(run.Findings, func(f Finding) bool { return !readableBy(f.attribute, in.Reads) })
		due = slices.DeleteFunc(due, func(d dueAttribute) bool { return !readableBy(d.attribute, in.Reads) })
	}
	sortFindings(run.Findings)
	return e.report(in, run.Findings, due)
}

// readable returns the part of a document that may be read with the classes.
func (e *Engine) readable(doc *ruleset.Document, classes ruleset.Classes) *ruleset.Document {
	if classes == ruleset.All {
		return doc
	}
	return e.Rules.Read(e.Rules.Project(doc.Raw(), classes))
}

// readableBy reports whether an attribute may be read with the classes. What is
// no attribute is for the owner alone.
func readableBy(a *ruleset.Attribute, classes ruleset.Classes) bool {
	return a != nil && classes.Has(a.Access)
}

func (e *Engine) report(in Input, findings []Finding, due []dueAttribute) Report {
	r := Report{RuleSet: e.Rules.Name, AsOf: in.On, Findings: findings}
	if findings == nil {
		r.Findings = []Finding{}
	}
	errors := r.Errors()
	r.Complete = len(errors) == 0
	r.Score = e.score(due, errors)
	return r
}

// score counts what is due in each section, and what of it is met. What is
// wrong counts as due whether it is mandatory or not.
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

// catalogue is the rule of what no rule with an id says.
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
