package httpapi

import (
	"context"

	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/wire"
)

func (a *API) publish(ctx context.Context, in *changeInput) (*output, error) {
	versions, err := in.Versions()
	if err != nil {
		return nil, err
	}
	return answered(a.Passports.Publish(ctx, in.ID, versions...))
}

type archiveInput struct {
	ID string `path:"id"`
	rest.Precondition
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"1000" pattern:"\\S" doc:"why, for those who read on"`
	}
}

func (a *API) archive(ctx context.Context, in *archiveInput) (*output, error) {
	versions, err := in.Versions()
	if err != nil {
		return nil, err
	}
	return answered(a.Passports.Archive(ctx, in.ID, in.Body.Reason, versions...))
}

// EvaluationParams are the parameters that select another rule set or day.
type EvaluationParams struct {
	RuleSet string `query:"ruleSet" doc:"a rule set, as bp-2027-02; the one in effect on the day where it is left out"`
	On      string `query:"on" doc:"the day whose duties count, as 2027-08-18; today where it is left out"`
}

func (w EvaluationParams) params() passport.EvaluationParams {
	return passport.EvaluationParams{RuleSet: w.RuleSet, On: w.On}
}

type complianceInput struct {
	ID string `path:"id"`
	EvaluationParams
}

type complianceOutput struct {
	Body compliance.Report
}

func (a *API) compliance(ctx context.Context, in *complianceInput) (*complianceOutput, error) {
	report, err := a.Passports.Compliance(ctx, in.ID, in.params())
	return &complianceOutput{report}, err
}

type validateInput struct {
	EvaluationParams
	Lines rest.NDJSON[Body, compliance.Report]
}

func (a *API) validate(ctx context.Context, in *validateInput) (*rest.Stream, error) {
	validator, err := a.Passports.Validator(in.params())
	if err != nil {
		return nil, err
	}
	return in.Lines.Process(ctx, maxBody, validator.Validate)
}

// RuleSet is one of the rule sets.
type RuleSet struct {
	ID            string       `json:"id"`
	EffectiveFrom ruleset.Date `json:"effectiveFrom" format:"date" doc:"it counts from this day on, until a newer one does"`
	InEffect      bool         `json:"inEffect" doc:"it counts today"`
}

type ruleSetsOutput struct{ Body rest.List[RuleSet] }

func (a *API) ruleSets(context.Context, *struct{}) (*ruleSetsOutput, error) {
	out := &ruleSetsOutput{}
	sets, current := a.Passports.RuleSets()
	for _, rs := range sets {
		out.Body.Items = append(out.Body.Items, RuleSet{rs.Name, rs.EffectiveFrom, rs == current})
	}
	return out, nil
}

type attributesInput struct {
	ID string `path:"id" doc:"of a rule set"`
}

type attributesOutput struct {
	Body wire.Value
}

func (a *API) attributes(_ context.Context, in *attributesInput) (*attributesOutput, error) {
	catalogue, err := a.Passports.Catalogue(in.ID)
	return &attributesOutput{catalogue}, err
}
