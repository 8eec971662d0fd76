package notification

import (
	"context"
	"errors"
	"net/mail"
	"slices"
	"time"
	"unicode"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
)

const (
	maxEmail        = 254
	reindexInterval = 24 * time.Hour
	reindexTimeout  = 10 * time.Minute
)

// AccountProjection is the part of an account that the service reads from user events,
// with the settings of the account in this service.
type AccountProjection struct {
	ID                string        `json:"id"`
	Email             string        `json:"email"`
	Role              auth.Role     `json:"role"`
	Organisation      string        `json:"organisation,omitempty"`
	Disabled          bool          `json:"disabled,omitzero"`
	Unverified        bool          `json:"unverified,omitzero"` // the email address is not confirmed
	Sequence          int64         `json:"sequence"`            // version of the account; 0: no event was applied yet
	ChangedAt         time.Time     `json:"changedAt"`           // time of that version
	KnownSince        time.Time     `json:"knownSince"`
	OrganisationSince time.Time     `json:"organisationSince,omitzero"` // time of the version that assigned Organisation
	Deleted           bool          `json:"deleted,omitzero"`           // the account was deleted; the address is forgotten
	Applied           []Applied     `json:"applied,omitempty"`          // newest events that were applied, oldest first
	Registered        string        `json:"registered,omitempty"`       // id of the event user.registered
	Mail              *MailSettings `json:"mail,omitempty"`             // nil: the default
	MailEntry         *AuditEntry   `json:"mailEntry,omitempty"`        // audit entry of the latest hour in which Mail was changed
	Unrecorded        bool          `json:"unrecorded,omitzero"`        // the audit does not contain MailEntry yet
}

// Applied identifies an event that was applied to a projection.
type Applied struct {
	Sequence int64  `json:"sequence"`
	Event    string `json:"event"`
}

// unrecordedScope is the list of accounts whose newest audit entry is not in the audit yet.
const unrecordedScope = "unrecorded"

// AccountSchema is the store schema of accounts. Disabled accounts are not listed.
func AccountSchema() store.Schema[AccountProjection] {
	return store.Schema[AccountProjection]{Name: "notification_people", Version: 4, IndexVersion: 1, Indexes: func(a *AccountProjection) store.Indexes {
		in := store.Indexes{Created: a.KnownSince, Filters: map[string]string{"role": string(a.Role), "organisation": a.Organisation}}
		if !a.Disabled && !a.Deleted {
			in.Scopes = []string{store.All}
		}
		if a.Unrecorded {
			in.Scopes = append(in.Scopes, unrecordedScope)
		}
		return in
	}}
}

// ReindexTask returns the task that adds accounts of earlier releases to the lists of their
// organisations, and audit entries to those of their action.
func (s *Service) ReindexTask() task.Kind {
	return task.Kind{Name: "notification.reindex", Every: reindexInterval, Timeout: reindexTimeout, Run: func(ctx context.Context, _ task.Task) error {
		return errors.Join(s.Accounts.ReindexAll(ctx), s.Audit.ReindexAll(ctx))
	}}
}

// parseAccount reads an account from a user event.
func parseAccount(e event.Envelope, p payload) (AccountProjection, error) {
	a := AccountProjection{ID: p.string("userId"), Sequence: e.Sequence, ChangedAt: e.Time, KnownSince: e.Time, OrganisationSince: e.Time}
	if e.Type == (event.UserDeleted{}).Topic() {
		a.Deleted = true
		return a, nil
	}
	a.Email, a.Role, a.Organisation = p.string("email"), auth.Role(p.string("role")), p.string("organisation")
	a.Disabled, a.Unverified = string(p["disabled"]) == "true", string(p["emailVerified"]) == "false"
	details := checkAddress("/email", a.Email)
	if a.Role == "" {
		details = append(details, fault.Detail{Path: "/role", Code: "required", Message: "is missing"})
	}
	if details != nil {
		return AccountProjection{}, fault.New(fault.Invalid, "the event is not valid").With(details...)
	}
	return a, nil
}

func checkAddress(path, address string) []fault.Detail {
	a, err := mail.ParseAddress(address)
	if err == nil && a.Address == address && len(address) <= maxEmail && !hasControl(address) {
		return nil
	}
	return []fault.Detail{{Path: path, Code: "format", Message: "must be an email address"}}
}

func hasControl(text string) bool { return slices.ContainsFunc([]rune(text), unicode.IsControl) }

// upsertAccount applies an event to the projection of its account, and releases the
// mails that wait for the address. It fails with fault.Invalid if the event does not continue the
// sequence of the account.
func (s *Service) upsertAccount(ctx context.Context, e event.Envelope, a AccountProjection) error {
	if err := s.checkTime(e); err != nil {
		return err
	}
	first := AccountProjection{ID: a.ID, KnownSince: e.Time}
	if _, err := first.apply(e, a); err != nil {
		return err
	}
	_, err := s.Accounts.Insert(ctx, a.ID, first)
	if fault.Is(err, fault.Conflict) {
		_, err = s.Accounts.Update(ctx, a.ID, func(stored *AccountProjection) (store.Change, error) {
			changed, err := stored.apply(e, a)
			if err == nil && !changed {
				err = store.ErrNoChange
			}
			return store.Change{}, err
		})
	}
	if err != nil {
		return err
	}
	return s.release(ctx, a.ID)
}

// addressUnknown is the reason in deliveries that wait for an address.
const addressUnknown = "the address of the recipient is not known yet"

// release makes mails due that wait for the address of an account.
func (s *Service) release(ctx context.Context, user string) error {
	q := store.Query{Scopes: []string{addressScope(user)}, Limit: store.MaxLimit}
	return s.Records.UpdateAll(ctx, q, func(r *Record) (store.Change, error) {
		r.AwaitsAddress = false
		err := s.enqueue(ctx, r)
		if err == nil && s.hasChannel(Mail) {
			err = s.Tasks.Retry(ctx, newSpec(r.ID, Mail).ID)
		}
		if fault.Is(err, fault.Conflict) { // the mail was sent
			err = nil
		}
		return store.Change{}, err
	})
}

// account returns the projection of an account. It is empty if the account is not known.
func (s *Service) account(ctx context.Context, id string) (AccountProjection, error) {
	row, err := s.Accounts.Get(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return AccountProjection{ID: id}, nil
	}
	return row.Doc, err
}
