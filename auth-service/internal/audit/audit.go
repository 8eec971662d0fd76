// Package audit records who changed accounts, organisations and keys, and who logged in.
package audit

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Action is the kind of an entry.
type Action string

// The actions. Those of logins, logouts and requests for mails are counted per account and hour.
const (
	Registered            Action = "registered"
	Changed               Action = "changed"
	PasswordChanged       Action = "passwordChanged"
	PasswordReset         Action = "passwordReset"
	EmailConfirmed        Action = "emailConfirmed"
	TOTPEnrolled          Action = "totpEnrolled"
	TOTPEnabled           Action = "totpEnabled"
	TOTPDisabled          Action = "totpDisabled"
	TOTPReset             Action = "totpReset"
	RecoveryCodeUsed      Action = "recoveryCodeUsed"
	RecoveryCodesReplaced Action = "recoveryCodesReplaced"
	SessionsEnded         Action = "sessionsEnded"
	IdentityLinked        Action = "identityLinked"
	TokenReused           Action = "refreshTokenReused"
	AccountDeleted        Action = "accountDeleted"
	OrganisationCreated   Action = "organisationCreated"
	OrganisationChanged   Action = "organisationChanged"
	OrganisationDeleted   Action = "organisationDeleted"
	KeyRotated            Action = "signingKeyRotated"
	InvitationCreated     Action = "invitationCreated"
	InvitationResent      Action = "invitationResent"
	InvitationRevoked     Action = "invitationRevoked"
	InvitationAccepted    Action = "invitationAccepted"
	ClientCreated         Action = "clientCreated"
	ClientChanged         Action = "clientChanged"
	ClientDeleted         Action = "clientDeleted"
	ClientSecretAdded     Action = "clientSecretAdded"
	ClientSecretRemoved   Action = "clientSecretRemoved"

	ResetRequested Action = "passwordResetRequested"
	LoggedIn       Action = "loggedIn"
	LoggedOut      Action = "loggedOut"
	LoginFailed    Action = "loginFailed"
	CodeFailed     Action = "codeFailed"
	LoginThrottled Action = "loginThrottled"

	ClientAuthenticated Action = "clientAuthenticated"
	ClientFailed        Action = "clientFailed"
)

// Entry records one change, or the logins of an account in one hour. It names the account,
// the organisation or the key that it is about.
type Entry struct {
	Account      string      `json:"account,omitempty" format:"uuid" doc:"id of the account that was changed or that logged in; absent for failed logins to addresses without account"`
	Organisation string      `json:"organisation,omitempty" doc:"id of the organisation that was changed, or that the client belongs to"`
	Invitation   string      `json:"invitation,omitempty" format:"uuid" doc:"id of the invitation; the entry then also names its organisation and, once it was accepted, the account"`
	Client       string      `json:"client,omitempty" format:"uuid" doc:"id of the API client that was changed, or for which a token was requested"`
	Key          string      `json:"key,omitempty" doc:"kid of the signing key that was added"`
	Number       int64       `json:"number,omitzero" doc:"number of the change among those of the account, organisation or client, from 1; absent for logins, logouts and keys"`
	Action       Action      `json:"action" enum:"registered,changed,passwordChanged,passwordReset,emailConfirmed,totpEnrolled,totpEnabled,totpDisabled,totpReset,recoveryCodesReplaced,recoveryCodeUsed,sessionsEnded,identityLinked,refreshTokenReused,accountDeleted,organisationCreated,organisationChanged,organisationDeleted,signingKeyRotated,clientCreated,clientChanged,clientDeleted,clientSecretAdded,clientSecretRemoved,clientAuthenticated,clientFailed,invitationCreated,invitationResent,invitationRevoked,invitationAccepted,passwordResetRequested,loggedIn,loggedOut,loginFailed,codeFailed,loginThrottled" doc:"registered: the account was created, or registered again before its email address was confirmed; changed: an admin or the identity provider changed role, organisation or disabled, or the configuration of the service made the account an admin with a new password; passwordChanged: the password was changed; passwordReset: the password was set with the link of a mail; emailConfirmed: the email address was confirmed with the link of a mail; totpEnrolled: a secret for an authenticator app was created, which is not active yet; totpEnabled: the secret was confirmed with a code, and logins need one from now on; totpDisabled: the account turned TOTP off; totpReset: an admin or a manager turned TOTP of the account off; recoveryCodesReplaced: the account got new recovery codes; recoveryCodeUsed: it logged in with one; sessionsEnded: the account logged out everywhere; identityLinked: the account was linked to a person at the identity provider, by the verified email address, and lost its password if the address had never been confirmed; refreshTokenReused: a refresh token was used twice, which ended its session; accountDeleted: the account was erased, and only its id remains; organisationCreated, organisationChanged, organisationDeleted: the organisation was created, changed or deleted; signingKeyRotated: a signing key was added; clientCreated, clientChanged, clientDeleted, clientSecretAdded, clientSecretRemoved: an API client was created, changed or deleted, or one of its secrets was added or removed; clientAuthenticated: tokens for an API client; clientFailed: requests for one with a wrong secret, or of an unknown or disabled client; invitationCreated, invitationResent, invitationRevoked, invitationAccepted: a person was invited, the mail was sent again with a new link, the invitation was revoked, or accepted; passwordResetRequested: requests for such a mail, for all addresses with or without account; loggedIn: logins with the right password; loggedOut: logouts; loginFailed: logins with a wrong password, of a disabled account or to an address without account, and own requests with a wrong current password, such as to change it; codeFailed: wrong codes after the right password, and at an enrolment; loginThrottled: logins, codes and uses of a current password that were refused with 429, of all accounts"`
	At           time.Time   `json:"at" doc:"time of the change, or of the first login or logout that the entry counts"`
	By           string      `json:"by,omitempty" format:"uuid" doc:"id of the account that made the change; absent if the service or the identity provider did, or if the caller is unknown"`
	Provider     string      `json:"provider,omitempty" doc:"issuer of the identity provider whose login made the change"`
	From         string      `json:"from,omitempty" doc:"IP address of the client, of the latest one if the entry counts several"`
	RequestID    string      `json:"requestId,omitempty" doc:"id that the service gave the request, as in the log; of the latest one if the entry counts several"`
	Changes      []FieldDiff `json:"changes,omitempty" doc:"changed fields with their old and new values; never a password"`
	Count        int64       `json:"count,omitzero" doc:"number of logins or logouts in the same hour; absent for other actions"`
	LastAt       time.Time   `json:"lastAt,omitzero" doc:"time of the latest login or logout that the entry counts"`
	Addresses    []string    `json:"addresses,omitempty" doc:"the last 10 different IP addresses of the clients, for logins and logouts"`
}

