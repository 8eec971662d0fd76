package passport

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/wire"
)

// edit is one change of a passport.
type edit struct {
	action    Action
	reason    string
	ifVersion []int64
	// data returns the data that the passport, which is not changed by it, will
	// have.
	data func(p *Passport) (wire.Value, error)
	// tell makes the event, with the paths of data that have changed.
	tell func(p *Passport, changed []string) event.Envelope
}

// Replace puts the data of the body in the place of that of the passport. With
// versions given it fails with fault.Stale unless the passport has one of
// them; it fails as Create besides. What changes nothing makes no version. Of a
// published passport it also fails with fault.Invalid where there is no reason,
// where something would change that publishing fixed, and where there would be
// an error that there was not.
func (s *Service) Replace(ctx context.Context, id string, body wire.Value, ifVersion ...int64) (Seen, error) {
	d := draftOf(body, true)
	return s.write(ctx, id, Replace, d, ifVersion, func(wire.Value) (wire.Value, error) { return d.data, nil })
}

// Patch merges the data of the body into that of the passport (RFC 7396). It
// fails as Replace.
func (s *Service) Patch(ctx context.Context, id string, patch wire.Value, ifVersion ...int64) (Seen, error) {
	d := draftOf(patch, false)
	return s.write(ctx, id, Patch, d, ifVersion, func(data wire.Value) (wire.Value, error) {
		if d.data == nil {
			return data, nil
		}
		return merge(data, d.data)
	})
}

func (s *Service) write(ctx context.Context, id string, action Action, d draft, ifVersion []int64, next func(wire.Value) (wire.Value, error)) (Seen, error) {
	caller := auth.Caller(ctx)
	return s.change(ctx, id, edit{action: action, reason: d.reason, ifVersion: ifVersion,
		data: func(p *Passport) (wire.Value, error) {
			after, err := next(p.Head.Data.Clone())
			if err != nil {
				return nil, err
			}
			d := draft{after, d.reason, slices.Clone(d.details)}
			if p.Head.State == Active && after != nil {
				s.guard(&d, p, caller)
			}
			return s.checked(d)
		},
		tell: func(p *Passport, changed []string) event.Envelope { return p.updated(s.publicOnly(changed)) },
	})
}

// change carries out an edit. What changes neither data nor state makes no
// version.
func (s *Service) change(ctx context.Context, id string, e edit) (Seen, error) {
	if err := s.seen(ctx, id, e.ifVersion); err != nil {
		return Seen{}, err
	}
	caller, now := auth.Caller(ctx), s.now()
	var kept string
	var tried Passport
	row, err := s.Passports.Update(ctx, id, func(p *Passport) (store.Change, error) {
		if err := p.mayChange(caller); err != nil {
			return store.Change{}, err
		}
		before := p.Head
		state, err := before.State.after(e.action)
		if err != nil {
			return store.Change{}, err
		}
		data, err := e.data(p)
		if err != nil {
			return store.Change{}, err
		}
		if state == before.State && string(data) == string(before.Data) {
			return store.Change{}, store.ErrNoChange
		}
		// The version that is the newest now is kept before there is a newer
		// one. All who write the same passport keep the same record.
		if _, err := s.Versions.Insert(ctx, before.id(), before); err != nil && !fault.Is(err, fault.Conflict) {
			return store.Change{}, err
		}
		kept = before.id()
		p.Head.Number, p.Head.State, p.Head.Action, p.Head.Reason = before.Number+1, state, e.action, e.reason
		p.Head.CreatedBy, p.Head.CreatedAt = caller.UserID, later(now, before.CreatedAt)
		if err := p.hold(data, before.Hash); err != nil {
			return store.Change{}, err
		}
		tried = *p
		return store.Change{Events: []event.Envelope{e.tell(p, changed("data", before.Data, data))}}, nil
	}, store.IfVersion(e.ifVersion...))
	if err != nil && kept != "" {
		s.unkeep(context.WithoutCancel(ctx), id, kept)
	}
	if fault.Is(err, fault.NotFound) {
		return Seen{}, notFound(id)
	}
	if err != nil {
		return Seen{}, duplicate(err, &tried)
	}
	return Seen{row.Doc, View{ruleset.All, true}}, nil
}

// seen fails before a version is looked at that the caller may not know of.
func (s *Service) seen(ctx context.Context, id string, ifVersion []int64) error {
	if len(ifVersion) == 0 {
		return nil
	}
	p, _, err := s.find(ctx, id)
	if err != nil {
		return err
	}
	return p.mayChange(auth.Caller(ctx))
}

// fixed are the fields that publishing fixes.
var fixed = []string{passportIdentifier, batteryIdentifier, batteryCategory, batteryStatus}

// guard says what a published passport may not become: other in what publishing
// fixed, worse than it is, or changed without a reason.
func (s *Service) guard(d *draft, p *Passport, by auth.Principal) {
	if same(d.data, p.Head.Data) {
		return
	}
	if d.reason == "" {
		d.wrong("/reason", "required", "is missing; a published passport is changed with a reason")
	}
	for _, path := range fixed {
		if was, is := ruleset.Text(p.Head.Data, path), ruleset.Text(d.data, path); is != was {
			d.wrong(pointer(path), "transition", fmt.Sprintf("was fixed when the passport was published, as %q", was))
		}
	}
	engine, in := s.Engines.On(s.today()), compliance.Input{Data: p.Head.Data, Now: s.Now(), On: s.today()}
	before := engine.Evaluate(in)
	if in.Data = p.keeping(d.data); by.Role != auth.Admin { // an admin may correct what only goes forward
		in.Previous = p.Head.Data
	}
	structure := s.rules().CheckStructure(d.data) // which the write is held against anyhow
	for _, f := range engine.Evaluate(in).Added(before) {
		if !slices.ContainsFunc(structure, func(d fault.Detail) bool { return d.Path == f.Path && d.Code == f.Code }) {
			d.details = append(d.details, f.Detail())
		}
	}
}

// keeping returns data with what publishing fixed as it was: a change of that
// is told once, and not again by all that hangs on it.
func (p *Passport) keeping(data wire.Value) wire.Value {
	kept := map[string]string{}
	for _, path := range fixed {
		_, name, _ := strings.Cut(path, ".")
		kept[name] = ruleset.Text(p.Head.Data, path)
	}
	patch, err := wire.Marshal(map[string]any{"generalInformation": kept})
	if err != nil || members(data)["generalInformation"].Kind() != '{' {
		return data
	}
	if merged, err := merge(data, patch); err == nil {
		return merged
	}
	return data
}

// same tells whether data is what is stored, in whatever form.
func same(data, stored wire.Value) bool {
	data = data.Clone()
	return data.Canonicalize() == nil && string(data) == string(stored)
}

// pointer is the place in a body of a path of the catalogue.
func pointer(path string) string { return "/data/" + strings.ReplaceAll(path, ".", "/") }

// publicOnly leaves out the paths of what is not public: their names tell of a
// battery what the public may not know.
func (s *Service) publicOnly(changed []string) []string {
	return slices.DeleteFunc(changed, func(path string) bool {
		return !s.rules().Reads(strings.TrimPrefix(path, "data."), ruleset.Anyone.Classes())
	})
}
