package passport

import (
	"context"
	"log/slog"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/wire"
)

// Service is what can be done with passports. It is safe for concurrent use.
// The caller is in the context; what the caller may not see is fault.NotFound.
// Methods fail with fault.Unavailable when the store does not answer.
type Service struct {
	Passports *store.Collection[Passport]
	Versions  *store.Collection[Version]
	Rules     *ruleset.RuleSet
	Now       func() time.Time
	NewID     func() string
	Log       *slog.Logger
}

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// Create stores a draft with the data of the body. It fails with fault.Invalid
// when the structure is wrong, fault.Conflict when the battery has a passport,
// and fault.Forbidden when the caller is no admin and has no organisation that
// could own it.
func (s *Service) Create(ctx context.Context, body wire.Value) (Passport, error) {
	caller := auth.Caller(ctx)
	if caller.Role != auth.Admin && caller.Organisation == "" {
		return Passport{}, fault.New(fault.Forbidden, "your account belongs to no organisation that could own a passport; ask an admin")
	}
	data, err := s.checked(dataOf(body, true))
	if err != nil {
		return Passport{}, err
	}
	id, now := s.NewID(), s.now()
	p := Passport{ID: id, CreatedAt: now, CreatedBy: caller.UserID, Head: Version{
		PassportID: id, Number: 1, State: Draft, Owner: ownerOf(caller), Action: Create, CreatedAt: now, CreatedBy: caller.UserID,
	}}
	if err := p.hold(data, ""); err != nil {
		return Passport{}, err
	}
	if _, err := s.Passports.Insert(ctx, id, p, p.created()); err != nil {
		return Passport{}, s.taken(err, p.BatteryIdentifier)
	}
	return p, nil
}

// hold sets the data of the head, and what comes of it.
func (p *Passport) hold(data wire.Value, previous string) error {
	p.Head.Data = data
	p.BatteryIdentifier = ruleset.Text(data, batteryIdentifier)
	return p.Head.seal(previous)
}

// taken says which field clashes.
func (s *Service) taken(err error, identifier string) error {
	if index, _ := store.Duplicate(err); index == byIdentifier {
		return fault.New(fault.Conflict, "there is a passport with this battery identifier").With(fault.Detail{
			Path: "/data/generalInformation/batteryIdentifier", Code: "duplicate", Message: identifier + " has a passport",
		}).Because(err)
	}
	return err
}

// Get returns a passport.
func (s *Service) Get(ctx context.Context, id string) (Passport, error) {
	row, err := s.Passports.Get(ctx, id)
	if fault.Is(err, fault.NotFound) || err == nil && !row.Doc.visible(auth.Caller(ctx)) {
		return Passport{}, notFound(id)
	}
	return row.Doc, err
}

func notFound(id string) error { return fault.New(fault.NotFound, "there is no passport %s", id) }

// List returns a page of the passports that the caller sees.
func (s *Service) List(ctx context.Context, q store.Query) (store.Page[Passport], error) {
	q.Scope = scopeOf(auth.Caller(ctx))
	return s.Passports.List(ctx, q)
}

// Replace puts the data of the body in the place of that of the passport. With
// versions given it fails with fault.Stale unless the passport has one of
// them; it fails as Create besides. What changes nothing makes no version.
func (s *Service) Replace(ctx context.Context, id string, body wire.Value, ifVersion ...int64) (Passport, error) {
	return s.change(ctx, id, Replace, ifVersion, func(wire.Value) (wire.Value, error) { return s.checked(dataOf(body, true)) })
}

// Patch merges the data of the body into that of the passport (RFC 7396). It
// fails as Replace.
func (s *Service) Patch(ctx context.Context, id string, patch wire.Value, ifVersion ...int64) (Passport, error) {
	return s.change(ctx, id, Patch, ifVersion, func(data wire.Value) (wire.Value, error) {
		change, details := dataOf(patch, false)
		if change == nil {
			return s.checked(data, details)
		}
		merged, err := merge(data, change)
		if err != nil {
			return nil, err
		}
		return s.checked(merged, details)
	})
}

func (s *Service) change(ctx context.Context, id string, action Action, ifVersion []int64, next func(wire.Value) (wire.Value, error)) (Passport, error) {
	if err := s.seen(ctx, id, ifVersion); err != nil {
		return Passport{}, err
	}
	caller, now := auth.Caller(ctx), s.now()
	var kept, identifier string
	row, err := s.Passports.Update(ctx, id, func(p *Passport) ([]event.Envelope, error) {
		if !p.visible(caller) {
			return nil, notFound(id)
		}
		before := p.Head
		data, err := next(before.Data.Clone())
		if err != nil {
			return nil, err
		}
		if string(data) == string(before.Data) {
			return nil, store.ErrNoChange
		}
		// The version that is the newest now is kept before there is a newer
		// one. All who write the same passport keep the same record.
		if _, err := s.Versions.Insert(ctx, before.id(), before); err != nil && !fault.Is(err, fault.Conflict) {
			return nil, err
		}
		kept = before.id()
		p.Head.Number, p.Head.Action, p.Head.Reason = before.Number+1, action, ""
		p.Head.CreatedBy, p.Head.CreatedAt = caller.UserID, later(now, before.CreatedAt)
		if err := p.hold(data, before.Hash); err != nil {
			return nil, err
		}
		identifier = p.BatteryIdentifier
		return []event.Envelope{p.updated(changed("data", before.Data, data))}, nil
	}, ifVersion...)
	if err != nil && kept != "" {
		s.unkeep(context.WithoutCancel(ctx), id, kept)
	}
	if fault.Is(err, fault.NotFound) {
		return Passport{}, notFound(id)
	}
	return row.Doc, s.taken(err, identifier)
}

// seen fails before a version is looked at that the caller may not know of.
func (s *Service) seen(ctx context.Context, id string, ifVersion []int64) error {
	if len(ifVersion) == 0 {
		return nil
	}
	_, err := s.Get(ctx, id)
	return err
}

// later returns now, or the next moment after before when the clock is behind.
func later(now, before time.Time) time.Time {
	if now.After(before) {
		return now
	}
	return before.Add(time.Millisecond)
}
