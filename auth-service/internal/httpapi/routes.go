// Package httpapi is the HTTP face of the auth-service.
package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/rest"
)

// What the API document says of the service.
const (
	Title       = "Auth Service"
	Description = "Accounts, roles and tokens of the battery passport suite."
)

// API is what the operations need.
type API struct {
	Accounts *account.Service
	Verifier *token.Verifier
	Signing  func() (token.Key, error)
	KeySet   func(context.Context) (json.RawMessage, error)
	Lifetime time.Duration // of an access token
	Now      func() time.Time
}

// Register adds the operations to r. It is their table of contents.
func (a *API) Register(r *rest.API) {
	anyone, admin := a.Verifier.Require(), a.admin

	rest.Handle(r, "POST /api/auth/register", rest.Open, a.register, "Register an account", rest.Status(http.StatusCreated), rest.Fails(http.StatusForbidden, http.StatusConflict),
		rest.Describe("Makes the account of a user. The very first registration may ask for the role admin."))
	rest.Handle(r, "POST /api/auth/login", rest.Open, a.login, "Log in", rest.Fails(http.StatusUnauthorized, http.StatusForbidden))
	rest.Handle(r, "GET /api/auth/profile", anyone, a.profile, "Read your account")
	rest.Handle(r, "PUT /api/auth/password", anyone, a.changePassword, "Change your password", rest.Status(http.StatusNoContent))
	rest.Handle(r, "GET /api/auth/admin", admin, a.profile, "Tell that you are an admin")
	rest.Handle(r, "GET /api/auth/users", admin, a.list, "List accounts")
	rest.Handle(r, "PATCH /api/auth/users/{id}", admin, a.change, "Change an account", rest.Fails(http.StatusConflict),
		rest.Describe("What is left out, or null, stays."))
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
