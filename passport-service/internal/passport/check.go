package passport

import (
	"context"
	"fmt"

	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

// EvaluationParams select a rule set and a day. Empty fields stand for today's.
type EvaluationParams struct {
	RuleSet string // its name
	On      string // as 2027-02-18
}

// engine returns the selected engine and day. It fails with fault.Invalid and
// everything that is wrong with the parameters.
func (s *Service) engine(params EvaluationParams) (*compliance.Engine, ruleset.Date, error) {
	on := s.today()
	var details []fault.Detail
	if params.On != "" {
		var err error
		if on, err = ruleset.ParseDate(params.On); err != nil {
			details = append(details, fault.Detail{Path: "on", Code: "format", Message: "has to be a day, as 2027-02-18"})
		}
	}
	engine := s.Engines.On(on)
	if params.RuleSet != "" {
		var ok bool
		if engine, ok = s.Engines.Named(params.RuleSet); !ok {
			details = append(details, fault.Detail{Path: "ruleSet", Code: "enum", Message: fmt.Sprintf("is %q; the rule sets are %v", params.RuleSet, s.Engines.Sets().Names())})
		}
	}
	if details != nil {
		return nil, on, fault.New(fault.Invalid, "the parameters are not valid").With(details...)
	}
	return engine, on, nil
}

// RuleSets returns all rule sets, and the one that is in effect.
func (s *Service) RuleSets() (sets ruleset.Sets, current *ruleset.RuleSet) {
	return s.Engines.Sets(), s.rules()
}

// Schema returns the JSON Schema of data by the rule set that is in effect.
func (s *Service) Schema() map[string]any { return s.rules().Schema() }

// Catalogue returns a rule set as JSON. It fails with fault.NotFound.
func (s *Service) Catalogue(name string) (wire.Value, error) {
	rs, ok := s.Engines.Sets().Named(name)
	if !ok {
		return nil, fault.New(fault.NotFound, "there is no rule set %s; there are %v", name, s.Engines.Sets().Names())
	}
	return rs.File, nil
}

// Compliance evaluates a passport, as far as the caller may read it.
func (s *Service) Compliance(ctx context.Context, id string, params EvaluationParams) (compliance.Report, error) {
	p, access, err := s.findHistory(ctx, id)
	if err != nil {
		return compliance.Report{}, err
	}
	engine, on, err := s.engine(params)
	if err != nil {
		return compliance.Report{}, err
	}
	data := p.prepared(engine.Rules.ParseCanonical(p.Head.Data))
	in := compliance.Input{Data: data, Now: s.Now(), AsOf: on, Classes: access.Classes}
	if in.Facts.Predecessors, err = s.relations(ctx, p.ID, data); err != nil {
		return compliance.Report{}, err
	}
	return engine.Evaluate(in), nil
}

// Validator evaluates bodies that are not stored.
type Validator struct {
	service *Service
	engine  *compliance.Engine
	on      ruleset.Date
}

// Validator returns a validator for a rule set and a day. It fails with
// fault.Invalid for parameters that are wrong.
func (s *Service) Validator(params EvaluationParams) (*Validator, error) {
	engine, on, err := s.engine(params)
	return &Validator{s, engine, on}, err
}

// Validate evaluates a body, which is one valid JSON value. It does not look for
// the predecessors that the body names, as they may be created later.
func (v *Validator) Validate(ctx context.Context, body wire.Value) (compliance.Report, error) {
	sub, err := parseBody(body, v.engine.Rules)
	if err != nil {
		return compliance.Report{}, err
	}
	in := compliance.Input{Data: sub.data, Now: v.service.Now(), AsOf: v.on}
	if sub.data == nil {
		in.Data = v.engine.Rules.Parse(wire.Value("{}"))
	}
	if in.Facts, err = v.service.duplicates(ctx, in.Data); err != nil {
		return compliance.Report{}, err
	}
	return v.engine.Evaluate(in).WithDetails(sub.details), nil
}

// duplicates reports which identifiers in data another passport has.
func (s *Service) duplicates(ctx context.Context, data *ruleset.Document) (facts compliance.StoreFacts, err error) {
	for _, id := range []struct {
		index, path string
		taken       *bool
	}{{byIdentifier, batteryIdentifier, &facts.IdentifierTaken}, {byPassportIdentifier, passportIdentifier, &facts.PassportIdentifierTaken}} {
		value := data.Text(id.path)
		if value == "" {
			continue
		}
		switch _, err := s.Passports.GetBy(ctx, id.index, value); {
		case err == nil:
			*id.taken = true
		case !fault.Is(err, fault.NotFound):
			return facts, err
		}
	}
	return facts, nil
}

// maxAncestors limits how many passports the search for circles reads.
const maxAncestors = 1_000

// relations returns how the predecessors in data are related to a passport.
func (s *Service) relations(ctx context.Context, passportID string, data *ruleset.Document) (map[string]compliance.Relation, error) {
	relations := map[string]compliance.Relation{}
	left := maxAncestors
	for _, id := range predecessors(data) {
		relation, err := s.relation(ctx, passportID, id, &left)
		if err != nil {
			return nil, err
		}
		relations[id] = relation
	}
	return relations, nil
}

// relation follows the predecessors of a predecessor that are stored here, and
// reads at most as many passports as are left.
func (s *Service) relation(ctx context.Context, passportID, id string, left *int) (compliance.Relation, error) {
	relation := compliance.NotStored
	seen, queue := map[string]bool{id: true}, []string{id}
	for ; len(queue) > 0 && *left > 0; queue = queue[1:] {
		*left--
		row, err := s.Passports.GetBy(ctx, byPassportIdentifier, queue[0])
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
		for _, before := range predecessors(s.rules().ParseCanonical(row.Doc.Head.Data)) {
			if !seen[before] {
				seen[before] = true
				queue = append(queue, before)
			}
		}
	}
	return relation, nil
}

func predecessors(data *ruleset.Document) (ids []string) {
	for v := range data.All("lifecycle.previousPassports[].batteryPassportIdentifier") {
		if id, ok := v.Text(); ok {
			ids = append(ids, id)
		}
	}
	return ids
}
