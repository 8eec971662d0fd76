package httpapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
)

// Grant types of the token endpoint.
const (
	clientCredentials = "client_credentials"
	refreshToken      = "refresh_token"
)

// Error codes of RFC 6749, 4.1.2.1 and 5.2.
const (
	invalidRequest       = "invalid_request"
	invalidClient        = "invalid_client"
	invalidGrant         = "invalid_grant"
	invalidScope         = "invalid_scope"
	unsupportedGrantType = "unsupported_grant_type"
	serverError          = "server_error"
	temporary            = "temporarily_unavailable"
)

// tokenForm documents the parameters of the token endpoint.
type tokenForm struct {
	GrantType    string `json:"grant_type" enum:"client_credentials,refresh_token" doc:"client_credentials: for an API client; refresh_token: for a person"`
	ClientID     string `json:"client_id,omitempty" doc:"id of the API client, if it does not send the header Authorization; battery-passport or absent for refresh_token"`
	ClientSecret string `json:"client_secret,omitempty" format:"password" doc:"secret of the API client, if it does not send the header Authorization"`
	Scope        string `json:"scope,omitempty" example:"passports:read passports:write" doc:"requested scopes, separated by spaces; absent: all scopes of the role; with refresh_token, the token always has all scopes of the role"`
	RefreshToken string `json:"refresh_token,omitempty" doc:"latest refresh token of a login, for refresh_token"`
}

type tokenInput struct {
	Authorization string `header:"Authorization" hidden:"true"`
	Form          rest.Form[tokenForm]
}

type tokenOutput struct {
	Pragma string `header:"Pragma" doc:"no-cache"`
	Body   tokenResponse
}

// tokenResponse is the response of RFC 6749, 5.1.
type tokenResponse struct {
	AccessToken  string `json:"access_token" doc:"access token (JWT, RFC 9068) for the header Authorization: Bearer TOKEN"`
	TokenType    string `json:"token_type" example:"Bearer" doc:"Bearer"`
	ExpiresIn    int    `json:"expires_in" example:"900" doc:"lifetime of the access token in seconds"`
	RefreshToken string `json:"refresh_token,omitempty" doc:"next refresh token, for refresh_token"`
	Scope        string `json:"scope" example:"passports:read documents:read" doc:"scopes of the access token"`
}

// tokenError is the error of RFC 6749, 5.2. It is sent instead of a problem.
type tokenError struct {
	Code        string `json:"error" example:"invalid_client" doc:"error code of RFC 6749"`
	Description string `json:"error_description" example:"the client is unknown or disabled, or its secret is wrong" doc:"what went wrong in this request"`

	status int
	header http.Header
}

func (e *tokenError) Error() string           { return e.Code + ": " + e.Description }
func (e *tokenError) GetStatus() int          { return e.status }
func (e *tokenError) GetHeaders() http.Header { return e.header }

// newTokenError returns the error for a code and a text, which must be ASCII without quotes and
// backslashes (RFC 6749, 5.2).
func newTokenError(code, text string) *tokenError {
	e := &tokenError{code, plain(text), http.StatusBadRequest, http.Header{"Pragma": {"no-cache"}}}
	switch code {
	case invalidClient:
		e.status = http.StatusUnauthorized
		e.header.Set("WWW-Authenticate", `Basic realm="battery-passport", charset="UTF-8"`)
	case serverError:
		e.status = http.StatusInternalServerError
	}
	return e
}

func plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '\''
		case r < ' ' || r > '~' || r == '\\':
			return '?'
		}
		return r
	}, text)
}

// tokenErrorOf returns the error for a fault. code is the error code for a fault of the
// request.
func tokenErrorOf(ctx context.Context, err error, code string) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err // an unexpected error, which is logged
	}
	e := newTokenError(code, f.Message)
	switch f.Kind {
	case fault.TooMany, fault.Unavailable:
		rest.LogError(ctx, err)
		e = newTokenError(temporary, f.Message)
		e.status = http.StatusTooManyRequests
		if f.Kind == fault.Unavailable {
			e.status = http.StatusServiceUnavailable
		}
		e.header.Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(f.RetryAfter.Seconds())))))
	case fault.Invalid:
		e = newTokenError(invalidScope, f.Message)
	}
	return e
}

