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

// edit describes one change of a passport.
type edit struct {
	action    Action
	reason    string
	ifVersion []int64
	importID  string // of the import that the change belongs to
	// newData returns the data of the next version. It must not modify p or before.
	newData func(p *Passport, before *ruleset.Document) (*ruleset.Document, error)
	// newEvent returns the event for the change of the data from before to after.
	newEvent func(p *Passport, before, after *ruleset.Document) event.Envelope
}

// Replace replaces the data of a passport with the data in the body. It creates no
// version if the data is the same. It fails with fault.Stale if ifVersion is given
// and does not contain the current version, with fault.Invalid if the structure is
// wrong, and with fault.Conflict if the state does not allow the change, or if a published
// passport or another draft of the owner has an identifier of a draft. A change of a published passport also fails
// with fault.Invalid if it has no reason, changes one of fixedPaths or adds an error. It
// fails with fault.QuotaExceeded if the owner has too many versions.
func (s *Service) Replace(ctx context.Context, id string, body wire.Value, ifVersion ...int64) (PassportView, error) {
	sub, err := parseBody(body, s.rules())
	if err != nil {
		return PassportView{}, err
	}
	ifVersion = sub.takeVersion(ifVersion)
	return s.write(ctx, id, Replace, sub, ifVersion, func(*ruleset.Document) *ruleset.Document { return sub.data })
}

