package httpapi

import (
	"context"

	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/wire"
)

func (a *API) publish(ctx context.Context, in *ChangeInput) (*passportOutput, error) {
	versions, err := in.Versions()
	if err != nil {
		return nil, err
	}
	return respond(a.Passports.Publish(ctx, in.ID, versions...))
}

// ArchiveRequest is the body of an archive operation.
type ArchiveRequest struct {
	Reason string `json:"reason" minLength:"1" maxLength:"1000" doc:"why the passport is withdrawn; stored in the version history"`
}

type archiveInput struct {
	ChangeInput
	Body rest.JSON[ArchiveRequest]
}

func (a *API) archive(ctx context.Context, in *archiveInput) (*passportOutput, error) {
	versions, err := in.Versions()
	if err != nil {
		return nil, err
	}
	reason, err := passport.ParseReason(in.Body.Value)
	if err != nil {
		return nil, err
	}
	return respond(a.Passports.Archive(ctx, in.ID, reason, versions...))
}

// VoidRequest is the body of a void operation.
type VoidRequest struct {
	Reason string `json:"reason" minLength:"1" maxLength:"1000" doc:"why the passport is false; stored in the version history"`
}

type voidInput struct {
	ChangeInput
	Body rest.JSON[VoidRequest]
}

func (a *API) void(ctx context.Context, in *voidInput) (*passportOutput, error) {
	versions, err := in.Versions()
	if err != nil {
		return nil, err
	}
	reason, err := passport.ParseReason(in.Body.Value)
	if err != nil {
		return nil, err
	}
	return respond(a.Passports.Void(ctx, in.ID, reason, versions...))
}

// EvaluationParams are the query parameters of an evaluation.
type EvaluationParams struct {
	RuleSet string `query:"ruleSet" doc:"name of the rule set, such as bp-2027-02; default: the rule set in effect on the day in on"`
	On      string `query:"on" doc:"day whose duties apply, such as 2027-08-18; default: today"`
}

func (p EvaluationParams) params() passport.EvaluationParams {
	return passport.EvaluationParams{RuleSet: p.RuleSet, On: p.On}
}

type complianceInput struct {
	PassportID
	EvaluationParams
}

// ComplianceReport gives the schema of compliance.Report its name.
type ComplianceReport compliance.Report

type complianceOutput struct {
	Body ComplianceReport
}

func (a *API) compliance(ctx context.Context, in *complianceInput) (*complianceOutput, error) {
	report, err := a.Passports.Compliance(ctx, in.ID, in.params())
	return &complianceOutput{ComplianceReport(report)}, err
}

type validateInput struct {
	EvaluationParams
	Lines rest.NDJSON[PassportInput, ComplianceReport]
}

func (a *API) validate(ctx context.Context, in *validateInput) (*rest.Stream, error) {
	validator, err := a.Passports.Validator(in.params())
	if err != nil {
		return nil, err
	}
	return in.Lines.Process(ctx, maxBody, func(ctx context.Context, body wire.Value) (ComplianceReport, error) {
		report, err := validator.Validate(ctx, body)
		if err == nil && !report.Complete {
			if detail, ok := a.Exchange.Recognise(body); ok {
				report = report.WithDetails([]fault.Detail{detail})
			}
		}
		return ComplianceReport(report), err
	})
}

// RuleSet describes a rule set in the list.
type RuleSet struct {
	ID            string       `json:"id" doc:"name of the rule set, such as bp-2027-02"`
	EffectiveFrom ruleset.Date `json:"effectiveFrom" format:"date" doc:"first day on which the rule set applies, until a newer one does"`
	InEffect      bool         `json:"inEffect" doc:"true if the rule set applies today"`
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
	ID string `path:"id" doc:"name of the rule set, such as bp-2027-02"`
}

type attributesOutput struct {
	Body wire.Value
}

func (a *API) attributes(_ context.Context, in *attributesInput) (*attributesOutput, error) {
	catalogue, err := a.Passports.Catalogue(in.ID)
	return &attributesOutput{catalogue}, err
}
