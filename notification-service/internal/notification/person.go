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

// Person is what user events tell of an account.
type Person struct {
	ID           string    `json:"id"`
	Email        string    `json:"email"`
	Role         auth.Role `json:"role"`
	Organisation string    `json:"organisation,omitempty"`
	Disabled     bool      `json:"disabled,omitzero"`
	Sequence     int64     `json:"sequence"`  // version of the account this is; 0 where the event did not tell
	ChangedAt    time.Time `json:"changedAt"` // time of that version
	KnownSince   time.Time `json:"knownSince"`
}

// PersonKind declares how people are stored. Disabled ones are in no list.
func PersonSchema() store.Schema[Person] {
	return store.Schema[Person]{Name: "notification_people", Version: 1, Indexes: func(p *Person) store.Indexes {
		l := store.Indexes{Created: p.KnownSince, Filters: map[string]string{"role": string(p.Role)}}
		if !p.Disabled {
			l.Scopes = []string{""}
		}
		return l
	}}
}

// newer tells whether p is of a later version than other.
func (p Person) newer(other Person) bool {
	if p.Sequence > 0 && other.Sequence > 0 {
		return p.Sequence > other.Sequence
	}
	return p.ChangedAt.After(other.ChangedAt)
}

// personOf reads what a user event says.
func personOf(e event.Envelope, p payload) (Person, error) {
	person := Person{
		ID: p.string("userId"), Email: p.string("email"), Role: auth.Role(p.string("role")), Organisation: p.string("organisation"),
		Disabled: string(p["disabled"]) == "true", Sequence: e.Sequence, ChangedAt: e.Time, KnownSince: e.Time,
	}
	if person.Email != "" {
		if d := checkAddress("/email", person.Email); d != nil {
			return Person{}, fault.New(fault.Invalid, "the event is not valid").With(d...)
		}
	}
	return person, nil
}

func checkAddress(path, address string) []fault.Detail {
	a, err := mail.ParseAddress(address)
	if err == nil && a.Address == address && len(address) <= maxEmail && !hasControl(address) {
		return nil
	}
	return []fault.Detail{{Path: path, Code: "format", Message: "is no mail address"}}
}

func hasControl(text string) bool {
	for _, r := range text {
		if unicode.IsControl(r) {
			return true
		}
	}
	return false
}

// learn keeps what an event tells of a person, unless something newer is known,
// and lets the mail go that waited for the address.
func (s *Service) learn(ctx context.Context, p Person) error {
	_, err := s.People.Insert(ctx, p.ID, p)
	if fault.Is(err, fault.Conflict) {
		_, err = s.People.Update(ctx, p.ID, func(known *Person) (store.Change, error) {
			if !p.newer(*known) {
				return store.Change{}, store.ErrNoChange
			}
			p.KnownSince = known.KnownSince
			*known = p
			return store.Change{}, nil
		})
	}
	if err != nil || p.Email == "" {
		return err
	}
	return release(ctx, s.Records, p.ID)
}

// release lets the mail go that waits for the address of a person.
func release(ctx context.Context, records *store.Collection[Record], user string) error {
	for {
		page, err := records.List(ctx, store.Query{Scopes: []string{addressScope(user)}, Limit: store.MaxLimit})
		if err != nil || len(page.Rows) == 0 {
			return err
		}
		for _, row := range page.Rows {
			_, err := records.Update(ctx, row.ID, func(r *Record) (store.Change, error) {
				if !r.AwaitsAddress {
					return store.Change{}, store.ErrNoChange
				}
				r.AwaitsAddress = false
				return store.Change{}, nil
			})
			if err != nil {
				return err
			}
		}
	}
}

// people calls f with everybody of a role, or with everybody, a page at a time.
func (s *Service) people(ctx context.Context, role auth.Role, f func([]string) error) error {
	q := store.Query{Scopes: []string{store.All}, Filters: map[string]string{"role": string(role)}, Order: store.OldestFirst, Limit: store.MaxLimit}
	for {
		page, err := s.People.List(ctx, q)
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

// Subject is who a passport or a document concerns.
type Subject struct {
	UserID string `json:"userId"`
}

// SubjectKind declares how subjects are stored.
func SubjectSchema() store.Schema[Subject] {
	return store.Schema[Subject]{Name: "notification_subjects", Version: 1}
}
