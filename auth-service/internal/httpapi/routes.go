// Package httpapi is the HTTP API of the auth-service.
package httpapi

import (
	"context"
	_ "embed"
	"encoding/json"
	"net/http"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/auth-service/internal/client"
	"github.com/battery-passport/suite/auth-service/internal/invitation"
	"github.com/battery-passport/suite/auth-service/internal/login"
	"github.com/battery-passport/suite/auth-service/internal/organisation"
	"github.com/battery-passport/suite/auth-service/internal/session"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store"
)

// examples are written by TestExamples of deploy/e2e, which executes them.
//
//go:embed examples.json
var examples []byte

// OpenAPI describes the service in its OpenAPI document.
var OpenAPI = rest.Document{
	Name: "Auth", Path: "/api/auth", Title: "Auth Service",
	Description: "Manages organisations, accounts, roles and access tokens of the battery passport suite.",
	Tags: map[string]string{
		"auth": "Accounts, sessions and organisations.",
	},
	Examples: examples,
}

// revocationRate limits the requests per minute for revocations, of all services with the
// secret together or, without a secret, of a client network: each service sends one every
// two seconds, and many services may share a network.
const revocationRate = 6000

// API holds the dependencies of the operations.
type API struct {
	Accounts      *account.Service
	Logins        *login.Service
	Organisations *organisation.Service
	Invitations   *invitation.Service
	Clients       *client.Service
	Sessions      *session.Service
	Keys          Keys
	Audit         *audit.Log
	Verifier      *token.Verifier
	TokenLifetime time.Duration
	Issuer        string // URL of the service for its clients

	RevocationSecret string // with which services read revocations and keys; empty: everyone may read both

	HTTPS     bool // whether the service itself serves HTTPS
	RateLimit int  // registrations per minute and client network; 0: no limit
}

// Keys are the keys that sign access tokens. JWKS returns the public key set; Rotate
// adds a key and returns its id and the time from which it signs. Both fail with
// fault.Unavailable while the keys are not loaded or the store does not respond.
type Keys interface {
	JWKS(context.Context) (json.RawMessage, error)
	Rotate(context.Context) (id string, signsFrom time.Time, err error)
}

// Register adds all operations of the service to r.
func (a *API) Register(r *rest.API) {
	open, user, admin, manager := rest.Open, rest.SignedIn(a.Verifier.Require()), rest.SignedIn(a.admin), rest.SignedIn(a.administrator)
	login, registration := open, open
	login.RateLimit.Class = rest.NoRate // limited by package throttle, which knows the device of the client
	registration.RateLimit.PerMinute = a.RateLimit
	rest.NotEmpty(r, "NewOrganisation.id", "NewOrganisation.name", "OrganisationChange.name")

	rest.Handle(r, "POST /api/auth/register", registration, a.register, "registerAccount", "Register an account", rest.Status(http.StatusCreated), rest.Errors(http.StatusForbidden, http.StatusConflict),
		rest.Accepted[pendingLogin]("the address must be confirmed, which is the same for an address that has an account; or the account must have TOTP, see logIn"),
		rest.Description("Creates an account with the role user and logs it in. The first account of an installation may have the role admin. If email addresses must be confirmed (EMAIL_VERIFICATION), the response is 202 without tokens, and a mail with a link follows: until the link is used, the account can log in and read, but not upload, and no other mail goes to the address. An address that is not confirmed can be registered again, with a new password. 403 if REGISTRATION is invitation."))
	rest.Handle(r, "POST "+loginPath, login, a.login, "logIn", "Log in", rest.Errors(http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests),
		rest.Accepted[pendingLogin]("the password is right, and the account has TOTP or must have it: the login needs another step"),
		rest.Description("Returns an access token, a refresh token and a device token. If the account has TOTP, the response is 202 with a challenge for completeLogin; if it must have TOTP (REQUIRE_TOTP) and has none, enrolForLogin comes first. Send the device token with later logins from the same device, as the cookie or as deviceToken: then failed logins of others, also from the same address, cannot keep you out."))
	rest.Handle(r, "POST /api/auth/refresh", login, a.refresh, "refreshTokens", "Refresh tokens", rest.Errors(http.StatusUnauthorized, http.StatusTooManyRequests),
		rest.Description("Returns a new access token and the next refresh token. A refresh token can be used once. For two minutes, the previous token still returns the same successor, for a second browser tab or a lost response. Any other reuse ends the session, because the token may have been stolen."))
	a.registerProvider(r, login)
	a.registerLinks(r, registration)
	rest.Handle(r, "GET /api/auth/profile", user, a.profile, "getProfile", "Get your account")
	a.registerSessions(r, login, user)
	a.registerOwnData(r, user, admin)
	a.registerTOTP(r, login, user, manager)
	rest.Handle(r, "PUT /api/auth/password", user, a.changePassword, "changePassword", "Change your password", rest.Status(http.StatusNoContent), rest.Errors(http.StatusConflict),
		rest.Description("Ends all other sessions of the account. The current session continues with its refresh token; its access token is revoked."))
	rest.Handle(r, "GET /api/auth/admin", admin, a.profile, "checkAdmin", "Check admin access")
	rest.Handle(r, "GET /api/auth/users", manager, a.list, "listAccounts", "List accounts",
		rest.Description("Managers get the users and operators of their organisation. A page may have fewer items than the limit."))
	rest.Handle(r, "GET /api/auth/users/{id}", manager, a.get, "getAccount", "Get an account")
	rest.Handle(r, "PATCH /api/auth/users/{id}", manager, a.change, "updateAccount", "Update an account", rest.Errors(http.StatusConflict),
		rest.Description("For admins, and for managers: these change users and operators of their organisation, to one of these two roles, and not the last active manager. Members that are absent stay unchanged. A null for organisation removes the account from its organisation; other members must not be null. A change revokes the access tokens of the account; its sessions continue with their refresh tokens. Disabling an account ends its sessions."))
	rest.Handle(r, "GET /api/auth/audit", admin, a.audit, "listAuditEntries", "List audit entries")
	a.registerOrganisations(r, user, admin, manager)
	a.registerInvitations(r, manager, registration)
	rest.Handle(r, "POST /api/auth/keys", admin, a.rotate, "rotateSigningKey", "Rotate the signing key", rest.Status(http.StatusCreated), rest.Errors(http.StatusConflict),
		rest.Description("Adds a key that signs access tokens in ten minutes, when all services have fetched it. Tokens signed with earlier keys stay valid."))
	rest.Handle(r, "GET "+auth.RevocationsPath, a.revocationPolicy(), a.revocations, "listRevocations", "List revoked tokens", rest.NoAccessLog, rest.Errors(http.StatusBadRequest),
		rest.Description("For services that verify access tokens. They send REVOCATION_SECRET as bearer token, if it is set. The ids of accounts and sessions are hashed."))
	rest.Handle(r, "GET "+auth.KeysPath, a.keysPolicy(), a.keys, "getKeySet", "Get the JSON Web Key Set", rest.Group(OpenAPI.Title),
		rest.Description("The public keys that verify access tokens. Services send REVOCATION_SECRET as bearer token, if it is set: they then have a rate limit of their own."))
}

