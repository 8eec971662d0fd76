package httpapi

import (
	"context"
	"net/http"

	"github.com/battery-passport/suite/auth-service/internal/login"
	"github.com/battery-passport/suite/pkg/rest"
)

// Paths of logins at the identity provider.
const (
	providerLoginPath = "/api/auth/oidc/login"
	ProviderCallback  = "/api/auth/oidc/callback"
)

// transactionSeconds is how long a browser keeps a login in progress.
const transactionSeconds = 600

type providerLoginInput struct {
	Proto string `header:"X-Forwarded-Proto" hidden:"true"`
}

type providerLoginOutput struct {
	Location string      `header:"Location" doc:"URL of the identity provider at which the person logs in"`
	Cookie   http.Cookie `header:"Set-Cookie" doc:"the login in progress, for this browser and 10 minutes"`
}

type providerCallbackInput struct {
	SecureCookie string `cookie:"__Host-oidc_login" doc:"the login in progress, over HTTPS"`
	PlainCookie  string `cookie:"oidc_login" doc:"the login in progress, over HTTP"`
	Proto        string `header:"X-Forwarded-Proto" hidden:"true"`
	State        string `query:"state" maxLength:"200" doc:"state of the login in progress"`
	Code         string `query:"code" maxLength:"8192" doc:"code of the identity provider; absent if there is an error"`
	Error        string `query:"error" maxLength:"200" doc:"why the identity provider refused the login, such as access_denied"`
	Issuer       string `query:"iss" maxLength:"2048" doc:"issuer of the identity provider, if it sends it (RFC 9207)"`
}

// providerTokensOutput also removes the cookie of the login in progress.
type providerTokensOutput struct {
	Cookies []string `header:"Set-Cookie" doc:"device token for later logins in this browser, and the end of the login in progress"`
	Body    tokens
}

func (a *API) registerProvider(r *rest.API, login rest.Policy) {
	login.CORS = rest.LinkedPages // the browser follows a link to the first, and comes to the second from the provider
	rest.Handle(r, "GET "+providerLoginPath, login, a.beginAtProvider, "logInAtProvider", "Log in at the identity provider", rest.Status(http.StatusFound), rest.Errors(http.StatusNotFound, http.StatusTooManyRequests),
		rest.Description("Open this URL in a browser: it redirects to the identity provider of the company (OpenID Connect), which sends the browser back to OIDC_REDIRECT_URL. 404 if OIDC_ISSUER is not set."))
	login.Query = rest.LenientQuery // providers add parameters
	rest.Handle(r, "GET "+ProviderCallback, login, a.finishAtProvider, "finishLogInAtProvider", "Finish a login at the identity provider", rest.Errors(http.StatusUnauthorized, http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests),
		rest.Description("The identity provider sends the browser here, with a code. A page of a front end at OIDC_REDIRECT_URL, on the origin of the auth-service, fetches it with the query that it was opened with. Returns the tokens of a login. A login can be finished once, in the browser that began it, within 10 minutes. 400: the response does not belong to such a login. 401: the identity provider refused the login, or its answer is not valid. 403: no account may be used."))
}

func (a *API) beginAtProvider(ctx context.Context, in *providerLoginInput) (*providerLoginOutput, error) {
	url, transaction, err := a.Logins.BeginAtProvider(withOrigin(ctx))
	if err != nil {
		return nil, err
	}
	return &providerLoginOutput{url, a.transactionCookie(in.Proto, transaction, transactionSeconds)}, nil
}

func (a *API) finishAtProvider(ctx context.Context, in *providerCallbackInput) (*providerTokensOutput, error) {
	transaction := in.PlainCookie
	if a.usesHTTPS(in.Proto) {
		transaction = in.SecureCookie // other hosts of the domain could set the plain one
	}
	g, err := a.Logins.LogInAtProvider(withOrigin(ctx), transaction, login.ProviderResponse{State: in.State, Code: in.Code, Error: in.Error, Issuer: in.Issuer})
	if err != nil {
		annotateFailure(ctx, g.Account.ID, err)
		return nil, err
	}
	out := a.tokens(ctx, g, in.Proto)
	end := a.transactionCookie(in.Proto, "", -1)
	return &providerTokensOutput{[]string{out.DeviceCookie, end.String()}, out.Body}, nil
}

// transactionCookie returns the cookie of a login in progress. The browser must send it when
// the identity provider, which is another site, redirects the browser back.
func (a *API) transactionCookie(proto, value string, maxAge int) http.Cookie {
	cookie := http.Cookie{Name: "oidc_login", Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: a.usesHTTPS(proto)}
	if cookie.Secure {
		cookie.Name = "__Host-" + cookie.Name
	}
	return cookie
}
