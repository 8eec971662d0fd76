package httpapi

import (
	"context"
	"errors"
	"log/slog"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/session"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/fault"
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
	r, err := a.Accounts.Register(origin(ctx), in.Body.Email, in.Body.Password, in.Body.Role)
	if err != nil {
		return nil, err
	}
	return a.begin(ctx, r)
}

func (a *API) login(ctx context.Context, in *loginInput) (*tokensOutput, error) {
	r, err := a.Accounts.Authenticate(origin(ctx), in.Body.Email, in.Body.Password)
	if err != nil {
		return nil, err
	}
	return a.begin(ctx, r)
}

// begin begins a session of an account.
func (a *API) begin(ctx context.Context, r account.Record) (*tokensOutput, error) {
	rest.Annotate(ctx, slog.String("user", r.ID)) // whom nobody vouched for before
	id, refresh, err := a.Sessions.Begin(ctx, r.ID, r.Epoch)
	if err != nil {
		return nil, err
	}
	return a.tokens(r, id, refresh)
}

func (a *API) refresh(ctx context.Context, in *refreshInput) (*tokensOutput, error) {
	s, err := a.Sessions.Find(ctx, in.Body.RefreshToken)
	if err != nil {
		return nil, err
	}
	r, err := a.Accounts.Holder(ctx, s.Account, s.Epoch) // before the token is used up
	if err != nil {
		return nil, err
	}
	refresh, err := a.Sessions.Refresh(ctx, in.Body.RefreshToken)
	if errors.Is(err, session.ErrReused) {
		if err := a.Accounts.TokenReused(origin(ctx), s.Account); err != nil {
			a.Log.WarnContext(ctx, "the audit does not tell that a refresh token was used twice", "account", s.Account, "err", err)
		}
	}
	if err != nil {
		return nil, err
	}
	return a.tokens(r, s.ID, refresh)
}

// tokens gives the holder of an account an access token, beside a refresh token.
func (a *API) tokens(r account.Record, id, refresh string) (*tokensOutput, error) {
	key, err := a.Keys.Signing()
	if err != nil {
		return nil, err
	}
	signed, err := key.Sign(token.NewClaims(r.Principal(id), a.Now(), a.Lifetime))
	return &tokensOutput{tokens{
		Token: signed, RefreshToken: refresh, ExpiresIn: int(a.Lifetime.Seconds()),
		User: user{ID: r.ID, Email: r.Email, Role: r.Role, Organisation: r.Organisation},
	}}, err
}

func (a *API) logout(ctx context.Context, in *logoutInput) (*struct{}, error) {
	s, err := a.Sessions.Find(ctx, in.Body.RefreshToken)
	if err != nil {
		return nil, err
	}
	if in.Body.Everywhere {
		// Whoever has a token of a login that is over may end nothing but that.
		if !s.Counts {
			return nil, fault.New(fault.Unauthenticated, "this login has ended, or the token is an old one; log in again to end the others")
		}
		if _, err := a.Accounts.Holder(ctx, s.Account, s.Epoch); err != nil {
			return nil, err
		}
		if err := a.Accounts.EndSessions(origin(ctx), s.Account); err != nil {
			return nil, err
		}
	}
	return nil, a.Sessions.End(ctx, s.ID)
}

type revocationsInput struct {
	Since string `query:"since" maxLength:"300" doc:"as the last answer said; without it all are told"`
}

type revocationsOutput struct{ Body auth.Revocations }

func (a *API) revocations(ctx context.Context, in *revocationsInput) (*revocationsOutput, error) {
	r, err := a.Sessions.Since(ctx, in.Since)
	return &revocationsOutput{r}, err
}
