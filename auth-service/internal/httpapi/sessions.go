package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/auth-service/internal/login"
	"github.com/battery-passport/suite/auth-service/internal/session"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
)

type registration struct {
	Email    string    `json:"email" format:"email" maxLength:"254" example:"ann@nordlicht.example" doc:"email address of the account"`
	Password string    `json:"password" minLength:"8" maxLength:"1024" example:"correct horse battery" doc:"password that is not one of the 3,000 most common"`
	Role     auth.Role `json:"role,omitempty" enum:"admin,operator,user,legitimate_interest,authority" doc:"user, the default; the first account of an installation may be an admin; an admin assigns all other roles, see Account"`
}

type credentials struct {
	Email       string `json:"email" maxLength:"254" example:"ann@nordlicht.example" doc:"email address of the account"`
	Password    string `json:"password" maxLength:"1024" example:"correct horse battery" doc:"password of the account"`
	DeviceToken string `json:"deviceToken,omitempty" maxLength:"200" doc:"device token of an earlier login on this device, if the client does not send it as a cookie; failed logins elsewhere do not affect this device then"`
}

type loginInput struct {
	SecureCookie string `cookie:"__Secure-device_token" doc:"device token of an earlier login in this browser, over HTTPS"`
	PlainCookie  string `cookie:"device_token" doc:"device token of an earlier login in this browser, over HTTP"`
	Proto        string `header:"X-Forwarded-Proto" hidden:"true"` // forging it affects only the sender
	Body         credentials
}

// tokensOutput sets the device token as a cookie too, for browsers. A login that needs another step has
// neither tokens nor a cookie.
type tokensOutput struct {
	Status       int
	DeviceCookie string `header:"Set-Cookie" doc:"device token for later logins in this browser"`
	Body         tokens
}

type registrationInput struct {
	Proto string `header:"X-Forwarded-Proto" hidden:"true"`
	Body  registration
}

type refreshInput struct {
	Proto string `header:"X-Forwarded-Proto" hidden:"true"`
	Body  tokenRefresh
}

type tokenRefresh struct {
	RefreshToken string `json:"refreshToken" maxLength:"200" doc:"latest refresh token of the session"`
}

type logout struct {
	RefreshToken string `json:"refreshToken" maxLength:"200" doc:"refresh token of the session"`
	Everywhere   bool   `json:"everywhere,omitempty" doc:"true ends all sessions of the account, on every device; requires the latest or the previous refresh token"`
}

// pendingLogin is the response to a login or registration that needs another step.
type pendingLogin struct {
	Message           string `json:"message" example:"Enter the code of your authenticator app, or a recovery code." doc:"what happens next, for people"`
	MFARequired       bool   `json:"mfaRequired,omitzero" doc:"true if the login needs a code: send it with the challenge to POST /api/auth/login/totp; absent if the email address must be confirmed"`
	EnrolmentRequired bool   `json:"enrolmentRequired,omitzero" doc:"true if the account must have TOTP and has none: POST /api/auth/login/totp/enrolment with the challenge returns the secret for an authenticator app"`
	Challenge         string `json:"challenge,omitempty" doc:"proves that the password was right; can be used for one login"`
	ExpiresIn         int    `json:"expiresIn,omitzero" example:"300" doc:"lifetime of the challenge in seconds"`
}

// pendingRegistration is the same for addresses with and without an account.
const pendingRegistration = "A mail is on its way to this address. Open its link to confirm the address. You can log in already."

// MarshalJSON implements json.Marshaler.
func (t tokens) MarshalJSON() ([]byte, error) {
	if t.pending != nil {
		return json.Marshal(t.pending)
	}
	type plain tokens
	return json.Marshal(plain(t))
}

type tokens struct {
	pending *pendingLogin // instead of tokens

	Token        string         `json:"token" doc:"access token (JWT) for the header Authorization: Bearer TOKEN"`
	RefreshToken string         `json:"refreshToken" doc:"refresh token for POST /api/auth/refresh; can be used once"`
	DeviceToken  string         `json:"deviceToken" doc:"device token for later logins on this device; valid for 90 days and until the password changes; gives no access"`
	ExpiresIn    int            `json:"expiresIn" example:"900" doc:"lifetime of the access token in seconds"`
	User         accountSummary `json:"user" doc:"account of the tokens"`

	RecoveryCodes []string `json:"recoveryCodes,omitempty" doc:"ten codes that replace those of the authenticator app once each, if this login has set it up; they are not shown again"`
}

