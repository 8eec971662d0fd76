package notification

import (
	"context"
	"net/mail"
	"time"
	"unicode"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

const maxEmail = 254

// AccountProjection is the part of an account that the service reads from user events.
type AccountProjection struct {
	ID           string    `json:"id"`
	Email        string    `json:"email"`
	Role         auth.Role `json:"role"`
	Organisation string    `json:"organisation,omitempty"`
	Disabled     bool      `json:"disabled,omitzero"`
	Sequence     int64     `json:"sequence"`  // version of the account; 0: the event had none
	ChangedAt    time.Time `json:"changedAt"` // time of that version
	KnownSince   time.Time `json:"knownSince"`
}

// AccountSchema is the store schema of accounts. Disabled accounts are not listed.
func AccountSchema() store.Schema[AccountProjection] {
	return store.Schema[AccountProjection]{Name: "notification_people", Version: 1, Indexes: func(a *AccountProjection) store.Indexes {
		in := store.Indexes{Created: a.KnownSince, Filters: map[string]string{"role": string(a.Role)}}
		if !a.Disabled {
			in.Scopes = []string{store.All}
		}
		return in
	}}
}

// newer reports whether a is a later version than other.
func (a AccountProjection) newer(other AccountProjection) bool {
	if a.Sequence > 0 && other.Sequence > 0 {
		return a.Sequence > other.Sequence
	}
	return a.ChangedAt.After(other.ChangedAt)
}

// parseAccount reads an account from a user event.
func parseAccount(e event.Envelope, p payload) (AccountProjection, error) {
	account := AccountProjection{
		ID: p.string("userId"), Email: p.string("email"), Role: auth.Role(p.string("role")), Organisation: p.string("organisation"),
		Disabled: string(p["disabled"]) == "true", Sequence: e.Sequence, ChangedAt: e.Time, KnownSince: e.Time,
	}
	if account.Email != "" {
		if d := checkAddress("/email", account.Email); d != nil {
			return AccountProjection{}, fault.New(fault.Invalid, "the event is not valid").With(d...)
		}
	}
	return account, nil
}

func checkAddress(path, address string) []fault.Detail {
	a, err := mail.ParseAddress(address)
	if err == nil && a.Address == address && len(address) <= maxEmail && !hasControl(address) {
		return nil
	}
	return []fault.Detail{{Path: path, Code: "format", Message: "must be an email address"}}
}

func hasControl(text string) bool {
	for _, r := range text {
		if unicode.IsControl(r) {
			return true
		}
	}
	return false
}

// upsertAccount stores an account unless a later version is stored, and releases the mails
// that wait for its address.
func (s *Service) upsertAccount(ctx context.Context, a AccountProjection) error {
	_, err := s.Accounts.Insert(ctx, a.ID, a)
	if fault.Is(err, fault.Conflict) {
		_, err = s.Accounts.Update(ctx, a.ID, func(stored *AccountProjection) (store.Change, error) {
			if !a.newer(*stored) {
				return store.Change{}, store.ErrNoChange
			}
			a.KnownSince = stored.KnownSince
			*stored = a
			return store.Change{}, nil
		})
	}
	if err != nil || a.Email == "" {
		return err
	}
	return s.release(ctx, a.ID)
}

// addressUnknown is the reason in deliveries that wait for an address.
const addressUnknown = "the address of the recipient is not known yet"

// release makes the mails due that wait for the address of an account.
func (s *Service) release(ctx context.Context, user string) error {
	for {
		page, err := s.Records.List(ctx, store.Query{Scopes: []string{addressScope(user)}, Limit: store.MaxLimit})
		if err != nil || len(page.Rows) == 0 {
			return err
		}
		for _, row := range page.Rows {
			row.Doc.AwaitsAddress = false
			err := s.enqueue(ctx, &row.Doc)
			if err == nil && s.hasChannel(Mail) {
				err = s.Tasks.Retry(ctx, newSpec(row.ID, Mail).ID)
			}
			if err != nil && !fault.Is(err, fault.Conflict) { // fault.Conflict: the mail was sent
				return err
			}
			_, err = s.Records.Update(ctx, row.ID, func(r *Record) (store.Change, error) {
				r.AwaitsAddress = false
				return store.Change{}, nil
			})
			if err != nil {
				return err
			}
		}
	}
}

// awaitAddresses marks the records whose mail has to wait for an address.
func (s *Service) awaitAddresses(ctx context.Context, records []*Record) error {
	for _, r := range records {
		if mail := r.delivery(Mail); mail != nil && mail.State == Pending && r.Address == "" {
			row, err := s.Accounts.Get(ctx, r.Recipient)
			if err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
			if row.Doc.Email == "" {
				r.AwaitsAddress, mail.Reason = true, addressUnknown
			}
		}
	}
	return nil
}

// eachAccountPage calls f with the ids of the accounts of a role, page by page. An empty role
// selects all accounts.
func (s *Service) eachAccountPage(ctx context.Context, role auth.Role, f func([]string) error) error {
	q := store.Query{Scopes: []string{store.All}, Filters: map[string]string{"role": string(role)}, Order: store.OldestFirst, Limit: store.MaxLimit}
	for {
		page, err := s.Accounts.List(ctx, q)
		if err != nil {
			return err
		}
		ids := make([]string, len(page.Rows))
		for i, row := range page.Rows {
			ids[i] = row.ID
		}
		if err := f(ids); err != nil {
			return err
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return nil
		}
	}
}

// OwnerProjection is the account that created a passport or uploaded a document.
type OwnerProjection struct {
	UserID string `json:"userId"`
}

// OwnerSchema is the store schema of owners.
func OwnerSchema() store.Schema[OwnerProjection] {
	return store.Schema[OwnerProjection]{Name: "notification_subjects", Version: 1}
}
