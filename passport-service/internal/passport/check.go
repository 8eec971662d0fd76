package passport

import (
	"context"
	"fmt"

	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/passport-service/internal/jsonschema"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

// EvaluationParams selects the rule set and the day of an evaluation. If On is empty,
// the day is today; if RuleSet is empty, the rule set is the one in effect on that day.
type EvaluationParams struct {
	RuleSet string // name, such as bp-2027-02
	On      string // date, such as 2027-02-18
}

// engine returns the selected engine and day. It fails with fault.Invalid, listing
// all errors of the parameters.
func (s *Service) engine(params EvaluationParams) (*compliance.Engine, ruleset.Date, error) {
	on := s.today()
	var details []fault.Detail
	if params.On != "" {
		var err error
		if on, err = ruleset.ParseDate(params.On); err != nil {
			details = append(details, fault.Detail{Path: "on", Code: "format", Message: fmt.Sprintf("must be a date such as 2027-02-18, got %q", params.On)})
		}
	}
	engine := s.Engines.On(on)
	if params.RuleSet != "" {
		var ok bool
		if engine, ok = s.Engines.Named(params.RuleSet); !ok {
			details = append(details, fault.Detail{Path: "ruleSet", Code: "enum", Message: fmt.Sprintf("must be one of %v, got %q", s.Engines.Sets().Names(), params.RuleSet)})
		}
	}
	if details != nil {
		return nil, on, fault.New(fault.Invalid, "the evaluation parameters are not valid").With(details...)
	}
	return engine, on, nil
}

// RuleSets returns all rule sets, and the one in effect today.
func (s *Service) RuleSets() (sets ruleset.Sets, current *ruleset.RuleSet) {
	return s.Engines.Sets(), s.rules()
}

// Schemas returns the schemas of the OpenAPI document for the data of passports, by the
// rule set in effect today.
func (s *Service) Schemas() map[string]map[string]any { return s.rules().Schemas() }

// named returns the engine of a rule set. It fails with fault.NotFound.
func (s *Service) named(ruleSet string) (*compliance.Engine, error) {
	engine, ok := s.Engines.Named(ruleSet)
	if !ok {
		return nil, fault.New(fault.NotFound, "rule set %s not found; the rule sets are %v", ruleSet, s.Engines.Sets().Names())
	}
	return engine, nil
}

// Catalogue returns the JSON file of a rule set. It fails with fault.NotFound.
func (s *Service) Catalogue(ruleSet string) (wire.Value, error) {
	engine, err := s.named(ruleSet)
	if err != nil {
		return nil, err
	}
	return engine.Rules.File, nil
}

// DataSchema generates JSON Schemas of data, from a rule set and the duties of today.
type DataSchema struct {
	Since  ruleset.Date // the day from which these duties apply; "": since the rule set applies
	engine *compliance.Engine
}

// DataSchema returns the schemas of a rule set. It fails with fault.NotFound.
func (s *Service) DataSchema(ruleSet string) (DataSchema, error) {
	engine, err := s.named(ruleSet)
	if err != nil {
		return DataSchema{}, err
	}
	return DataSchema{engine.DutiesSince(s.today()), engine}, nil
}

// Definitions returns the schema of data and of each object in it, by name.
func (s DataSchema) Definitions(p compliance.SchemaParams) map[string]jsonschema.Schema {
	p.On = s.Since
	return s.engine.Schemas(p)
}

// Compliance evaluates a passport. The report contains only findings on attributes
// that the caller may read.
func (s *Service) Compliance(ctx context.Context, id string, params EvaluationParams) (compliance.Report, error) {
	p, access, err := s.findHistory(ctx, id)
	if err != nil {
		return compliance.Report{}, err
	}
	engine, on, err := s.engine(params)
	if err != nil {
		return compliance.Report{}, err
	}
	data := p.withPassportIdentifier(engine.Rules.ParseCanonical(p.Head.Data))
	in := compliance.Input{Data: data, Now: s.Now(), AsOf: on, Classes: access.Classes}
	var scopes []string // other readers must not learn which drafts the owner has
	if access.Owner {
		scopes = p.Head.Owner.draftScopes(auth.Caller(ctx))
	}
	if in.Facts.Predecessors, err = s.relations(ctx, p.ID, data, scopes); err != nil {
		return compliance.Report{}, err
	}
	if p.Head.State == Draft { // only its owner and admins read it
		if in.Facts.Namespaces, err = namespaceProblems(ctx, s.Namespaces, nil, data, p.Head.Owner.organisations(auth.Caller(ctx))); err != nil {
			return compliance.Report{}, err
		}
	}
	return engine.Evaluate(in), nil
}

// Validator evaluates request bodies without storing them.
type Validator struct {
	service *Service
	engine  *compliance.Engine
	on      ruleset.Date
}

// Validator returns a validator for a rule set and a day. It fails with
// fault.Invalid if the parameters are not valid.
func (s *Service) Validator(params EvaluationParams) (*Validator, error) {
	engine, on, err := s.engine(params)
	return &Validator{s, engine, on}, err
}

// Validate evaluates a body, which must be valid JSON. It does not look up the
// predecessors that the body names, because they may be created later.
func (v *Validator) Validate(ctx context.Context, body wire.Value) (compliance.Report, error) {
	sub, err := parseBody(body, v.engine.Rules)
	if err != nil {
		return compliance.Report{}, err
	}
	in := compliance.Input{Data: sub.data, Now: v.service.Now(), AsOf: v.on}
	if sub.data == nil {
		in.Data = v.engine.Rules.Parse(wire.Value("{}"))
	}
	if in.Facts, err = v.service.duplicates(ctx, in.Data, draftScopesOf(auth.Caller(ctx))); err != nil {
		return compliance.Report{}, err
	}
	if in.Facts.Namespaces, err = namespaceProblems(ctx, v.service.Namespaces, nil, in.Data, auth.Caller(ctx).Organisations()); err != nil {
		return compliance.Report{}, err
	}
	return v.engine.Evaluate(in).WithDetails(sub.details), nil
}

// maxAncestors limits how many passports the search for cycles reads.
const maxAncestors = 1_000

// relations returns the relation of each predecessor in data to the passport, by
// passport identifier. Drafts outside the scopes count as not stored.
func (s *Service) relations(ctx context.Context, passportID string, data *ruleset.Document, scopes []string) (map[string]compliance.Relation, error) {
	relations := map[string]compliance.Relation{}
	budget := maxAncestors
	for _, id := range predecessors(data) {
		relation, err := s.relation(ctx, passportID, id, scopes, &budget)
		if err != nil {
			return nil, err
		}
		relations[id] = relation
	}
	return relations, nil
}

// relation searches the stored ancestors of a predecessor for the passport itself.
// It reads at most budget passports, and reduces budget by those it read.
func (s *Service) relation(ctx context.Context, passportID, id string, scopes []string, budget *int) (compliance.Relation, error) {
	relation := compliance.NotStored
	visited, queue := map[string]bool{id: true}, []string{id}
	for ; len(queue) > 0 && *budget > 0; queue = queue[1:] {
		*budget--
		row, err := s.findIdentifier(ctx, uniqueAttributes[1], queue[0], scopes)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return relation, err
		}
		if row.ID == passportID {
			return compliance.Circular, nil
		}
		relation = compliance.Stored
		for _, predecessor := range predecessors(s.rules().ParseCanonical(row.Doc.Head.Data)) {
			if !visited[predecessor] {
				visited[predecessor] = true
				queue = append(queue, predecessor)
			}
		}
	}
	return relation, nil
}

// predecessors returns the passport identifiers of the predecessors in data.
func predecessors(data *ruleset.Document) (ids []string) {
	for v := range data.All("lifecycle.previousPassports[].batteryPassportIdentifier") {
		if id, ok := v.Text(); ok {
			ids = append(ids, id)
		}
	}
	return ids
}
