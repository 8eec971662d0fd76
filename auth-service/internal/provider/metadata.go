package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/battery-passport/suite/pkg/fault"
)

const (
	timeout         = 5 * time.Second  // of the requests of a login to the provider
	refreshInterval = time.Hour        // of metadata and keys; an unknown key is requested at once
	checkInterval   = 30 * time.Second // between requests for a health check
	retryInterval   = 2 * time.Second  // after a failed request for the metadata
	retryAfter      = 5 * time.Second  // for clients, while the provider does not respond
	maxResponse     = 1 << 20          // bytes
)

// algorithms are the signature algorithms of ID tokens that are accepted. All are asymmetric.
var algorithms = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA}

// metadata contains the endpoints and keys of the provider (OpenID Connect Discovery 1.0).
type metadata struct {
	oauth      *oauth2.Config
	keys       oidc.KeySet
	algorithms []string
	requested  time.Time
}

// isFresh reports whether the metadata need not be requested again.
func (m *metadata) isFresh() bool { return m != nil && time.Since(m.requested) < refreshInterval }

// discovery holds the metadata of the latest successful request. The lock guards all fields, but current
// can be read without it: a request to a slow provider does not delay logins.
type discovery struct {
	lock    chan struct{}            // has an element while it is held
	current atomic.Pointer[metadata] // nil: none yet

	checked, failed time.Time
	failure         error // of the last request; nil: it succeeded
}

// discover returns the metadata of the provider. While the provider does not respond, they may be
// outdated. It fails with fault.Unavailable.
func (c *Client) discover(ctx context.Context) (*metadata, error) {
	m := c.discovery.current.Load()
	if m.isFresh() {
		return m, nil
	}
	err := c.withMetadata(ctx, func(d *discovery) error {
		var err error
		if !d.current.Load().isFresh() {
			err = c.request(ctx, d)
		}
		if m = d.current.Load(); m != nil {
			return nil
		}
		return err
	})
	return m, err
}

// Ping checks whether the provider responds, at most every 30 seconds. It fails with
// fault.Unavailable.
func (c *Client) Ping(ctx context.Context) error {
	return c.withMetadata(ctx, func(d *discovery) error {
		if d.failure == nil && time.Since(d.checked) < checkInterval {
			return nil
		}
		return c.request(ctx, d)
	})
}

// withMetadata runs f with the lock.
func (c *Client) withMetadata(ctx context.Context, f func(*discovery) error) error {
	select {
	case c.discovery.lock <- struct{}{}:
		defer func() { <-c.discovery.lock }()
		return f(&c.discovery)
	case <-ctx.Done():
		return errUnavailable(ctx.Err())
	}
}

// request requests the metadata, unless a request has just failed.
func (c *Client) request(ctx context.Context, d *discovery) error {
	if d.failure != nil && time.Since(d.failed) < retryInterval {
		return errUnavailable(d.failure)
	}
	bounded, cancel := context.WithTimeout(oidc.ClientContext(ctx, c.http), timeout)
	defer cancel()
	m, err := c.fetch(bounded)
	if err != nil {
		if ctx.Err() == nil { // otherwise it says nothing about the provider
			d.failure, d.failed = err, time.Now()
		}
		return errUnavailable(err)
	}
	d.failure, d.checked = nil, time.Now()
	if !d.current.Load().isFresh() {
		m.requested = d.checked
		d.current.Store(m)
	}
	return nil
}

func (c *Client) fetch(ctx context.Context) (*metadata, error) {
	p, err := oidc.NewProvider(ctx, c.Issuer)
	if err != nil {
		return nil, err
	}
	var published struct {
		Keys        string   `json:"jwks_uri"`
		Algorithms  []string `json:"id_token_signing_alg_values_supported"`
		AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := p.Claims(&published); err != nil {
		return nil, err
	}
	endpoint := p.Endpoint()
	for _, address := range []string{endpoint.AuthURL, endpoint.TokenURL, published.Keys} {
		if !isConfidential(address) {
			return nil, fmt.Errorf("an endpoint of the identity provider must have an https URL, got %q", address)
		}
	}
	if endpoint.AuthStyle = oauth2.AuthStyleInHeader; len(published.AuthMethods) > 0 && !slices.Contains(published.AuthMethods, "client_secret_basic") {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return &metadata{
		oauth: &oauth2.Config{ClientID: c.ClientID, ClientSecret: c.ClientSecret, Endpoint: endpoint, RedirectURL: c.RedirectURL, Scopes: c.Scopes},
		keys:  oidc.NewRemoteKeySet(ctx, published.Keys),
		// With none in common, package oidc accepts RS256, which each provider must support.
		algorithms: slices.DeleteFunc(published.Algorithms, func(a string) bool { return !slices.Contains(algorithms, a) }),
	}, nil
}

// errUnavailable returns the fault for a provider that does not respond or does not accept the
// service.
func errUnavailable(cause error) error {
	return fault.New(fault.Unavailable, "the identity provider does not respond, or does not accept this service; try again later").RetryIn(retryAfter).Because(cause)
}

func newHTTPClient() *http.Client {
	return &http.Client{
		Timeout:       timeout,
		Transport:     transport{http.DefaultTransport.(*http.Transport).Clone()},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the client secret goes to the configured provider only
	}
}

// transport limits the size of responses. It turns a response with status 429 or 5xx into an error, so
// that callers handle it like a provider that does not respond.
type transport struct{ *http.Transport }

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := t.Transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= http.StatusInternalServerError || res.StatusCode == http.StatusTooManyRequests {
		res.Body.Close()
		return nil, errors.New("the status of the response is " + res.Status)
	}
	res.Body = http.MaxBytesReader(nil, res.Body, maxResponse)
	return res, nil
}
