// Package account is who has an account, and who may change it.
package account

import (
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Limits of what an account holds, in characters.
const (
	MinPassword = 8
	MaxPassword = 1024
	MaxEmail    = 254
)

const source = "/auth-service"

// Account is what everybody who may see an account sees of it.
type Account struct {
	ID           string    `json:"id"`
	Email        string    `json:"email"`
	Role         auth.Role `json:"role"`
	Organisation string    `json:"organisation,omitempty"`
	Disabled     bool      `json:"disabled"`
	CreatedAt    time.Time `json:"createdAt"`
	UpdatedAt    time.Time `json:"updatedAt"`
}

// Record is how an account is stored.
type Record struct {
	Account
	PasswordHash string   `json:"passwordHash"`
	First        bool     `json:"first,omitzero"`      // the admin that the first registration made; there is one at most
	Rights       int64    `json:"rights,omitzero"`     // counts what changes the rights of access tokens
	Epoch        int64    `json:"epoch,omitzero"`      // counts what ends all sessions
	KnownFrom    []string `json:"knownFrom,omitempty"` // addresses of logins, the newest last
	LastEntry    Entry    `json:"lastEntry,omitzero"`  // of the audit
	Joining      Joining  `json:"joining,omitzero"`
}

// Joining marks an account that is being assigned to an organisation.
type Joining struct {
	Organisation string `json:"organisation"`
	Attempt      string `json:"attempt"` // id of the assignment that set it
}

// Unique indexes.
const (
	byEmail = "email"
	byFirst = "firstAdmin"
)

// Filters of lists.
const (
	filterEmail        = "email"
	filterRole         = "role"
	filterOrganisation = "organisation"
	filterJoining      = "joining"
)

// Schema declares how accounts are stored.
func Schema() store.Schema[Record] {
	return store.Schema[Record]{
		Name: "users", Version: 1, UniqueIndexes: []string{byEmail, byFirst},
		Unique: func(r *Record) map[string]string {
			keys := map[string]string{byEmail: r.Email}
			if r.First {
				keys[byFirst] = "yes"
			}
			return keys
		},
		Indexes: func(r *Record) store.Indexes {
			return store.Indexes{Scopes: []string{""}, Created: r.CreatedAt, Filters: map[string]string{
				filterEmail: r.Email, filterRole: string(r.Role), filterOrganisation: r.Organisation, filterJoining: r.Joining.Organisation,
			}}
		},
	}
}

// Principal returns what a token of the account says, without the organisation.
func (r Record) Principal(session string) auth.Principal {
	return auth.Principal{UserID: r.ID, Email: r.Email, Role: r.Role, Session: session, Version: r.Rights}
}

func (a Account) registered() event.Envelope {
	return event.New(source, a.ID, a.CreatedAt, event.UserRegistered{
		UserID: a.ID, Email: a.Email, Role: string(a.Role), Organisation: a.Organisation, RegisteredAt: a.CreatedAt,
	})
}

func (a Account) updated() event.Envelope {
	return event.New(source, a.ID, a.UpdatedAt, event.UserUpdated{
		UserID: a.ID, Email: a.Email, Role: string(a.Role), Organisation: a.Organisation, Disabled: a.Disabled, UpdatedAt: a.UpdatedAt,
	})
}

// NormalEmail is the form of an address that is stored and compared.
func NormalEmail(email string) string { return strings.ToLower(strings.TrimSpace(email)) }

// CheckCredentials says what is wrong with an address and a new password.
func CheckCredentials(email, password string) []fault.Detail {
	var details []fault.Detail
	if a, err := mail.ParseAddress(email); err != nil || a.Address != email || len(email) > MaxEmail {
		details = append(details, fault.Detail{Path: "/email", Code: "format", Message: "is no mail address"})
	}
	return append(details, checkPassword("/password", password)...)
}

func checkPassword(path, password string) []fault.Detail {
	switch n := utf8.RuneCountInString(password); {
	case n < MinPassword || n > MaxPassword:
		return []fault.Detail{{Path: path, Code: "range", Message: "has to have 8 to 1024 characters"}}
	case isCommon(password):
		return []fault.Detail{{Path: path, Code: "common", Message: "is one of the 3,000 that are tried first; take another, several words for instance"}}
	}
	return nil
}
