package httpapi

import (
	"context"
	"log/slog"

	"github.com/battery-passport/suite/auth-service/internal/login"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/rest"
)

type registerInput struct {
	Body struct {
		Email    string    `json:"email" format:"email" maxLength:"254" example:"ann@nordlicht.example"`
		Password string    `json:"password" minLength:"8" maxLength:"1024" example:"correct horse battery"`
		Role     auth.Role `json:"role,omitempty" enum:"admin,operator,user,legitimate_interest,authority" doc:"user; the very first account may be an admin"`
	}
}

type loginInput struct {
	Body struct {
		Email    string `json:"email" maxLength:"254" example:"ann@nordlicht.example"`
		Password string `json:"password" maxLength:"1024" example:"correct horse battery"`
	}
}

type refreshInput struct {
	Body struct {
		RefreshToken string `json:"refreshToken" maxLength:"200" doc:"the one that came last"`
	}
}

type logoutInput struct {
	Body struct {
		RefreshToken string `json:"refreshToken" maxLength:"200" doc:"one of the login that is to end"`
		Everywhere   bool   `json:"everywhere,omitempty" doc:"end all logins of the account, on every device"`
	}
}

type tokensOutput struct {
	Body tokens
}

type tokens struct {
	Token        string `json:"token" doc:"access token, to be sent as «Authorization: Bearer …»"`
	RefreshToken string `json:"refreshToken" doc:"for POST /api/auth/refresh, once"`
	ExpiresIn    int    `json:"expiresIn" doc:"seconds that the access token counts"`
	User         user   `json:"user"`
}

type user struct {
	ID           string    `json:"id"`
	Email        string    `json:"email"`
	Role         auth.Role `json:"role"`
	Organisation string    `json:"organisation,omitempty"`
}

func (a *API) register(ctx context.Context, in *registerInput) (*tokensOutput, error) {
	g, err := a.Logins.Register(origin(ctx), in.Body.Email, in.Body.Password, in.Body.Role)
	return a.tokens(ctx, g), err
}

func (a *API) login(ctx context.Context, in *loginInput) (*tokensOutput, error) {
	g, err := a.Logins.LogIn(origin(ctx), in.Body.Email, in.Body.Password)
	return a.tokens(ctx, g), err
}

func (a *API) refresh(ctx context.Context, in *refreshInput) (*tokensOutput, error) {
	g, err := a.Logins.Refresh(origin(ctx), in.Body.RefreshToken)
	return a.tokens(ctx, g), err
}

// tokens encodes a grant, and adds its account to the access log.
func (a *API) tokens(ctx context.Context, g login.Grant) *tokensOutput {
	if g.Account.ID != "" {
		rest.Annotate(ctx, slog.String("user", g.Account.ID))
	}
	return &tokensOutput{tokens{
		Token: g.AccessToken, RefreshToken: g.RefreshToken, ExpiresIn: int(a.Lifetime.Seconds()),
		User: user{ID: g.Account.ID, Email: g.Account.Email, Role: g.Account.Role, Organisation: g.Account.Organisation},
	}}
}

func (a *API) logout(ctx context.Context, in *logoutInput) (*struct{}, error) {
	if in.Body.Everywhere {
		return nil, a.Logins.LogOutEverywhere(origin(ctx), in.Body.RefreshToken)
	}
	return nil, a.Logins.LogOut(ctx, in.Body.RefreshToken)
}

type revocationsInput struct {
	Since string `query:"since" maxLength:"300" doc:"as the last answer said; without it all are told"`
}

type revocationsOutput struct{ Body auth.Revocations }

func (a *API) revocations(ctx context.Context, in *revocationsInput) (*revocationsOutput, error) {
	r, err := a.Sessions.Since(ctx, in.Since)
	return &revocationsOutput{r}, err
}