// CheckVersion fails with fault.Stale if there are versions and none of them is the number of
// e, the newest entry of a record. Unlike the version in the store, the number changes only
// with a recorded change.
func (e Entry) CheckVersion(versions []int64) error {
	if len(versions) == 0 || slices.Contains(versions, e.Number) {
		return nil
	}
	return fault.New(fault.Stale, "the resource has changed since it was read; its version is now %d", e.Number)
}

// FieldDiff is a changed field.
type FieldDiff struct {
	Field string `json:"field" doc:"name of the field: a JSON Pointer without the first slash, such as role or address/city; password has no values"`
	Old   string `json:"old,omitempty" doc:"value before the change; absent if it was empty"`
	New   string `json:"new,omitempty" doc:"value after the change; absent if it is empty"`
}

// Origin describes the client of a request. It is empty for changes that the
// configuration of the service causes.
type Origin struct {
	Address, RequestID string
	Client             netip.Addr // Address, for the throttle
	UserAgent          string     // for the list of sessions; the audit does not store it
	Provider           string     // issuer of the identity provider, for changes by a login there
}

type originKey struct{}

// WithOrigin returns a context that carries the origin of the request.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// WithProvider returns a context whose origin names the issuer of an identity provider.
func WithProvider(ctx context.Context, issuer string) context.Context {
	o := OriginOf(ctx)
	o.Provider = issuer
	return WithOrigin(ctx, o)
}

// OriginOf returns the origin of the request of ctx.
func OriginOf(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}

// Filters of the list of entries.
const (
	filterAccount      = "account"
	filterBy           = "by"
	filterOrganisation = "organisation"
	filterAction       = "action"
	filterClient       = "client"
)

// Schema declares how entries are stored.
func Schema() store.Schema[Entry] {
	return store.Schema[Entry]{
		Name: "audit", Version: 1, IndexVersion: 2, // IndexVersion 1 adds filterAction, 2 filterClient
		Indexes: func(e *Entry) store.Indexes {
			return store.Indexes{Scopes: []string{store.All}, Created: e.At, Filters: map[string]string{
				filterAccount: e.Account, filterBy: e.By, filterOrganisation: e.Organisation, filterAction: string(e.Action), filterClient: e.Client,
			}}
		},
	}
}

// id returns the key of the stored entry of a change.
func (e Entry) id() string {
	switch {
	case e.Key != "":
		return "key/" + e.Key
	case e.Invitation != "":
		return fmt.Sprintf("invitation/%s/%d", e.Invitation, e.Number)
	case e.Client != "":
		return fmt.Sprintf("client/%s/%d", e.Client, e.Number)
	case e.Organisation != "":
		return fmt.Sprintf("organisation/%s/%d", e.Organisation, e.Number)
	}
	return fmt.Sprintf("%s/%d", e.Account, e.Number)
}
