// Package account manages accounts: registration, passwords, roles and the audit
// of all changes.
package account

import (
	"time"

	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/auth-service/internal/link"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/store"
)

// Limits of credentials, in characters; of MaxEmail in bytes.
const (
	MinPassword = 8
	MaxPassword = 1024
	MaxEmail    = 254
)

const source = "/auth-service"

// Account is the part of an account that API clients see.
type Account struct {
	ID            string    `json:"id" format:"uuid" doc:"id of the account"`
	Email         string    `json:"email" example:"ann@nordlicht.example" doc:"email address, in lower case, with the domain in ASCII (IDNA)"`
	Role          auth.Role `json:"role" enum:"admin,operator,user,legitimate_interest,authority" doc:"admin: everything; operator: creates and edits passports and documents of its organisation; user: reads those of its organisation; legitimate_interest: repairers, recyclers, second-life operators; authority: market surveillance, notified bodies, the Commission"`
	Organisation  string    `json:"organisation,omitempty" example:"nordlicht-battery" doc:"id, or a former id, of the organisation of the account; absent if it has none"`
	Manager       bool      `json:"manager,omitzero" doc:"whether the account manages its organisation: it invites, changes and disables the users and operators of it"`
	Disabled      bool      `json:"disabled" doc:"whether the account is disabled: it cannot log in and its tokens are revoked"`
	EmailVerified *bool     `json:"emailVerified,omitempty" doc:"false while the account must confirm its email address: until then it reads, but neither uploads nor gets mail; true when it has; absent if it needs no confirmation"`
	CreatedAt     time.Time `json:"createdAt" doc:"time of registration"`
	UpdatedAt     time.Time `json:"updatedAt" doc:"time of the last change of role, organisation, manager, disabled or emailVerified, or of the last registration of the address"`
	TOTPSince     time.Time `json:"totpSince,omitzero" doc:"time since which logins need a code of an authenticator app (TOTP); absent if TOTP is off"`
}

// Record is the stored form of an account.
type Record struct {
	Account
	PasswordHash      string      `json:"passwordHash"`          // empty: the account logs in at the identity provider only
	Identity          Identity    `json:"identity,omitzero"`     // of the person at the identity provider
	Reset             link.Link   `json:"reset,omitzero"`        // for a new password
	Confirmation      link.Link   `json:"confirmation,omitzero"` // for the email address
	Factor            Factor      `json:"factor,omitzero"`
	First             bool        `json:"first,omitzero"`     // the admin of the first registration; at most one account
	Rights            int64       `json:"rights,omitzero"`    // version of the rights; access tokens with a lower one are revoked
	Epoch             int64       `json:"epoch,omitzero"`     // sessions and devices of an earlier epoch have ended
	LastEntry         audit.Entry `json:"lastEntry,omitzero"` // newest audit entry
	PendingAssignment Assignment  `json:"joining,omitzero"`
	RemovalBegan      time.Time   `json:"removalBegan,omitzero"` // when a manager began to disable or demote this manager
	ExcludedAt        time.Time   `json:"erasureBegan,omitzero"` // when excludeAdmin excluded this admin; the stored name dates from a release in which only erasures did
	Deleted           bool        `json:"deleted,omitzero"`      // erased: only the id, the audit and what revokes tokens remain
}

// Assignment marks an account that is being assigned to an organisation.
type Assignment struct {
	Organisation string `json:"organisation"`
	ID           string `json:"attempt"` // distinguishes concurrent assignments
}

// Unique indexes.
const (
	byEmail    = "email"
	byFirst    = "firstAdmin"
	byIdentity = "identity"
)

// Filters of the list of accounts.
const (
	filterEmail        = "email"
	filterRole         = "role"
	filterOrganisation = "organisation"
	filterAssignment   = "joining"
	filterManager      = "manager"
	filterUnconfirmed  = "unconfirmed"
)

// unconfirmed is the value of filterUnconfirmed.
const unconfirmed = "yes"

// Schema declares how accounts are stored. Before index version 1, the indexes had the domain
// of an email address as the client sent it.
func Schema() store.Schema[Record] {
	return store.Schema[Record]{
		Name: "users", Version: 5, IndexVersion: 1, UniqueIndexes: []string{byEmail, byFirst, byIdentity}, // version 2 adds Manager, version 3 Reset, EmailVerified and Confirmation, version 4 Identity, version 5 TOTPSince and Factor
		Unique: func(r *Record) map[string]string {
			keys := map[string]string{}
			if !r.Deleted {
				keys[byEmail], keys[byIdentity] = NormalEmail(r.Email), r.Identity.key()
			}
			if r.First {
				keys[byFirst] = "yes"
			}
			return keys
		},
		Indexes: func(r *Record) store.Indexes {
			if r.Deleted {
				return store.Indexes{Created: r.CreatedAt}
			}
			in := store.Indexes{Scopes: []string{""}, Created: r.CreatedAt, Filters: map[string]string{
				filterEmail: NormalEmail(r.Email), filterRole: string(r.Role), filterOrganisation: r.Organisation, filterAssignment: r.PendingAssignment.Organisation,
			}}
			if r.Manager {
				in.Filters[filterManager] = r.Organisation
			}
			if r.isUnconfirmed() {
				in.Filters[filterUnconfirmed] = unconfirmed
			}
			return in
		},
	}
}

// Principal returns the caller for an access token of the account, without the organisation.
func (r Record) Principal(session string) auth.Principal {
	return auth.Principal{UserID: r.ID, Email: r.Email, Role: r.Role, Session: session, Version: r.Rights, EmailUnverified: !r.Verified()}
}

// Verified reports whether the email address is confirmed or needs no confirmation.
func (a Account) Verified() bool { return a.EmailVerified == nil || *a.EmailVerified }

func (a Account) registered() event.Envelope {
	return event.New(source, a.ID, a.CreatedAt, event.UserRegistered{
		UserID: a.ID, Email: a.Email, Role: string(a.Role), Organisation: a.Organisation, Manager: a.Manager, EmailVerified: a.Verified(), RegisteredAt: a.CreatedAt,
	})
}

func (a Account) updated() event.Envelope {
	return event.New(source, a.ID, a.UpdatedAt, event.UserUpdated{
		UserID: a.ID, Email: a.Email, Role: string(a.Role), Organisation: a.Organisation, Manager: a.Manager, Disabled: a.Disabled, EmailVerified: a.Verified(), UpdatedAt: a.UpdatedAt,
	})
}
