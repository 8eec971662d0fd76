package notification

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
)

// accountSource is the only source of events about accounts and organisations.
const accountSource = "/auth-service"

const (
	maxApplied = 64        // events that a projection remembers
	maxGap     = 1_000_000 // versions between two events of an account
	clockSkew  = 5 * time.Minute
)

// checkOrigin rejects an event about an account or organisation with another topic, source or
// key than those of the auth-service. It fails with fault.Invalid.
//
// A message has no proof of its writer: the ACLs of the broker must allow only the
// auth-service to write to these topics.
func checkOrigin(e event.Envelope, p payload) error {
	if !aboutAccounts(e.Type) && !aboutAccounts(e.Topic) {
		return nil
	}
	subject := p.string(subjectKey(e.Type))
	switch {
	case e.Topic != e.Type:
		return fault.New(fault.Invalid, "an event of type %s is not allowed on the topic %s", oneLine(e.Type), e.Topic)
	case e.Source != accountSource:
		return fault.New(fault.Invalid, "ce_source must be %s, got %q", accountSource, oneLine(e.Source))
	case e.Key != subject:
		return fault.New(fault.Invalid, "the key must be %s, got %q", subjectKey(e.Type), oneLine(e.Key))
	case e.Sequence < 1:
		return fault.New(fault.Invalid, "ce_sequence must be a version of at least 1, got %d", e.Sequence)
	}
	return nil
}

func aboutAccounts(eventType string) bool {
	return strings.HasPrefix(eventType, "user.") || strings.HasPrefix(eventType, "organisation.")
}

// checkTime rejects an event whose time is in the future.
func (s *Service) checkTime(e event.Envelope) error {
	if ahead := e.Time.Sub(s.now()); ahead > clockSkew {
		return fault.New(fault.Invalid, "ce_time must not be in the future, got %s", e.Time.UTC().Format(time.RFC3339))
	}
	return nil
}

// apply applies a version of the account to its projection. It reports false for an event that
// changes nothing: a repeated event, or one that arrived after a later version, because events
// of different topics have no order. It fails with fault.Invalid if the event does not continue
// the sequence of the account.
func (stored *AccountProjection) apply(e event.Envelope, a AccountProjection) (changed bool, err error) {
	this := Applied{e.Sequence, e.ID}
	if slices.Contains(stored.Applied, this) || stored.Registered == e.ID {
		return false, nil
	}
	if e.Type == (event.UserRegistered{}).Topic() {
		if err := stored.register(e); err != nil {
			return false, err
		}
		stored.remember(this)
		if stored.Sequence > 0 {
			return true, nil // an update came first
		}
	} else if ignored, err := stored.checkSequence(e); ignored || err != nil {
		return false, err
	} else {
		stored.remember(this)
	}
	if a.Organisation == stored.Organisation && stored.Sequence > 0 {
		a.OrganisationSince = stored.OrganisationSince
	}
	a.KnownSince, a.Applied, a.Registered = stored.KnownSince, stored.Applied, stored.Registered
	if !a.Deleted || stored.Unrecorded { // an audit entry that is not recorded yet must not be lost
		a.MailEntry, a.Unrecorded = stored.MailEntry, stored.Unrecorded
	}
	if !a.Deleted {
		a.Mail = stored.Mail
	}
	*stored = a
	return true, nil
}

// register checks an event user.registered.
func (stored *AccountProjection) register(e event.Envelope) error {
	switch {
	case e.Sequence != 1:
		return fault.New(fault.Invalid, "a registration must have the version 1, got %d", e.Sequence)
	case stored.Registered != "":
		return fault.New(fault.Invalid, "account %s is already registered", stored.ID)
	}
	stored.Registered = e.ID
	return nil
}

// checkSequence checks that an event is the next of an account. Ignored are events that are
// older than all remembered ones, which may be repetitions, and those before the deletion of
// the account, which another topic may deliver later.
func (stored *AccountProjection) checkSequence(e event.Envelope) (ignored bool, err error) {
	var reason string
	switch {
	case e.Sequence <= stored.Sequence && !stored.remembers(e.Sequence), stored.Deleted && e.Sequence < stored.Sequence:
		return true, nil
	case e.Sequence <= stored.Sequence:
		reason = fmt.Sprintf("version %d of account %s does not follow version %d", e.Sequence, stored.ID, stored.Sequence)
	case stored.Deleted:
		reason = fmt.Sprintf("account %s was deleted", stored.ID)
	case stored.Sequence > 0 && e.Sequence-stored.Sequence > maxGap:
		reason = fmt.Sprintf("version %d of account %s is too far from version %d", e.Sequence, stored.ID, stored.Sequence)
	case e.Time.Before(stored.ChangedAt.Add(-clockSkew)):
		reason = fmt.Sprintf("version %d of account %s is older than version %d", e.Sequence, stored.ID, stored.Sequence)
	default:
		return false, nil
	}
	return false, fault.New(fault.Invalid, "%s", reason)
}

// remembers reports whether the applied events between a version and the current one are
// known. Earlier releases did not store them.
func (stored *AccountProjection) remembers(sequence int64) bool {
	n := len(stored.Applied)
	return n > 0 && stored.Applied[0].Sequence <= sequence && stored.Applied[n-1].Sequence == stored.Sequence
}

// remember adds an event to the applied ones, and forgets the oldest.
func (stored *AccountProjection) remember(this Applied) {
	stored.Applied = append(stored.Applied, this)
	slices.SortFunc(stored.Applied, func(a, b Applied) int { return cmp.Compare(a.Sequence, b.Sequence) })
	if n := len(stored.Applied); n > maxApplied {
		stored.Applied = slices.Clone(stored.Applied[n-maxApplied:])
	}
}