type accountSummary struct {
	ID            string    `json:"id" format:"uuid" doc:"id of the account"`
	Email         string    `json:"email" example:"ann@nordlicht.example" doc:"email address of the account"`
	Role          auth.Role `json:"role" enum:"admin,operator,user,legitimate_interest,authority" doc:"role of the account, see Account"`
	Organisation  string    `json:"organisation,omitempty" example:"nordlicht-battery" doc:"id of the organisation; absent if the account has none"`
	Manager       bool      `json:"manager,omitzero" doc:"whether the account manages its organisation"`
	EmailVerified *bool     `json:"emailVerified,omitempty" doc:"false while the email address must be confirmed, see Account"`
}

func (a *API) register(ctx context.Context, in *registrationInput) (*tokensOutput, error) {
	g, pending, err := a.Logins.Register(withOrigin(ctx), in.Body.Email, in.Body.Password, in.Body.Role)
	if pending {
		return newPending(pendingLogin{Message: pendingRegistration}), err
	}
	out := a.tokens(ctx, g, in.Proto)
	if out.Status == http.StatusOK {
		out.Status = http.StatusCreated
	}
	return out, err
}

func (a *API) login(ctx context.Context, in *loginInput) (*tokensOutput, error) {
	g, err := a.Logins.LogIn(withOrigin(ctx), in.Body.Email, in.Body.Password, cmp.Or(in.Body.DeviceToken, in.SecureCookie, in.PlainCookie))
	if err != nil {
		annotateFailure(ctx, g.Account.ID, err)
		return nil, err
	}
	return a.tokens(ctx, g, in.Proto), nil
}

func (a *API) refresh(ctx context.Context, in *refreshInput) (*tokensOutput, error) {
	g, err := a.Logins.Refresh(withOrigin(ctx), in.Body.RefreshToken)
	return a.tokens(ctx, g, in.Proto), err
}

// annotateFailure adds the security event of a failed login to the access log.
func annotateFailure(ctx context.Context, id string, err error) {
	event := audit.LoginFailed
	switch {
	case fault.Is(err, fault.TooMany):
		event = audit.LoginThrottled
	case errors.Is(err, account.ErrWrongCode):
		event = audit.CodeFailed
	case fault.Is(err, fault.Unavailable):
		return
	}
	rest.Annotate(ctx, slog.String("security_event", string(event)))
	if id != "" {
		rest.Annotate(ctx, slog.String("account", id))
	}
}

// loginPath is the only path that browsers send the device token to.
const loginPath = "/api/auth/login"

func newPending(p pendingLogin) *tokensOutput {
	return &tokensOutput{Status: http.StatusAccepted, Body: tokens{pending: &p}}
}

// tokens encodes a grant and adds its account to the access log. Proto is the protocol
// that a proxy was called with.
func (a *API) tokens(ctx context.Context, g login.Grant, proto string) *tokensOutput {
	if g.Account.ID != "" {
		rest.Annotate(ctx, slog.String("user", g.Account.ID))
	}
	if g.Challenge != "" {
		return newPending(pendingOf(g))
	}
	cookie := http.Cookie{
		Name: "device_token", Value: g.DeviceToken, Path: loginPath, MaxAge: int(session.DeviceLifetime.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: a.usesHTTPS(proto),
	}
	if cookie.Secure {
		cookie.Name = "__Secure-" + cookie.Name
	}
	return &tokensOutput{
		http.StatusOK, cookie.String(),
		tokens{
			Token: g.AccessToken, RefreshToken: g.RefreshToken, DeviceToken: g.DeviceToken, ExpiresIn: int(a.TokenLifetime.Seconds()),
			User:          accountSummary{ID: g.Account.ID, Email: g.Account.Email, Role: g.Account.Role, Organisation: g.Account.Organisation, Manager: g.Account.Manager, EmailVerified: g.Account.EmailVerified},
			RecoveryCodes: g.RecoveryCodes,
		},
	}
}

// usesHTTPS reports whether the client uses HTTPS. Proto is the protocol that a proxy was called
// with.
func (a *API) usesHTTPS(proto string) bool { return a.HTTPS || proto == "https" }

func (a *API) logout(ctx context.Context, in *input[logout]) (*struct{}, error) {
	if in.Body.Everywhere {
		return nil, a.Logins.LogOutEverywhere(withOrigin(ctx), in.Body.RefreshToken)
	}
	return nil, a.Logins.LogOut(withOrigin(ctx), in.Body.RefreshToken)
}

type revocationsInput struct {
	Since string `query:"since" maxLength:"300" doc:"value of since in the previous response; without it, the list has all current revocations"`
}

func (a *API) revocations(ctx context.Context, in *revocationsInput) (*output[auth.Revocations], error) {
	r, err := a.Sessions.RevocationsSince(ctx, in.Since)
	return &output[auth.Revocations]{r}, err
}
