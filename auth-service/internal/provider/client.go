package provider

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/login"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Client is the relying party of OpenID Connect. It is safe for concurrent use once its fields
// are set.
type Client struct {
	Config
	Finished *store.Collection[FinishedLogin]
	Key      func() ([]byte, error) // secret of the service, from which the key for transactions is derived
	Now      func() time.Time
	Log      *slog.Logger

	http      *http.Client
	discovery discovery
}

// New returns a client of the provider. RedirectURL must be set.
func New(cfg Config) *Client {
	if len(cfg.Scopes) == 0 {
		cfg.Scopes = Scopes{oidc.ScopeOpenID, oidc.ScopeEmail, oidc.ScopeProfile}
	}
	cfg.EmailVerifiedClaim = cmp.Or(cfg.EmailVerifiedClaim, emailVerified)
	return &Client{Config: cfg, http: newHTTPClient(), discovery: discovery{lock: make(chan struct{}, 1)}}
}

// Run waits until ctx is done, and then closes the idle connections to the provider.
func (c *Client) Run(ctx context.Context) error {
	<-ctx.Done()
	c.http.CloseIdleConnections()
	return nil
}

// Begin implements login.Provider.
func (c *Client) Begin(ctx context.Context) (address, sealed string, err error) {
	m, err := c.discover(ctx)
	if err != nil {
		return "", "", err
	}
	t := transaction{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), ExpiresAt: c.Now().Add(Lifetime)}
	if sealed, err = c.seal(t); err != nil {
		return "", "", err
	}
	return m.oauth.AuthCodeURL(t.State, oidc.Nonce(t.Nonce), oauth2.S256ChallengeOption(t.Verifier)), sealed, nil
}

// Finish implements login.Provider.
func (c *Client) Finish(ctx context.Context, sealed string, r login.ProviderResponse) (account.Assertion, error) {
	t, err := c.open(sealed)
	if err != nil {
		return account.Assertion{}, err
	}
	if err := c.checkResponse(t, r); err != nil {
		return account.Assertion{}, err
	}
	m, err := c.discover(ctx)
	if err != nil {
		return account.Assertion{}, err
	}
	token, err := c.exchange(ctx, m, r.Code, t)
	if err != nil {
		return account.Assertion{}, err
	}
	a, err := c.assertionOf(token)
	if err != nil {
		return account.Assertion{}, err
	}
	return a, c.use(ctx, t)
}

// isErrorCode reports whether an error of the provider may be in a response (RFC 6749, 4.1.2.1).
var isErrorCode = regexp.MustCompile(`^[a-z_]{1,40}$`).MatchString

// checkResponse checks the parameters that came with the browser. It fails with fault.Malformed
// if they do not belong to the transaction, and with fault.Unauthenticated if the provider
// refused the login.
func (c *Client) checkResponse(t transaction, r login.ProviderResponse) error {
	switch {
	case subtle.ConstantTimeCompare([]byte(r.State), []byte(t.State)) != 1:
		return fault.New(fault.Malformed, "the response of the identity provider does not belong to the login that this browser began last; begin again: GET /api/auth/oidc/login").
			With(fault.Detail{Path: "state", Code: "mismatch", Message: "must be the state of the latest login that this browser began"})
	case r.Issuer != "" && r.Issuer != c.Issuer: // RFC 9207
		return fault.New(fault.Unauthenticated, "the response is not from the configured identity provider")
	case r.Error != "":
		text := "the identity provider refused the login"
		if isErrorCode(r.Error) {
			text += " (" + r.Error + ")"
		}
		return fault.New(fault.Unauthenticated, "%s", text)
	case r.Code == "":
		return fault.New(fault.Malformed, "the response of the identity provider has no code").
			With(fault.Detail{Path: "code", Code: "required", Message: "is missing"})
	}
	return nil
}

// exchange returns the verified ID token for a code. It fails with fault.Unauthenticated, and
// with fault.Unavailable if the provider does not respond or does not accept the service.
func (c *Client) exchange(ctx context.Context, m *metadata, code string, t transaction) (*oidc.IDToken, error) {
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, c.http), timeout)
	defer cancel()
	response, err := m.oauth.Exchange(ctx, code, oauth2.VerifierOption(t.Verifier))
	if refusal, ok := errors.AsType[*oauth2.RetrieveError](err); ok && refusal.ErrorCode == "invalid_grant" {
		return nil, fault.New(fault.Unauthenticated, "the identity provider does not accept the code of the login: it was used before or has expired; begin again: GET /api/auth/oidc/login").Because(err)
	}
	if err != nil {
		return nil, errUnavailable(err)
	}
	text, _ := response.Extra("id_token").(string)
	keys := &keySet{KeySet: m.keys}
	token, err := oidc.NewVerifier(c.Issuer, keys, &oidc.Config{ClientID: c.ClientID, SupportedSigningAlgs: m.algorithms, Now: c.Now}).Verify(ctx, text)
	if _, ok := errors.AsType[*url.Error](keys.err); ok {
		return nil, errUnavailable(keys.err)
	}
	if err == nil {
		err = c.checkToken(token, t)
	}
	if err != nil {
		c.Log.WarnContext(ctx, "ID token refused", "err", err)
		return nil, fault.New(fault.Unauthenticated, "the ID token of the identity provider is not valid; ask an admin to check the log of the auth-service")
	}
	return token, nil
}

// checkToken checks the claims that package oidc does not check: nonce, azp and the length of sub.
func (c *Client) checkToken(token *oidc.IDToken, t transaction) error {
	var claims struct {
		AuthorizedParty string `json:"azp"`
	}
	if err := token.Claims(&claims); err != nil {
		return err
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(t.Nonce)) != 1:
		return errors.New("its nonce is not that of the login")
	case claims.AuthorizedParty != "" && claims.AuthorizedParty != c.ClientID, claims.AuthorizedParty == "" && len(token.Audience) > 1:
		return errors.New("its azp is not the client id of this service")
	case token.Subject == "" || len(token.Subject) > maxSubject:
		return errors.New("its sub does not have 1 to 255 characters")
	}
	return nil
}

// keySet stores the error of the last verification: the verifier returns only its text.
type keySet struct {
	oidc.KeySet
	err error
}

// VerifySignature implements oidc.KeySet.
func (k *keySet) VerifySignature(ctx context.Context, jwt string) (payload []byte, err error) {
	payload, k.err = k.KeySet.VerifySignature(ctx, jwt)
	return payload, k.err
}
