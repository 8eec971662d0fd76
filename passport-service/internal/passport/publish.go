package passport

import (
	"context"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
)

// Publish publishes a draft. It fails with fault.Invalid, listing all compliance
// errors, with fault.Stale like Replace, and with fault.Conflict if the passport is
// archived, inactive or ceased. Publishing a published passport changes nothing.
func (s *Service) Publish(ctx context.Context, id string, ifVersion ...int64) (PassportView, error) {
	return s.change(ctx, id, edit{action: Publish, ifVersion: ifVersion,
		newData: func(p *Passport, before *ruleset.Document) (*ruleset.Document, error) {
			if p.Head.State == Active {
				return before, nil
			}
			data := p.withPassportIdentifier(before)
			in := compliance.Input{Data: data, Now: s.Now(), AsOf: s.today()}
			var err error
			if in.Facts.Predecessors, err = s.relations(ctx, p.ID, data); err != nil {
				return nil, err
			}
			if errors := s.Engines.On(s.today()).Evaluate(in).Errors(); len(errors) > 0 {
				return nil, fault.New(fault.Invalid, "the passport was not published (errors: %d)", len(errors)).
					With(compliance.Details(errors)...)
			}
			return data, nil
		},
		newEvent: func(p *Passport, _ []string) event.Envelope { return p.published() },
	})
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
		newData:  func(_ *Passport, before *ruleset.Document) (*ruleset.Document, error) { return before, nil },
		newEvent: func(p *Passport, _ []string) event.Envelope { return p.updated([]string{"state"}) },
	})
}
