package passport

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

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
	// data returns the data that the passport will have. It changes neither the
	// passport nor the data of before.
	data func(p *Passport, before *ruleset.Document) (*ruleset.Document, error)
	// newEvent makes the event, with the paths of data that have changed.
	newEvent func(p *Passport, changed []string) event.Envelope
}

// Replace replaces the data of a passport by that of a body. With versions given
// it fails with fault.Stale unless the passport has one of them; it also fails as
// Create. A body that changes nothing makes no version. Of a published passport
// it also fails with fault.Invalid when there is no reason, when the body changes
// what publishing fixed, and when it adds an error.
func (s *Service) Replace(ctx context.Context, id string, body wire.Value, ifVersion ...int64) (PassportView, error) {
	sub, err := parseBody(body, s.rules())
	if err != nil {
		return PassportView{}, err
	}
	return s.write(ctx, id, Replace, sub, ifVersion, func(*ruleset.Document) *ruleset.Document { return sub.data })
}

// Patch merges the data of the body into that of the passport (RFC 7396). It
// fails as Replace.
func (s *Service) Patch(ctx context.Context, id string, patch wire.Value, ifVersion ...int64) (PassportView, error) {
	sub, err := parsePatch(patch)
	if err != nil {
		return PassportView{}, err
	}
	return s.write(ctx, id, Patch, sub, ifVersion, func(before *ruleset.Document) *ruleset.Document {
		if sub.patch == nil {
			return before
		}
		return before.Rules.Parse(before.Merge(sub.patch))
	})
}

func (s *Service) write(ctx context.Context, id string, action Action, sub submission, ifVersion []int64, next func(*ruleset.Document) *ruleset.Document) (PassportView, error) {
	caller := auth.Caller(ctx)
	return s.change(ctx, id, edit{action: action, reason: sub.reason, ifVersion: ifVersion,
		data: func(p *Passport, before *ruleset.Document) (*ruleset.Document, error) {
			after, details := next(before), slices.Clone(sub.details)
			if p.Head.State == Active && after != nil {
				details = append(details, s.guard(before, after, sub.reason, caller)...)
			}
			return after, accept(after, details)
		},
		newEvent: func(p *Passport, changed []string) event.Envelope { return p.updated(s.publicOnly(changed)) },
	})
}

// change carries out an edit. An edit that changes neither data nor state makes
// no version.
func (s *Service) change(ctx context.Context, id string, e edit) (PassportView, error) {
	if err := s.checkVisible(ctx, id, e.ifVersion); err != nil {
		return PassportView{}, err
	}
	caller, now := auth.Caller(ctx), s.now()
	var tried Passport
	row, err := s.Passports.Update(ctx, id, func(p *Passport) (store.Change, error) {
		if err := checkOwner(caller, p); err != nil {
			return store.Change{}, err
		}
		change, err := s.apply(p, e, caller, now)
		tried = *p
		return change, err
	}, store.IfVersion(e.ifVersion...))
	if fault.Is(err, fault.NotFound) {
		return PassportView{}, errNotFound(id)
	}
	if err != nil {
		return PassportView{}, duplicateError(err, &tried)
	}
	return PassportView{row.Doc, Access{ruleset.AllClasses, true}}, nil
}

// apply makes the next version of a passport. The version that it replaces goes
// into the history.
func (s *Service) apply(p *Passport, e edit, caller auth.Principal, now time.Time) (store.Change, error) {
	head := p.Head
	state, err := head.State.after(e.action)
	if err != nil {
		return store.Change{}, err
	}
	before := s.rules().ParseCanonical(head.Data)
	after, err := e.data(p, before)
	if err != nil {
		return store.Change{}, err
	}
	if state == head.State && after.Root().Raw() == before.Root().Raw() {
		return store.Change{}, store.ErrNoChange
	}
	p.Head.Number, p.Head.State, p.Head.Action, p.Head.Reason = head.Number+1, state, e.action, e.reason
	p.Head.CreatedBy, p.Head.CreatedAt = caller.UserID, nextTime(now, head.CreatedAt)
	if err := p.setData(after, head.Hash); err != nil {
		return store.Change{}, err
	}
	return store.Change{
		Events:  []event.Envelope{e.newEvent(p, ruleset.ChangedPaths(before, after))},
		History: []store.HistoryRecord{store.HistoryOf(s.Versions, head.id(), head)},
	}, nil
}

// checkVisible fails for a passport that the caller may not change, before its
// version is compared with the expected ones.
func (s *Service) checkVisible(ctx context.Context, id string, ifVersion []int64) error {
	if len(ifVersion) == 0 {
		return nil
	}
	p, _, err := s.find(ctx, id)
	if err != nil {
		return err
	}
	return checkOwner(auth.Caller(ctx), &p)
}

// fixed are the paths whose values publishing fixes.
var fixed = []string{passportIdentifier, batteryIdentifier, batteryCategory, batteryStatus}

// guard returns why the data of a published passport may not change: it differs
// in what publishing fixed, has errors that it did not have, or there is no reason.
func (s *Service) guard(before, after *ruleset.Document, reason string, by auth.Principal) (details []fault.Detail) {
	if len(after.Violations()) == 0 && string(after.Canonicalize()) == before.Root().Raw() {
		return nil
	}
	if reason == "" {
		details = append(details, fault.Detail{Path: "/reason", Code: "required", Message: "is missing; a published passport is changed with a reason"})
	}
	evaluated := after
	for _, path := range fixed {
		if was := before.Text(path); after.Text(path) != was {
			details = append(details, fault.Detail{Path: pointer(path), Code: "transition", Message: fmt.Sprintf("was fixed when the passport was published, as %q", was)})
			evaluated = withFixed(after, before)
		}
	}
	engine, in := s.Engines.On(s.today()), compliance.Input{Data: before, Now: s.Now(), AsOf: s.today()}
	old := engine.Evaluate(in)
	if in.Data = evaluated; by.Role != auth.Admin { // an admin may correct counters
		in.Previous = before
	}
	for _, f := range engine.Evaluate(in).NewErrors(old) {
		if !slices.ContainsFunc(after.Violations(), func(v ruleset.Violation) bool { return v.Path == f.Path && v.Code == f.Code }) {
			details = append(details, f.Detail())
		}
	}
	return details
}

// withFixed returns the data of after with what publishing fixed as it was before: a
// change of that is reported once, and not again by the rules that depend on it.
func withFixed(after, before *ruleset.Document) *ruleset.Document {
	after = after.Clone()
	for _, path := range fixed {
		after.SetText(path, before.Text(path))
	}
	return after
}

func pointer(path string) string { return "/data/" + strings.ReplaceAll(path, ".", "/") }

// publicOnly removes the paths of attributes that are not public: that they have
// changed is not public either.
func (s *Service) publicOnly(changed []string) []string {
	return slices.DeleteFunc(changed, func(path string) bool {
		return !s.rules().CanRead(strings.TrimPrefix(path, "data."), ruleset.Anyone.Classes())
	})
}