// writeTokenError sends an error that occurs before the handler, as Policy.ErrorPage.
func writeTokenError(w http.ResponseWriter, _ *http.Request, status int, err error) bool {
	e := newTokenError(invalidRequest, "the request is refused")
	if f, ok := errors.AsType[*fault.Error](err); ok {
		e.Description = plain(f.Message)
	}
	switch {
	case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		e.Code = temporary
	case status >= http.StatusInternalServerError:
		e.Code = serverError
	}
	body, err := json.Marshal(e)
	if err != nil {
		return false
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client has disconnected
	return true
}

// token is the token endpoint of RFC 6749.
func (a *API) token(ctx context.Context, in *tokenInput) (*tokenOutput, error) {
	form, err := in.parameters()
	if err != nil {
		return nil, tokenErrorOf(ctx, err, invalidRequest)
	}
	switch form.Get("grant_type") {
	case "":
		return nil, newTokenError(invalidRequest, "grant_type is missing")
	case clientCredentials:
		return a.clientToken(ctx, in.Authorization, form)
	case refreshToken:
		return a.refreshedToken(ctx, in.Authorization, form)
	}
	return nil, newTokenError(unsupportedGrantType, "grant_type must be client_credentials or refresh_token")
}

// parameters returns the parameters of the form. A parameter without a value counts as absent.
func (in *tokenInput) parameters() (url.Values, error) {
	form, hasQuery, err := in.Form.Values()
	if err != nil {
		return nil, err
	}
	if hasQuery {
		return nil, fault.New(fault.Malformed, "parameters must be in the body: URLs are logged, so replace a secret that was in one")
	}
	for name, values := range form {
		if len(values) > 1 {
			return nil, fault.New(fault.Malformed, "the parameter %s must not be repeated", name)
		}
	}
	return form, nil
}

func (a *API) clientToken(ctx context.Context, authorization string, form url.Values) (*tokenOutput, error) {
	id, secret, err := credentialsOf(authorization, form)
	if err != nil {
		return nil, err
	}
	g, err := a.Clients.IssueToken(withOrigin(ctx), id, secret, strings.Fields(form.Get("scope")))
	if err != nil {
		if fault.Is(err, fault.Unauthenticated) {
			rest.Annotate(ctx, slog.String("security_event", string(audit.ClientFailed)))
		}
		return nil, tokenErrorOf(ctx, err, invalidClient)
	}
	rest.Annotate(ctx, slog.String("user", id))
	return a.newToken(g.AccessToken, "", g.Scopes), nil
}

// credentialsOf returns the id and the secret of a client: from the header (RFC 6749, 2.3.1),
// where both are encoded like a form, or from the form.
func credentialsOf(authorization string, form url.Values) (id, secret string, err error) {
	if authorization == "" {
		if id, secret = form.Get("client_id"), form.Get("client_secret"); id == "" || secret == "" {
			return "", "", newTokenError(invalidClient, "the credentials of the client are missing")
		}
		return id, secret, nil
	}
	if form.Get("client_secret") != "" {
		return "", "", newTokenError(invalidRequest, "the client must not send credentials both in the header and in the body")
	}
	scheme, encoded, _ := strings.Cut(authorization, " ")
	data, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	id, secret, ok := strings.Cut(string(data), ":")
	if err != nil || !ok || !strings.EqualFold(scheme, "Basic") {
		return "", "", newTokenError(invalidClient, "the header Authorization must be Basic with the id and the secret of the client")
	}
	id, idErr := url.QueryUnescape(id)
	secret, secretErr := url.QueryUnescape(secret)
	if errors.Join(idErr, secretErr) != nil {
		return "", "", newTokenError(invalidClient, "the id and the secret in the header Authorization must be percent-encoded")
	}
	if named := form.Get("client_id"); named != "" && named != id {
		return "", "", newTokenError(invalidRequest, "client_id differs from the client in the header Authorization")
	}
	return id, secret, nil
}

// refreshedToken continues the login of a person. People use the suite without an API client.
func (a *API) refreshedToken(ctx context.Context, authorization string, form url.Values) (*tokenOutput, error) {
	id := form.Get("client_id")
	switch {
	case authorization != "" || form.Get("client_secret") != "" || id != "" && id != token.WebClient:
		return nil, newTokenError(invalidClient, "API clients have no refresh tokens; people send none but client_id "+token.WebClient)
	case form.Get("refresh_token") == "":
		return nil, newTokenError(invalidRequest, "refresh_token is missing")
	}
	for _, scope := range strings.Fields(form.Get("scope")) {
		if !slices.Contains(auth.Admin.Scopes(), scope) {
			return nil, newTokenError(invalidScope, "a requested scope is unknown")
		}
	}
	g, err := a.Logins.Refresh(withOrigin(ctx), form.Get("refresh_token"))
	if err != nil {
		return nil, tokenErrorOf(ctx, err, invalidGrant)
	}
	rest.Annotate(ctx, slog.String("user", g.Account.ID))
	return a.newToken(g.AccessToken, g.RefreshToken, g.Account.Role.Scopes()), nil
}

func (a *API) newToken(access, refresh string, scopes []string) *tokenOutput {
	return &tokenOutput{"no-cache", tokenResponse{
		AccessToken: access, TokenType: "Bearer", ExpiresIn: int(a.TokenLifetime.Seconds()), RefreshToken: refresh, Scope: strings.Join(scopes, " "),
	}}
}
