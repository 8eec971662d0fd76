// Package httpapi is the HTTP face of the auth-service.
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
)

// What the API document says of the service.
const (
	Title       = "Auth Service"
	Description = "Accounts, roles and tokens of the battery passport suite."
)

// revocationRate is how often an address may ask for revocations in a minute:
// services ask every few seconds, and many may be behind one address.
const revocationRate = 6000

// API is what the operations need.
type API struct {
	Accounts      *account.Service
	Logins        *login.Service
	Organisations *organisation.Service
	Sessions      *session.Service
	Keys          Keys
	Verifier      *token.Verifier
	Lifetime      time.Duration // of an access token

	RateLimit int // of what needs no login, for an address in a minute; 0: any number
}

// Keys are the keys that sign access tokens. JSON returns the public key set, or
// fails with fault.Unavailable.
type Keys interface {
	JSON(context.Context) (json.RawMessage, error)
	Rotate(context.Context) (id string, signsFrom time.Time, err error)
}

// registrations are rarer than logins, by this factor: each costs a password
// hash, and no failures limit them.
const registrations = 10

// Register adds the operations to r. It is their table of contents.
func (a *API) Register(r *rest.API) {
	open, user, admin := rest.Open, rest.SignedIn(a.Verifier.Require()), rest.SignedIn(a.admin)
	login, registration, revocations, keys := open, open, open, rest.Probe
	login.RateLimit.PerMinute = a.RateLimit
	registration.RateLimit.PerMinute = (a.RateLimit + registrations - 1) / registrations
	revocations.RateLimit = rest.RateLimit{Class: rest.NoRate, PerMinute: revocationRate}
	revocations.Concurrency = rest.OwnSlots // services keep asking while people use up all others
	keys.Cache = "public, max-age=300"

	rest.Handle(r, "POST /api/auth/register", registration, a.register, "registerAccount", "Register an account", rest.Status(http.StatusCreated), rest.Errors(http.StatusForbidden, http.StatusConflict),
		rest.Description("Makes the account of a user. The very first registration may ask for the role admin."))
	rest.Handle(r, "POST /api/auth/login", login, a.login, "logIn", "Log in", rest.Errors(http.StatusUnauthorized, http.StatusForbidden))
	rest.Handle(r, "POST /api/auth/refresh", login, a.refresh, "refreshTokens", "Refresh tokens", rest.Errors(http.StatusUnauthorized),
		rest.Description("Gives a new access token, and the refresh token to use next: each counts once. One that comes again ends the login, because somebody has stolen it; within two minutes it gets the same answer, as for a second tab."))
	rest.Handle(r, "POST /api/auth/logout", login, a.logout, "logOut", "Log out", rest.Status(http.StatusNoContent), rest.Errors(http.StatusUnauthorized),
		rest.Description("Ends a login. Within 5 seconds no service takes its access tokens any more."))
	rest.Handle(r, "GET /api/auth/profile", user, a.profile, "getProfile", "Get your account")
	rest.Handle(r, "PUT /api/auth/password", user, a.changePassword, "changePassword", "Change your password", rest.Status(http.StatusNoContent), rest.Errors(http.StatusConflict),
		rest.Description("Ends all other logins. This one goes on with its refresh token."))
	rest.Handle(r, "GET /api/auth/admin", admin, a.profile, "checkAdmin", "Check admin access")
	rest.Handle(r, "GET /api/auth/users", admin, a.list, "listAccounts", "List accounts")
	rest.Handle(r, "PATCH /api/auth/users/{id}", admin, a.change, "updateAccount", "Update an account", rest.Errors(http.StatusConflict),
		rest.Description("What is left out, or null, stays. Tokens with the rights of before no longer count; who is disabled is logged out."))
	rest.Handle(r, "GET /api/auth/audit", admin, a.audit, "listAuditEntries", "List audit entries")
	a.registerOrganisations(r, admin)
	rest.Handle(r, "POST /api/auth/keys", admin, a.rotate, "rotateSigningKey", "Rotate the signing key", rest.Status(http.StatusCreated), rest.Errors(http.StatusConflict),
		rest.Description("Makes a key that signs in ten minutes, when all services know it. Tokens that were signed before stay good."))
	rest.Handle(r, "GET "+auth.RevocationsPath, revocations, a.revocations, "listRevocations", "List revoked tokens", rest.NoAccessLog, rest.Errors(http.StatusBadRequest),
		rest.Description("For services that verify tokens. Accounts and sessions have opaque names here."))
	rest.Handle(r, "GET /.well-known/jwks.json", keys, a.keys, "getKeySet", "Get the JSON Web Key Set", rest.Group("service"))
}

// admin lets callers pass who are admins by their token and still are: a token
// outlives the role it was given with.
func (a *API) admin(ctx context.Context, authorization string) (context.Context, error) {
	ctx, err := a.Verifier.Require(auth.Admin)(ctx, authorization)
	if err != nil {
		return nil, err
	}
	return ctx, a.Accounts.CheckAdmin(ctx)
}
