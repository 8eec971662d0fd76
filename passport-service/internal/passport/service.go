package passport

import (
	"context"
	"errors"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/passport-service/internal/namespace"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/passport-service/internal/usage"
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
	Passports  *store.Collection[Passport]
	Versions   *store.Collection[Version]
	Namespaces *namespace.Service
	Usage      *usage.Ledger // nil: no quotas
	Engines    *compliance.Engines
	Now        func() time.Time
	NewID      func() string
	// IdentifierBase begins the identifiers that the service makes: an https URL without a
	// slash at the end.
	IdentifierBase string

	verifications verifications
}

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// today returns the day that selects the rule set and the duties.
func (s *Service) today() ruleset.Date { return ruleset.DateOf(s.Now()) }

// rules returns the rule set in effect today.
func (s *Service) rules() *ruleset.RuleSet { return s.Engines.On(s.today()).Rules }

// Create stores a draft with the data in the body. It fails with fault.Invalid if the
// structure is wrong, with fault.Conflict if a published passport or another draft of the
// owner has the battery or passport identifier, with fault.Forbidden if the caller is not an admin and has
// no organisation to own the passport, and with fault.QuotaExceeded.
//
// The scheme makes a battery identifier for data that has none.
//
// Calls with the same idempotency key create one passport: later calls return its
// current state, and replayed is true. They fail with fault.Invalid if the body is
// not the same. A passport that the caller no longer owns does not count.
func (s *Service) Create(ctx context.Context, body wire.Value, scheme IdentifierScheme, key string) (view PassportView, replayed bool, err error) {
	caller := auth.Caller(ctx)
	if err := checkCanCreate(caller); err != nil {
		return PassportView{}, false, err
	}
	sub, err := parseBody(body, s.rules())
	if sub.refuseReadOnly(createMembers...); err == nil {
		err = canonicalize(sub.data, sub.details)
	}
	if err != nil {
		return PassportView{}, false, err
	}
	id, now, request := s.NewID(), s.now(), ""
	if key != "" {
		request = idempotency.Fingerprint(sub.data.Root().Raw(), sub.reason+string(scheme))
		if id, err = s.idOfKey(ctx, caller, key); err != nil {
			return PassportView{}, false, err
		}
	}
	if err := s.identify(sub.data, scheme); err != nil {
		return PassportView{}, false, err
	}
	p, err := newDraft(caller, id, sub, now)
	if err != nil {
		return PassportView{}, false, err
	}
	p.Request = request
	if err = s.checkIdentifiers(ctx, &p, nil, sub.data); err == nil {
		err = s.insert(ctx, &p)
	}
	if (fault.Is(err, fault.Conflict) || fault.Is(err, fault.Invalid) || fault.Is(err, fault.QuotaExceeded)) && key != "" {
		if existing, err := s.Get(ctx, id); !fault.Is(err, fault.NotFound) {
			return existing, true, errors.Join(err, idempotency.Check(existing.Request, request))
		}
	}
	if err != nil {
		return PassportView{}, false, duplicateError(err, &p)
	}
	return PassportView{p, Access{ruleset.AllClasses, true}}, false, nil
}

// insert stores a new draft.
func (s *Service) insert(ctx context.Context, p *Passport) error {
	r := reservation{usage: s.Usage}
	err := r.take(ctx, &p.Head)
	if err == nil {
		_, err = s.Passports.Insert(ctx, p.ID, *p, p.created())
		r.settle(ctx, err)
	}
	return err
}

// checkCanCreate fails with fault.Forbidden if the caller may not create passports.
func checkCanCreate(caller auth.Principal) error {
	if caller.Role != auth.Admin && caller.Organisation == "" {
		return fault.New(fault.Forbidden, "your account must belong to an organisation to create passports; ask an admin")
	}
	return nil
}

// newDraft returns a draft of the caller with the data of a submission.
func newDraft(caller auth.Principal, id string, sub submission, now time.Time) (Passport, error) {
	head := Version{PassportID: id, Number: 1, State: Draft, Owner: ownerOf(caller), Action: Create, Reason: sub.reason, CreatedAt: now, CreatedBy: caller.UserID}
	p := Passport{ID: id, CreatedAt: now, CreatedBy: caller.UserID, Head: head}
	return p, p.setData(sub.data, "")
}

// idOfKey derives the id of the passport that the caller creates with an idempotency key from
// the caller and the key. If the passport with this id belongs to a former organisation of the
// caller, the id is derived from the current organisation, too.
func (s *Service) idOfKey(ctx context.Context, caller auth.Principal, key string) (string, error) {
	id := idempotency.ID("passport", caller.UserID, key)
	row, err := s.Passports.Get(ctx, id)
	switch {
	case fault.Is(err, fault.NotFound):
		return id, nil
	case err == nil && caller.Role != auth.Admin && !row.Doc.Head.Owner.includes(caller):
		id = idempotency.ID("passport", caller.UserID+" "+caller.Organisation, key)
	}
	return id, err
}

// setData sets the data of the head and the fields derived from it.
func (p *Passport) setData(data *ruleset.Document, previous string) error {
	p.document, p.Head.Data = data, data.Canonicalize()
	p.BatteryIdentifier = data.Text(batteryIdentifier)
	return p.Head.seal(previous)
}

func errNotFound(id string) error {
	return fault.New(fault.NotFound, "passport %s not found", shorten(id, maxEcho))
}

// maxEcho limits the text of a request in a message, in bytes.
const maxEcho = 200

// nextTime returns now, or previous plus 1 ms if the clock is not after previous.
func nextTime(now, previous time.Time) time.Time {
	if now.After(previous) {
		return now
	}
	return previous.Add(time.Millisecond)
}
