package httpapi

import (
	"context"
	"log/slog"

	"github.com/battery-passport/suite/auth-service/internal/login"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/rest"
)

type registration struct {
	Email    string    `json:"email" format:"email" maxLength:"254" example:"ann@nordlicht.example" doc:"email address of the account"`
	Password string    `json:"password" minLength:"8" maxLength:"1024" example:"correct horse battery" doc:"password that is not one of the 3,000 most common"`
	Role     auth.Role `json:"role,omitempty" enum:"admin,operator,user,legitimate_interest,authority" doc:"user, the default; the first account of an installation may be an admin; an admin assigns all other roles, see Account"`
}

type credentials struct {
	Email    string `json:"email" maxLength:"254" example:"ann@nordlicht.example" doc:"email address of the account"`
	Password string `json:"password" maxLength:"1024" example:"correct horse battery" doc:"password of the account"`
}

type tokenRefresh struct {
	RefreshToken string `json:"refreshToken" maxLength:"200" doc:"latest refresh token of the session"`
}

type logout struct {
	RefreshToken string `json:"refreshToken" maxLength:"200" doc:"refresh token of the session"`
	Everywhere   bool   `json:"everywhere,omitempty" doc:"true ends all sessions of the account, on every device; requires the latest or the previous refresh token"`
}

type tokens struct {
	Token        string         `json:"token" doc:"access token (JWT) for the header Authorization: Bearer TOKEN"`
	RefreshToken string         `json:"refreshToken" doc:"refresh token for POST /api/auth/refresh; can be used once"`
	ExpiresIn    int            `json:"expiresIn" example:"900" doc:"lifetime of the access token in seconds"`
	User         accountSummary `json:"user" doc:"account of the tokens"`
}

type accountSummary struct {
	ID           string    `json:"id" doc:"id of the account"`
	Email        string    `json:"email" example:"ann@nordlicht.example" doc:"email address of the account"`
	Role         auth.Role `json:"role" enum:"admin,operator,user,legitimate_interest,authority" doc:"role of the account, see Account"`
	Organisation string    `json:"organisation,omitempty" example:"nordlicht-battery" doc:"id of the organisation; absent if the account has none"`
}

func (a *API) register(ctx context.Context, in *input[registration]) (*output[tokens], error) {
	g, err := a.Logins.Register(withOrigin(ctx), in.Body.Email, in.Body.Password, in.Body.Role)
	return a.tokens(ctx, g), err
}

func (a *API) login(ctx context.Context, in *input[credentials]) (*output[tokens], error) {
	g, err := a.Logins.LogIn(withOrigin(ctx), in.Body.Email, in.Body.Password)
	return a.tokens(ctx, g), err
}

func (a *API) refresh(ctx context.Context, in *input[tokenRefresh]) (*output[tokens], error) {
	g, err := a.Logins.Refresh(withOrigin(ctx), in.Body.RefreshToken)
	return a.tokens(ctx, g), err
}

// tokens encodes a grant and adds its account to the access log.
func (a *API) tokens(ctx context.Context, g login.Grant) *output[tokens] {
	if g.Account.ID != "" {
		rest.Annotate(ctx, slog.String("user", g.Account.ID))
	}
	return &output[tokens]{tokens{
		Token: g.AccessToken, RefreshToken: g.RefreshToken, ExpiresIn: int(a.TokenLifetime.Seconds()),
		User: accountSummary{ID: g.Account.ID, Email: g.Account.Email, Role: g.Account.Role, Organisation: g.Account.Organisation},
	}}
}

func (a *API) logout(ctx context.Context, in *input[logout]) (*struct{}, error) {
	if in.Body.Everywhere {
		return nil, a.Logins.LogOutEverywhere(withOrigin(ctx), in.Body.RefreshToken)
	}
	return nil, a.Logins.LogOut(ctx, in.Body.RefreshToken)
}

type revocationsInput struct {
	Since string `query:"since" maxLength:"300" doc:"value of since in the previous response; without it, the list has all current revocations"`
}

func (a *API) revocations(ctx context.Context, in *revocationsInput) (*output[auth.Revocations], error) {
	r, err := a.Sessions.RevocationsSince(ctx, in.Since)
	return &output[auth.Revocations]{r}, err
}
