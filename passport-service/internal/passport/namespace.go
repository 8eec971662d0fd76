package passport

import (
	"context"

	"github.com/battery-passport/suite/passport-service/internal/namespace"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
)

// namespaced are the attributes whose values belong to the organisation that issues them:
// people find a passport by them. Other identifiers in a passport, such as those of
// operators, facilities and predecessors, may be those of others.
var namespaced = []struct {
	path  string
	check func(*namespace.Service, context.Context, string, []string) (*namespace.Problem, error)
}{
	{batteryIdentifier, (*namespace.Service).Check},
	{passportIdentifier, (*namespace.Service).Check},
	{modelGTIN, (*namespace.Service).CheckGTIN},
}

// namespaceProblems returns the problems of values that after has but before does not, by path,
// for an organisation with the ids. before may be nil.
func namespaceProblems(ctx context.Context, namespaces *namespace.Service, before, after *ruleset.Document, organisations []string) (map[string]*namespace.Problem, error) {
	problems := map[string]*namespace.Problem{}
	for _, a := range namespaced {
		value := after.Text(a.path)
		if value == "" || before != nil && value == before.Text(a.path) {
			continue
		}
		problem, err := a.check(namespaces, ctx, value, organisations)
		if err != nil {
			return nil, err
		}
		if problem != nil {
			problems[a.path] = problem
		}
	}
	return problems, nil
}

// checkNamespaces returns the warnings about the namespaces of values that after has but before
// does not. It fails with fault.Invalid if the owner of the passport may not use one of them.
func checkNamespaces(ctx context.Context, namespaces *namespace.Service, p *Passport, before, after *ruleset.Document) (warnings []fault.Detail, err error) {
	problems, err := namespaceProblems(ctx, namespaces, before, after, p.Head.Owner.organisations(auth.Caller(ctx)))
	if err != nil {
		return nil, err
	}
	var refused []fault.Detail
	for _, a := range namespaced {
		problem := problems[a.path]
		if problem == nil {
			continue
		}
		detail := newDetail(pointer(a.path), "namespace", problem.Message)
		if problem.Refused {
			refused = append(refused, detail)
		} else {
			warnings = append(warnings, detail)
		}
	}
	if refused != nil {
		return nil, fault.New(fault.Invalid, "an identifier is not in a namespace of the organisation").With(refused...)
	}
	return warnings, nil
}