// registerLinks adds the operations with tokens of mails.
func (a *API) registerLinks(r *rest.API, registration rest.Policy) {
	rest.Handle(r, "POST /api/auth/email-confirmations/confirm", registration, a.confirmEmail, "confirmEmail", "Confirm an email address with the token of a mail", rest.Status(http.StatusNoContent), rest.Errors(http.StatusConflict, http.StatusTooManyRequests),
		rest.Description("Requires the password of the registration too, so that nobody confirms the account that another person has registered for the address. Access tokens of the account are revoked; its sessions continue with their refresh tokens."))
	rest.Handle(r, "POST /api/auth/password-resets", registration, a.requestReset, "requestPasswordReset", "Request a password reset", rest.Status(http.StatusAccepted), rest.Errors(http.StatusConflict),
		rest.Description("Sends a mail with a link, if the address has an account that is not disabled. The response does not depend on it. An address gets one mail in 5 minutes, and an account 5 in 24 hours. 409 if the service sends no mail."))
	rest.Handle(r, "POST /api/auth/password-resets/confirm", registration, a.confirmReset, "confirmPasswordReset", "Set the password with the token of a mail", rest.Status(http.StatusNoContent), rest.Errors(http.StatusTooManyRequests),
		rest.Description("Ends all sessions of the account. The token can be used once, for 30 minutes."))
}

// revocationPolicy returns the policy of the list of revocations. Services get it also
// while clients, which may have the same address behind a proxy, use all slots or exhaust
// the limit of their network.
func (a *API) revocationPolicy() rest.Policy {
	p := rest.Open
	p.Concurrency, p.AnyHost = rest.OwnSlots, true
	if a.RevocationSecret != "" {
		p = rest.SignedIn(token.RequireSecret(a.RevocationSecret))
		p.Concurrency = rest.Unbounded // refused requests are cheap, and those of services few
	}
	p.RateLimit = rest.RateLimit{Class: rest.NoRate, PerMinute: revocationRate}
	return p
}

// keysPolicy returns the policy of the public keys, which everyone may read. Services that
// send the secret get them also while clients, which may have the same address behind a
// proxy, exhaust the limit of their network.
func (a *API) keysPolicy() rest.Policy {
	p := rest.Probe
	p.Cache = "public, max-age=300"
	if a.RevocationSecret != "" {
		p.Audience = rest.Recognised(token.RequireSecret(a.RevocationSecret), revocationRate)
	}
	return p
}

// input is a request with a body and no parameters.
type input[T any] struct{ Body T }

// output is a response with a body. The type T names its schema in the OpenAPI
// document.
type output[T any] struct{ Body T }

// versioned is a response with the version of a resource that the audit numbers.
type versioned[T any] struct {
	ETag string `header:"ETag" doc:"version number, for If-Match"`
	Body T
}

// newVersioned returns the response for a resource with its newest audit entry.
func newVersioned[T any](body T, last audit.Entry) *versioned[T] {
	return &versioned[T]{rest.VersionETag(last.Number), body}
}

// listOf encodes a page of a list.
func listOf[R, T any](page store.Page[R], item func(R) T) *output[rest.List[T]] {
	out := &output[rest.List[T]]{rest.List[T]{NextCursor: page.Next}}
	for _, row := range page.Rows {
		out.Body.Items = append(out.Body.Items, item(row.Doc))
	}
	return out
}

// admin is the guard for admins. It checks both the access token and the stored
// account: the account may have lost the role since the token was issued.
func (a *API) admin(ctx context.Context, authorization string) (context.Context, error) {
	ctx, err := a.Verifier.Require(auth.Admin)(ctx, authorization)
	if err != nil {
		return nil, err
	}
	return ctx, a.Accounts.CheckAdmin(ctx)
}

// administrator is the guard for admins and managers. It checks the stored account. API clients
// have none.
func (a *API) administrator(ctx context.Context, authorization string) (context.Context, error) {
	ctx, err := a.Verifier.Require()(ctx, authorization)
	if err != nil {
		return nil, err
	}
	if auth.Caller(ctx).Client {
		return ctx, fault.New(fault.Forbidden, "API clients cannot administer people and clients")
	}
	_, err = a.Accounts.Administrator(ctx)
	return ctx, err
}
