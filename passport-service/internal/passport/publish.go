package passport

import (
	"context"

	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
)

// Publish publishes a draft. It fails with fault.Invalid and everything that is
// missing or wrong, with fault.Stale as Replace does, and with fault.Conflict for
// a passport that has ended. Publishing twice is the same as once.
func (s *Service) Publish(ctx context.Context, id string, ifVersion ...int64) (PassportView, error) {
	return s.change(ctx, id, edit{action: Publish, ifVersion: ifVersion,
		data: func(p *Passport, before *ruleset.Document) (*ruleset.Document, error) {
			if p.Head.State == Active {
				return before, nil
			}
			data := p.prepared(before)
			in := compliance.Input{Data: data, Now: s.Now(), AsOf: s.today()}
			var err error
			if in.Facts.Predecessors, err = s.relations(ctx, p.ID, data); err != nil {
				return nil, err
			}
			if errors := s.Engines.On(s.today()).Evaluate(in).Errors(); len(errors) > 0 {
				return nil, fault.New(fault.Invalid, "the passport was not published: the errors name what is missing or wrong, %d in all", len(errors)).
					With(compliance.Details(errors)...)
			}
			return data, nil
		},
		newEvent: func(p *Passport, _ []string) event.Envelope { return p.published() },
	})
}

// prepared returns the data as publishing fixes it: with the identifier of the
// passport. A section that is missing is not made for it.
func (p *Passport) prepared(data *ruleset.Document) *ruleset.Document {
	if p.Head.State != Draft || data.Text(passportIdentifier) != "" {
		return data
	}
	data = data.Clone()
	data.SetText(passportIdentifier, urn(p.ID))
	return data
}

// Archive withdraws a published passport, which does not change any more. It fails
// with fault.Conflict for a passport that is not published. Archiving twice is the
// same as once.
func (s *Service) Archive(ctx context.Context, id, reason string, ifVersion ...int64) (PassportView, error) {
	return s.change(ctx, id, edit{action: Archive, reason: reason, ifVersion: ifVersion,
		data:     func(_ *Passport, before *ruleset.Document) (*ruleset.Document, error) { return before, nil },
		newEvent: func(p *Passport, _ []string) event.Envelope { return p.updated([]string{"state"}) },
	})
}
