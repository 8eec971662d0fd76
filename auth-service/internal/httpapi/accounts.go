package httpapi

import (
	"context"
	"encoding/json"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store"
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

type sessionOutput struct {
	Body session
}

type session struct {
	Token     string `json:"token" doc:"access token, to be sent as «Authorization: Bearer …»"`
	ExpiresIn int    `json:"expiresIn" doc:"seconds that the token counts"`
	User      user   `json:"user"`
}

type user struct {
	ID           string    `json:"id"`
	Email        string    `json:"email"`
	Role         auth.Role `json:"role"`
	Organisation string    `json:"organisation,omitempty"`
}

type accountOutput struct{ Body account.Account }

type passwordInput struct {
	Body struct {
		CurrentPassword string `json:"currentPassword" maxLength:"1024"`
		NewPassword     string `json:"newPassword" minLength:"8" maxLength:"1024"`
	}
}

type listInput struct {
	rest.Page
	Email        string    `query:"email" doc:"only the account with this address"`
	Role         auth.Role `query:"role" enum:"admin,operator,user,legitimate_interest,authority" doc:"only accounts with this role"`
	Organisation string    `query:"organisation" doc:"only accounts of this organisation"`
}

type listOutput struct{ Body rest.List[account.Account] }

type changeInput struct {
	ID   string `path:"id"`
	Body account.Change
}

type keysOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         json.RawMessage
}

func (a *API) register(ctx context.Context, in *registerInput) (*sessionOutput, error) {
	acc, err := a.Accounts.Register(ctx, in.Body.Email, in.Body.Password, in.Body.Role)
	if err != nil {
		return nil, err
	}
	return a.session(acc)
}

func (a *API) login(ctx context.Context, in *loginInput) (*sessionOutput, error) {
	acc, err := a.Accounts.Authenticate(ctx, in.Body.Email, in.Body.Password)
	if err != nil {
		return nil, err
	}
	return a.session(acc)
}

// session gives the holder of an account a token.
func (a *API) session(acc account.Account) (*sessionOutput, error) {
	key, err := a.Signing()
	if err != nil {
		return nil, err
	}
	signed, err := key.Sign(token.NewClaims(acc.Principal(), a.Now(), a.Lifetime))
	return &sessionOutput{session{
		Token: signed, ExpiresIn: int(a.Lifetime.Seconds()),
		User: user{ID: acc.ID, Email: acc.Email, Role: acc.Role, Organisation: acc.Organisation},
	}}, err
}

func (a *API) profile(ctx context.Context, _ *struct{}) (*accountOutput, error) {
	acc, err := a.Accounts.Own(ctx)
	return &accountOutput{acc}, err
}

func (a *API) changePassword(ctx context.Context, in *passwordInput) (*struct{}, error) {
	return nil, a.Accounts.ChangePassword(ctx, in.Body.CurrentPassword, in.Body.NewPassword)
}

func (a *API) list(ctx context.Context, in *listInput) (*listOutput, error) {
	page, err := a.Accounts.List(ctx, store.Query{Limit: in.Limit, Cursor: in.Cursor, Filters: map[string]string{
		"email": account.NormalEmail(in.Email), "role": string(in.Role), "organisation": in.Organisation,
	}})
	out := &listOutput{rest.List[account.Account]{NextCursor: page.Next}}
	for _, row := range page.Rows {
		out.Body.Items = append(out.Body.Items, row.Doc.Account)
	}
	return out, err
}

func (a *API) change(ctx context.Context, in *changeInput) (*accountOutput, error) {
	acc, err := a.Accounts.Change(ctx, in.ID, in.Body)
	return &accountOutput{acc}, err
}

func (a *API) keys(ctx context.Context, _ *struct{}) (*keysOutput, error) {
	if _, err := a.Signing(); err != nil {
		return nil, err
	}
	set, err := a.KeySet(ctx)
	return &keysOutput{CacheControl: "public, max-age=300", Body: set}, err
}
