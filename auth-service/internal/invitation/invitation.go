// Package invitation manages the invitations to an organisation: a mail with a link, with
// which a person gets an account, a role and the organisation.
//
// Neither an invitation nor the response to a request for one depends on whether the address
// has an account. Only the response to the person who accepts does.
package invitation

import (
	"cmp"
	"slices"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/auth-service/internal/link"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store"
)

const (
	// Lifetime is how long the link in the mail is valid.
	Lifetime = 72 * time.Hour

	retention = 30 * 24 * time.Hour // after the link has expired

	mailsPerAddress = 5   // about all invitations to an address, of every organisation, in 24 hours
	mailsPerDay     = 200 // about all invitations of an organisation in 24 hours
)

// State is the state of an invitation.
type State string

// The states. An invitation that is pending after ExpiresAt has expired.
const (
	Pending  State = "pending"
	Accepted State = "accepted"
	Revoked  State = "revoked"
	Expired  State = "expired" // not stored
)

// Invitation is the part of an invitation that API clients see.
type Invitation struct {
	ID           string    `json:"id" format:"uuid" doc:"id of the invitation"`
	Email        string    `json:"email" example:"ole@nordlicht.example" doc:"email address of the invited person, in lower case; empty if the account that accepted is erased"`
	Role         auth.Role `json:"role" enum:"operator,user,legitimate_interest,authority" doc:"role that the person gets, see Account"`
	Organisation string    `json:"organisation,omitempty" example:"nordlicht-battery" doc:"id of the organisation that the person joins; absent for roles without an organisation"`
	Manager      bool      `json:"manager,omitzero" doc:"whether the person will manage the organisation"`
	State        State     `json:"state" enum:"pending,accepted,revoked,expired" doc:"pending: the link in the mail is valid; expired: the link is no longer valid, resend the invitation; accepted: the person has the role; revoked: the link is not valid"`
	InvitedBy    string    `json:"invitedBy" format:"uuid" doc:"id of the account that invited the person"`
	Account      string    `json:"account,omitempty" format:"uuid" doc:"id of the account that accepted"`
	CreatedAt    time.Time `json:"createdAt" doc:"time of the invitation"`
	ExpiresAt    time.Time `json:"expiresAt" doc:"time until which the link is valid: 72 hours after the invitation or the last request to resend it"`
	AcceptedAt   time.Time `json:"acceptedAt,omitzero" doc:"time at which the person accepted"`
}

// Record is the stored form of an invitation.
type Record struct {
	Invitation
	Link      link.Link   `json:"link,omitzero"`
	Request   string      `json:"request"`            // id of the newest request for a mail
	Asked     []time.Time `json:"asked"`              // times of the requests of the last day, oldest first
	LastEntry audit.Entry `json:"lastEntry,omitzero"` // newest audit entry
}

// At returns the invitation as it is at a time.
func (r Record) At(now time.Time) Invitation {
	if r.State == Pending && !now.Before(r.ExpiresAt) {
		r.State = Expired
	}
	return r.Invitation
}

// byAddress is the unique index of the pending invitations of an organisation to an address.
const byAddress = "address"

const (
	filterEmail   = "email"
	filterAccount = "account" // accepted invitations with an email address
)

// Schema declares how invitations are stored.
func Schema() store.Schema[Record] {
	return store.Schema[Record]{
		Name: "invitations", Version: 1, UniqueIndexes: []string{byAddress},
		Unique: func(r *Record) map[string]string {
			if r.State != Pending {
				return nil
			}
			return map[string]string{byAddress: addressKey(r.Organisation, r.Email)}
		},
		Indexes: func(r *Record) store.Indexes {
			filters := map[string]string{filterEmail: r.Email}
			if r.Email != "" {
				filters[filterAccount] = r.Account
			}
			return store.Indexes{Scopes: r.scopes(), Created: r.CreatedAt, Filters: filters}
		},
	}
}

// scopes returns the scopes of an invitation: its organisation, and for the limits of mails the
// days of its mails, of all organisations and of its own.
func (r *Record) scopes() []string {
	scopes := []string{store.All, scopeOf(r.Organisation)}
	for _, at := range r.Asked {
		for _, s := range []string{dayScope(store.All, at), dayScope(scopeOf(r.Organisation), at)} {
			if !slices.Contains(scopes, s) {
				scopes = append(scopes, s)
			}
		}
	}
	return scopes
}

// scopeOf returns the scope of the invitations to an organisation. Those without an
// organisation have one that no organisation can have as id.
func scopeOf(organisation string) string { return cmp.Or(organisation, "-") }

// dayScope returns the scope of the invitations in a scope with a mail on the day of at.
func dayScope(scope string, at time.Time) string { return scope + " " + at.UTC().Format(time.DateOnly) }

func addressKey(organisation, email string) string { return organisation + " " + email }
