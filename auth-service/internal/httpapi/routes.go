// Package httpapi is the HTTP API of the auth-service.
package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/login"
	"github.com/battery-passport/suite/auth-service/internal/organisation"
	"github.com/battery-passport/suite/auth-service/internal/session"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store"
)

// Title and description of the OpenAPI document.
const (
	Title       = "Auth Service"
	Description = "Manages organisations, accounts, roles and access tokens of the battery passport suite."
)

// revocationRate limits the requests per minute of a client network for revocations:
// each service sends one every few seconds, and many services may share a network.
const revocationRate = 6000

// API holds the dependencies of the operations.
type API struct {
	Accounts      *account.Service
	Logins        *login.Service
	Organisations *organisation.Service
	Sessions      *session.Service
	Keys          Keys
	Verifier      *token.Verifier
	TokenLifetime time.Duration

	RateLimit int // requests per minute and client network for each of login, refresh and logout; a tenth for register; 0: no limit
}

// Keys are the keys that sign access tokens. JWKS returns the public key set; Rotate
// adds a key and returns its id and the time from which it signs. Both fail with
// fault.Unavailable while the keys are not loaded or the store does not respond.
type Keys interface {
	JWKS(context.Context) (json.RawMessage, error)
	Rotate(context.Context) (id string, signsFrom time.Time, err error)
}

// registrationFactor is the ratio of the limits of logins and registrations: each
// registration costs a password hash, and the limit of wrong passwords does not apply.
const registrationFactor = 10

// Register adds all operations of the service to r.
func (a *API) Register(r *rest.API) {
	open, user, admin := rest.Open, rest.SignedIn(a.Verifier.Require()), rest.SignedIn(a.admin)
	login, registration, revocations, keys := open, open, open, rest.Probe
	login.RateLimit.PerMinute = a.RateLimit
	registration.RateLimit.PerMinute = (a.RateLimit + registrationFactor - 1) / registrationFactor
	revocations.RateLimit = rest.RateLimit{Class: rest.NoRate, PerMinute: revocationRate}
	revocations.Concurrency = rest.OwnSlots // so that services get revocations even while all shared slots are in use
	keys.Cache = "public, max-age=300"

	rest.Handle(r, "POST /api/auth/register", registration, a.register, "registerAccount", "Register an account", rest.Status(http.StatusCreated), rest.Errors(http.StatusForbidden, http.StatusConflict),
		rest.Description("Creates an account with the role user and logs it in. The first account of an installation may have the role admin."))
	rest.Handle(r, "POST /api/auth/login", login, a.login, "logIn", "Log in", rest.Errors(http.StatusUnauthorized, http.StatusForbidden))
	rest.Handle(r, "POST /api/auth/refresh", login, a.refresh, "refreshTokens", "Refresh tokens", rest.Errors(http.StatusUnauthorized),
		rest.Description("Returns a new access token and the next refresh token. A refresh token can be used once. For two minutes, the previous token still returns the same successor, for a second browser tab or a lost response. Any other reuse ends the session, because the token may have been stolen."))
	rest.Handle(r, "POST /api/auth/logout", login, a.logout, "logOut", "Log out", rest.Status(http.StatusNoContent), rest.Errors(http.StatusUnauthorized),
		rest.Description("Ends a session. All services refuse its access tokens within 5 seconds."))
	rest.Handle(r, "GET /api/auth/profile", user, a.profile, "getProfile", "Get your account")
	rest.Handle(r, "PUT /api/auth/password", user, a.changePassword, "changePassword", "Change your password", rest.Status(http.StatusNoContent), rest.Errors(http.StatusConflict),
		rest.Description("Ends all other sessions of the account. The current session continues with its refresh token; its access token is revoked."))
	rest.Handle(r, "GET /api/auth/admin", admin, a.profile, "checkAdmin", "Check admin access")
	rest.Handle(r, "GET /api/auth/users", admin, a.list, "listAccounts", "List accounts")
	rest.Handle(r, "PATCH /api/auth/users/{id}", admin, a.change, "updateAccount", "Update an account", rest.Errors(http.StatusConflict),
		rest.Description("Members that are absent or null stay unchanged. A change revokes the access tokens of the account; its sessions continue with their refresh tokens. Disabling an account ends its sessions."))
	rest.Handle(r, "GET /api/auth/audit", admin, a.audit, "listAuditEntries", "List audit entries")
	a.registerOrganisations(r, admin)
	rest.Handle(r, "POST /api/auth/keys", admin, a.rotate, "rotateSigningKey", "Rotate the signing key", rest.Status(http.StatusCreated), rest.Errors(http.StatusConflict),
		rest.Description("Adds a key that signs access tokens in ten minutes, when all services have fetched it. Tokens signed with earlier keys stay valid."))
	rest.Handle(r, "GET "+auth.RevocationsPath, revocations, a.revocations, "listRevocations", "List revoked tokens", rest.NoAccessLog, rest.Errors(http.StatusBadRequest),
		rest.Description("For services that verify access tokens. The ids of accounts and sessions are hashed."))
	rest.Handle(r, "GET /.well-known/jwks.json", keys, a.keys, "getKeySet", "Get the JSON Web Key Set", rest.Group("service"))
}

// input is a request with a body and no parameters.
type input[T any] struct{ Body T }

// output is a response with a body. The type T names its schema in the OpenAPI
// document.
type output[T any] struct{ Body T }

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
