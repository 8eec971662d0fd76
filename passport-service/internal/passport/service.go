package passport

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/idempotency"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/wire"
)

// Service implements the use cases of passports. The caller is in the context. All
// methods fail with fault.NotFound if the caller may not read the passport, and with
// fault.Unavailable if the store does not respond. Service is safe for concurrent use.
type Service struct {
	Passports *store.Collection[Passport]
	Versions  *store.Collection[Version]
	Engines   *compliance.Engines
	Now       func() time.Time
	NewID     func() string
}

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// today returns the day that selects the rule set and the duties.
func (s *Service) today() ruleset.Date { return ruleset.DateOf(s.Now()) }

// rules returns the rule set in effect today.
func (s *Service) rules() *ruleset.RuleSet { return s.Engines.On(s.today()).Rules }

// Create stores a draft with the data in the body. It fails with fault.Invalid if the
// structure is wrong, with fault.Conflict if another passport has the battery or
// passport identifier, and with fault.Forbidden if the caller is not an admin and has
// no organisation to own the passport.
//
// Calls with the same idempotency key create one passport: later calls return its
// current state, and replayed is true. They fail with fault.Invalid if the body is
// not the same.
func (s *Service) Create(ctx context.Context, body wire.Value, key string) (view PassportView, replayed bool, err error) {
	caller := auth.Caller(ctx)
	if caller.Role != auth.Admin && caller.Organisation == "" {
		return PassportView{}, false, fault.New(fault.Forbidden, "your account must belong to an organisation to create passports; ask an admin")
	}
	sub, err := parseBody(body, s.rules())
	if err == nil {
		err = canonicalize(sub.data, sub.details)
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
		if existing, err := s.Get(ctx, id); !fault.Is(err, fault.NotFound) {
			return existing, true, errors.Join(err, idempotency.Check(existing.Request, request))
		}
	}
	if err != nil {
		return PassportView{}, false, duplicateError(err, &p)
	}
	return PassportView{p, Access{ruleset.AllClasses, true}}, false, nil
}

// setData sets the data of the head and the fields derived from it.
func (p *Passport) setData(data *ruleset.Document, previous string) error {
	p.document, p.Head.Data = data, data.Canonicalize()
	p.BatteryIdentifier = data.Text(batteryIdentifier)
	return p.Head.seal(previous)
}

// duplicateError converts the conflict of a unique index to an error that names the
// field of p with the duplicate value. It returns other errors unchanged.
func duplicateError(err error, p *Passport) error {
	path, value := batteryIdentifier, p.BatteryIdentifier
	switch index, _ := store.Duplicate(err); index {
	case byPassportIdentifier:
		path, value = passportIdentifier, p.identifier()
	case byIdentifier:
	case store.ID: // derived from the idempotency key
		return fault.New(fault.Conflict, "the resource created with this key was deleted").With(fault.Detail{
			Path: "idempotencyKey", Code: "duplicate", Message: "must be a new key to create the resource again",
		}).Because(err)
	default:
		return err
	}
	return fault.New(fault.Conflict, "a passport with this identifier already exists").
		With(newDetail(pointer(path), "duplicate", fmt.Sprintf("must be unique; a passport with %q already exists", value))).Because(err)
}

func errNotFound(id string) error { return fault.New(fault.NotFound, "passport %s not found", id) }

// nextTime returns now, or previous plus 1 ms if the clock is not after previous.
func nextTime(now, previous time.Time) time.Time {
	if now.After(previous) {
		return now
	}
	return previous.Add(time.Millisecond)
}
