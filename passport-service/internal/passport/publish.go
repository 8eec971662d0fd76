package passport

import (
	"context"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
)

// Publish publishes a draft. It fails with fault.Invalid, listing all compliance
// errors, with fault.Stale like Replace, and with fault.Conflict if the passport is
// archived, inactive or ceased. Publishing a published passport changes nothing.
func (s *Service) Publish(ctx context.Context, id string, ifVersion ...int64) (PassportView, error) {
	return s.change(ctx, id, s.publishEdit(ctx, ifVersion))
}

// publishEdit returns the edit that publishes a draft.
func (s *Service) publishEdit(ctx context.Context, ifVersion []int64) edit {
	return edit{action: Publish, ifVersion: ifVersion,
		newData: func(p *Passport, before *ruleset.Document) (*ruleset.Document, error) {
			if p.Head.State == Active {
				return before, nil
			}
			data := p.withPassportIdentifier(before)
			in := compliance.Input{Data: data, Now: s.Now(), AsOf: s.today()}
			var err error
			if in.Facts.Predecessors, err = s.relations(ctx, p.ID, data, p.Head.Owner.draftScopes(auth.Caller(ctx))); err != nil {
				return nil, err
			}
			if in.Facts.Namespaces, err = namespaceProblems(ctx, s.Namespaces, nil, data, p.Head.Owner.organisations(auth.Caller(ctx))); err != nil {
				return nil, err
			}
			if errors := s.Engines.On(s.today()).Evaluate(in).Errors(); len(errors) > 0 {
				return nil, fault.New(fault.Invalid, "the passport was not published (errors: %d)", len(errors)).
					With(compliance.Details(errors)...)
			}
			return data, nil
		},
		newEvent: func(p *Passport, _, _ *ruleset.Document) event.Envelope { return p.published() },
	}
}

// withPassportIdentifier returns the data of a draft with a passport identifier. If the
// data has none, it sets the default, but only if the data has the section for it.
func (p *Passport) withPassportIdentifier(data *ruleset.Document) *ruleset.Document {
	if p.Head.State != Draft || strings.TrimSpace(data.Text(passportIdentifier)) != "" {
		return data
	}
	data = data.Clone()
	data.SetText(passportIdentifier, urn(p.ID))
	return data
}

// Archive withdraws a published passport for good. It fails with fault.Conflict if the
// passport is not published, and with fault.Stale like Replace. Archiving an archived
// passport changes nothing.
func (s *Service) Archive(ctx context.Context, id, reason string, ifVersion ...int64) (PassportView, error) {
	return s.change(ctx, id, edit{action: Archive, reason: reason, ifVersion: ifVersion,
		newData:  keepData(reason),
		newEvent: func(p *Passport, _, _ *ruleset.Document) event.Envelope { return p.updated([]string{"state"}) },
	})
}

// keepData returns the newData of an edit that changes only the state. It checks the reason.
func keepData(reason string) func(*Passport, *ruleset.Document) (*ruleset.Document, error) {
	return func(_ *Passport, before *ruleset.Document) (*ruleset.Document, error) {
		s := submission{reason: reason}
		if s.checkReason(); len(s.details) > 0 {
			return nil, fault.New(fault.Invalid, "the reason is not valid").With(s.details...)
		}
		return before, nil
	}
}

// Void declares a false passport void for good and frees its identifiers: the exception
// to the rule that identifiers are never used again. The history stays. It fails with
// fault.Forbidden unless the caller is an admin, with fault.Conflict for drafts, and
// with fault.Stale like Replace. Voiding a voided passport changes nothing.
func (s *Service) Void(ctx context.Context, id, reason string, ifVersion ...int64) (PassportView, error) {
	if auth.Caller(ctx).Role != auth.Admin {
		return PassportView{}, fault.New(fault.Forbidden, "only an admin may void a passport")
	}
	return s.change(ctx, id, edit{action: Void, reason: reason, ifVersion: ifVersion,
		newData:  keepData(reason),
		newEvent: func(p *Passport, _, _ *ruleset.Document) event.Envelope { return p.updated([]string{"state"}) },
	})
}
