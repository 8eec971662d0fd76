package passport

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/idempotency"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/wire"
)

// Service has the use cases of passports. It is safe for concurrent use. The
// caller is in the context; what the caller may not see is fault.NotFound. Methods
// fail with fault.Unavailable when the store does not answer.
type Service struct {
	Passports *store.Collection[Passport]
	Versions  *store.Collection[Version]
	Engines   *compliance.Engines
	Now       func() time.Time
	NewID     func() string
	Log       *slog.Logger
}

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// today returns the day whose rules and duties apply.
func (s *Service) today() ruleset.Date { return ruleset.DateOf(s.Now()) }

// rules returns the rule set that is in effect.
func (s *Service) rules() *ruleset.RuleSet { return s.Engines.On(s.today()).Rules }

// Create stores a draft with the data of the body. It fails with fault.Invalid
// when the structure is wrong, fault.Conflict when the battery has a passport,
// and fault.Forbidden when the caller is not an admin and has no organisation
// that could own it.
//
// With an idempotency key it creates one passport, however often it is called:
// later calls return the passport as it is then, and replayed is true. It fails
// with fault.Invalid when the key was used for another body.
func (s *Service) Create(ctx context.Context, body wire.Value, key string) (view PassportView, replayed bool, err error) {
	caller := auth.Caller(ctx)
	if caller.Role != auth.Admin && caller.Organisation == "" {
		return PassportView{}, false, fault.New(fault.Forbidden, "your account has no organisation that could own a passport; ask an admin")
	}
	sub, err := parseBody(body, s.rules())
	if err == nil {
		err = accept(sub.data, sub.details)
	}
	if err != nil {
		return PassportView{}, false, err
	}
	id, now, request := s.NewID(), s.now(), ""
	if key != "" {
		id, request = idempotency.ID("passport", caller.UserID, key), idempotency.Fingerprint(sub.data.Root().Raw(), sub.reason)
	}
	p := Passport{ID: id, CreatedAt: now, CreatedBy: caller.UserID, Request: request, Head: Version{
		PassportID: id, Number: 1, State: Draft, Owner: ownerOf(caller), Action: Create, Reason: sub.reason, CreatedAt: now, CreatedBy: caller.UserID,
	}}
	if err := p.setData(sub.data, ""); err != nil {
		return PassportView{}, false, err
	}
	_, err = s.Passports.Insert(ctx, id, p, p.created())
	if fault.Is(err, fault.Conflict) && key != "" {
		if made, err := s.Get(ctx, id); !fault.Is(err, fault.NotFound) {
			return made, true, errors.Join(err, idempotency.Check(made.Request, request))
		}
	}
	if err != nil {
		return PassportView{}, false, duplicateError(err, &p)
	}
	return PassportView{p, Access{ruleset.AllClasses, true}}, false, nil
}

// setData sets the data of the head and everything derived from it.
func (p *Passport) setData(data *ruleset.Document, previous string) error {
	p.document, p.Head.Data = data, data.Canonicalize()
	p.BatteryIdentifier = data.Text(batteryIdentifier)
	return p.Head.seal(previous)
}

// duplicateError names the field whose value another passport has or had.
func duplicateError(err error, p *Passport) error {
	path, value := batteryIdentifier, p.BatteryIdentifier
	switch index, _ := store.Duplicate(err); index {
	case byPassportIdentifier:
		path, value = passportIdentifier, p.identifier()
	case byIdentifier:
	case store.ID: // made of the idempotency key
		return fault.New(fault.Conflict, "the resource created with this key was deleted").With(fault.Detail{
			Path: "idempotencyKey", Code: "duplicate", Message: "must be a new key to create the resource again",
		}).Because(err)
	default:
		return err
	}
	return fault.New(fault.Conflict, "there is, or was, a passport with this identifier").With(fault.Detail{
		Path: pointer(path), Code: "duplicate", Message: value + " has a passport",
	}).Because(err)
}

func errNotFound(id string) error { return fault.New(fault.NotFound, "there is no passport %s", id) }

// nextTime returns now, or the next moment after before when the clock is behind.
func nextTime(now, before time.Time) time.Time {
	if now.After(before) {
		return now
	}
	return before.Add(time.Millisecond)
}
