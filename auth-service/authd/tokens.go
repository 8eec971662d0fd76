package authd

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"

	"github.com/battery-passport/suite/pkg/auth/token"
)

// checkTokens returns an error that names the wrong settings of access tokens.
func (c Config) checkTokens() error {
	var errs []error
	switch a := c.algorithm(); a {
	case token.ES256, token.EdDSA:
	case token.HS256:
		if c.TokenSecret == "" {
			errs = append(errs, errors.New("  JWT_SECRET: is missing, JWT_ALGORITHM is HS256"))
		}
	default:
		errs = append(errs, fmt.Errorf("  JWT_ALGORITHM: must be ES256, EdDSA or HS256, got %q", a))
	}
	// RFC 8414, 2 and 3: the issuer has no query and no fragment. With a path, its metadata would
	// be at a location that the service does not serve.
	if u, err := url.Parse(c.IssuerURL); c.IssuerURL != "" && (err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || c.IssuerURL != u.Scheme+"://"+u.Host) {
		errs = append(errs, fmt.Errorf("  ISSUER_URL: must be an http or https URL without user, path and query, got %q", c.IssuerURL))
	}
	return errors.Join(errs...)
}

// algorithm returns the algorithm that signs access tokens.
func (c Config) algorithm() token.Algorithm {
	if c.Algorithm == "" && c.TokenSecret != "" {
		return token.HS256
	}
	return cmp.Or(token.Algorithm(c.Algorithm), token.ES256)
}

// issuer returns the URL of the service for its clients: ISSUER_URL or, if that is empty, its
// address.
func (c Config) issuer() string {
	scheme, port := "http://", strconv.Itoa(int(c.Port))
	if c.HTTP.CertFile != "" {
		scheme = "https://"
	}
	if l := c.HTTP.Listener; l != nil {
		_, port, _ = net.SplitHostPort(l.Addr().String()) // never fails for the address of a listener
	}
	return cmp.Or(c.IssuerURL, scheme+net.JoinHostPort("127.0.0.1", port))
}
