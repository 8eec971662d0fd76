// Package httpapi is the HTTP face of the auth-service.
package httpapi

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/account"
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
	Accounts *account.Service
	Sessions *session.Service
	Keys     Keys
	Verifier *token.Verifier
	Lifetime time.Duration // of an access token
	Now      func() time.Time
	Log      *slog.Logger

	RateLimit int // of what needs no login, for an address in a minute; 0: any number
}

// Keys are those that sign access tokens.
type Keys interface {
	Signing() (token.Key, error)
	JSON(context.Context) (json.RawMessage, error) // the public ones
	Rotate(context.Context) (id string, signsFrom time.Time, err error)
}

// registrations are rarer than logins, by this factor: each takes a hash, and
// nobody's failures bound them.
const registrations = 10

// Register adds the operations to r. It is their table of contents.
func (a *API) Register(r *rest.API) {
	anyone, admin, limit := a.Verifier.Require(), a.admin, rest.Limit(a.RateLimit)
	few := rest.Limit((a.RateLimit + registrations - 1) / registrations)
	rest.Handle(r, "POST /api/auth/register", rest.Open, a.register, "Register an account", few, rest.Status(http.StatusCreated), rest.Fails(http.StatusForbidden, http.StatusConflict),
		rest.Describe("Makes the account of a user. The very first registration may ask for the role admin."))
	rest.Handle(r, "POST /api/auth/login", rest.Open, a.login, "Log in", limit, rest.Fails(http.StatusUnauthorized, http.StatusForbidden))
	rest.Handle(r, "POST /api/auth/refresh", rest.Open, a.refresh, "Go on with a login", limit, rest.Fails(http.StatusUnauthorized),
		rest.Describe("Gives a new access token, and the refresh token to use next: each counts once. One that comes again ends the login, because somebody has stolen it; within two minutes it gets the same answer, as for a second tab."))
	rest.Handle(r, "POST /api/auth/logout", rest.Open, a.logout, "Log out", limit, rest.Status(http.StatusNoContent), rest.Fails(http.StatusUnauthorized),
		rest.Describe("Ends a login. Within 5 seconds no service takes its access tokens any more."))
	rest.Handle(r, "GET /api/auth/profile", anyone, a.profile, "Read your account")
	rest.Handle(r, "PUT /api/auth/password", anyone, a.changePassword, "Change your password", rest.Status(http.StatusNoContent), rest.Fails(http.StatusConflict),
		rest.Describe("Ends all other logins. This one goes on with its refresh token."))
	rest.Handle(r, "GET /api/auth/admin", admin, a.profile, "Tell that you are an admin")
	rest.Handle(r, "GET /api/auth/users", admin, a.list, "List accounts")
	rest.Handle(r, "PATCH /api/auth/users/{id}", admin, a.change, "Change an account", rest.Fails(http.StatusConflict),
		rest.Describe("What is left out, or null, stays. Tokens with the rights of before no longer count; who is disabled is logged out."))
	rest.Handle(r, "GET /api/auth/audit", admin, a.audit, "Read who changed which account")
	rest.Handle(r, "POST /api/auth/keys", admin, a.rotate, "Rotate the key that signs tokens", rest.Status(http.StatusCreated), rest.Fails(http.StatusConflict),
		rest.Describe("Makes a key that signs in ten minutes, when all services know it. Tokens that were signed before stay good."))
	rest.Handle(r, "GET "+auth.RevocationsPath, rest.Open, a.revocations, "Read which tokens were revoked", rest.Quiet, rest.Apart(revocationRate), rest.Fails(http.StatusBadRequest),
		rest.Describe("For services that verify tokens. Accounts and sessions have opaque names here."))
	rest.Handle(r, "GET /.well-known/jwks.json", rest.Open, a.keys, "Read the keys that tokens are verified with")
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