// Patch merges the data in the body into the data of the passport (RFC 7396). It
// fails like Replace.
func (s *Service) Patch(ctx context.Context, id string, patch wire.Value, ifVersion ...int64) (PassportView, error) {
	sub, err := parsePatch(patch)
	if sub.refuseReadOnly(); err != nil {
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
	return s.change(ctx, id, s.dataEdit(ctx, action, sub, ifVersion, next))
}

// dataEdit returns the edit that stores the result of next for the current data.
func (s *Service) dataEdit(ctx context.Context, action Action, sub submission, ifVersion []int64, next func(*ruleset.Document) *ruleset.Document) edit {
	caller := auth.Caller(ctx)
	return edit{action: action, reason: sub.reason, ifVersion: ifVersion,
		newData: func(p *Passport, before *ruleset.Document) (*ruleset.Document, error) {
			after, details := next(before), append(slices.Clone(sub.details), sub.differences(p)...)
			if p.Head.State == Active && after != nil {
				details = append(details, s.checkPublishedChange(before, after, sub, caller)...)
			}
			err := canonicalize(after, details)
			switch {
			case err != nil:
			case p.Head.State == Draft:
				err = s.checkIdentifiers(ctx, p, before, after)
			default: // the other identifiers cannot change
				_, err = checkNamespaces(ctx, s.Namespaces, p, before, after)
			}
			return after, err
		},
		newEvent: func(p *Passport, before, after *ruleset.Document) event.Envelope {
			return p.updated(s.publicOnly(ruleset.ChangedPaths(before, after)))
		},
	}
}

// change applies an edit to the stored passport.
func (s *Service) change(ctx context.Context, id string, e edit) (PassportView, error) {
	if err := s.checkCanChange(ctx, id, e.ifVersion); err != nil {
		return PassportView{}, err
	}
	caller, now := auth.Caller(ctx), s.now()
	var attempted Passport
	r := reservation{usage: s.Usage}
	row, err := s.Passports.Update(ctx, id, func(p *Passport) (store.Change, error) {
		if err := checkOwner(caller, p); err != nil {
			return store.Change{}, err
		}
		r.release(ctx)
		change, err := s.apply(p, e, caller, now)
		if attempted = *p; err == nil {
			err = r.takeNext(ctx, &p.Head)
		}
		return change, err
	}, store.IfVersion(e.ifVersion...))
	r.settle(ctx, err)
	if fault.Is(err, fault.NotFound) {
		return PassportView{}, errNotFound(id)
	}
	if err != nil {
		return PassportView{}, duplicateError(err, &attempted)
	}
	return PassportView{row.Doc, Access{ruleset.AllClasses, true}}, nil
}

// apply makes the next version the head of p, and returns the event and the history
// record of the previous head. It returns store.ErrNoChange if neither data nor
// state differ.
func (s *Service) apply(p *Passport, e edit, caller auth.Principal, now time.Time) (store.Change, error) {
	head := p.Head
	state, err := head.State.transition(e.action)
	if err != nil {
		return store.Change{}, err
	}
	before := s.rules().ParseCanonical(head.Data)
	after, err := e.newData(p, before)
	if err != nil {
		return store.Change{}, err
	}
	if state == head.State && after.Root().Raw() == before.Root().Raw() {
		return store.Change{}, store.ErrNoChange
	}
	p.Head.Number, p.Head.State, p.Head.Action, p.Head.Reason = head.Number+1, state, e.action, e.reason
	p.Head.CreatedBy, p.Head.CreatedAt, p.importID = caller.UserID, nextTime(now, head.CreatedAt), e.importID
	if err := p.setData(after, head.Hash); err != nil {
		return store.Change{}, err
	}
	return store.Change{
		Events:     []event.Envelope{e.newEvent(p, before, after)},
		History:    []store.HistoryRecord{store.HistoryOf(s.Versions, head.id(), head)},
		KeepUnique: e.action != Publish && before.Text(batteryIdentifier) == after.Text(batteryIdentifier) && before.Text(passportIdentifier) == after.Text(passportIdentifier),
	}, nil
}

// checkCanChange fails if the caller may not change the passport. It runs before the
// version is compared, so that fault.Stale does not reveal that a passport exists.
func (s *Service) checkCanChange(ctx context.Context, id string, ifVersion []int64) error {
	if len(ifVersion) == 0 {
		return nil
	}
	p, _, err := s.find(ctx, id)
	if err != nil {
		return err
	}
	return checkOwner(auth.Caller(ctx), &p)
}

// fixedPaths are the attributes that do not change after publishing.
var fixedPaths = []string{passportIdentifier, batteryIdentifier, batteryCategory, batteryStatus}

// checkPublishedChange returns the errors of a change to a published passport: the
// reason is missing, one of fixedPaths differs, or the new data has an error that
// the old data does not have.
func (s *Service) checkPublishedChange(before, after *ruleset.Document, sub submission, caller auth.Principal) (details []fault.Detail) {
	if len(after.Violations()) == 0 && string(after.Canonicalize()) == before.Root().Raw() {
		return nil
	}
	if sub.reason == "" && !slices.ContainsFunc(sub.details, func(d fault.Detail) bool { return d.Path == "/reason" }) {
		details = append(details, newDetail("/reason", "required", "is missing; a change of a published passport requires a reason"))
	}
	evaluated := after
	for _, path := range fixedPaths {
		if old, got := before.Text(path), after.Text(path); got != old {
			found := fmt.Sprintf(", got %q", got)
			if got == "" {
				found = "; it is missing"
			}
			details = append(details, newDetail(pointer(path), "transition", fmt.Sprintf("must stay %q after publishing%s", old, found)))
			evaluated = restoreFixed(after, before)
		}
	}
	engine, in := s.Engines.On(s.today()), compliance.Input{Data: before, Now: s.Now(), AsOf: s.today()}
	oldReport := engine.Evaluate(in)
	if in.Data = evaluated; caller.Role != auth.Admin { // an admin may correct counters
		in.Previous = before
	}
	for _, f := range engine.Evaluate(in).NewErrors(oldReport) {
		if !slices.ContainsFunc(after.Violations(), func(v ruleset.Violation) bool { return v.Path == f.Path && v.Code == f.Code }) {
			details = append(details, f.Detail())
		}
	}
	return details
}

// restoreFixed returns after with the values of fixedPaths taken from before, so that
// the rules that depend on them do not report the same change again.
func restoreFixed(after, before *ruleset.Document) *ruleset.Document {
	after = after.Clone()
	for _, path := range fixedPaths {
		after.SetText(path, before.Text(path))
	}
	return after
}

func pointer(path string) string { return "/data/" + strings.ReplaceAll(path, ".", "/") }

// publicOnly removes the paths of attributes that are not public. Events must not
// reveal that a restricted attribute changed.
func (s *Service) publicOnly(changed []string) []string {
	return slices.DeleteFunc(changed, func(path string) bool {
		return !s.rules().CanRead(strings.TrimPrefix(path, "data."), ruleset.Anyone.Classes())
	})
}
