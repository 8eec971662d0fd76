package token

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
)

const (
	cacheSize    = 10_000 // verified tokens
	minSecret    = 32     // bytes of an HS256 secret
	jwksTimeout  = 1500 * time.Millisecond
	jwksInterval = 5 * time.Minute // between refreshes of the keys; an unknown key id causes one at once
)

// Config configures a Verifier.
type Config struct {
	Secret string `envconfig:"JWT_SECRET" secret:"true" desc:"secret of at least 32 characters, the same on all services, that switches tokens from EdDSA to HS256"`
	URL    string `envconfig:"AUTH_SERVICE_URL" default:"http://127.0.0.1:4000" desc:"where the auth-service publishes its keys, and which tokens were revoked; with https and a CA of your own, SSL_CERT_FILE names that"`
}

// Validate returns all that is wrong with c.
func (c Config) Validate() error {
	errs := []error{CheckSecret(c.Secret)}
	if u, err := url.Parse(c.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		errs = append(errs, fmt.Errorf("  AUTH_SERVICE_URL: must be an http or https URL, got %q", c.URL))
	}
	return errors.Join(errs...)
}

// CheckSecret returns what is wrong with a JWT_SECRET.
func CheckSecret(secret string) error {
	if secret != "" && len(secret) < minSecret {
		return fmt.Errorf("  JWT_SECRET: must have at least %d characters, got %d", minSecret, len(secret))
	}
	return nil
}

// Verifier verifies access tokens. It is safe for concurrent use once its fields
// are set.
type Verifier struct {
	Now  func() time.Time // time.Now if nil
	Feed Feed             // of revocations

	log    *slog.Logger
	parser *jwt.Parser
	secret []byte
	keys   keyfunc.Keyfunc // nil with a secret
	cache  *lru.Cache[[sha256.Size]byte, verified]
	revocations
}

// verified is a token that was verified before.
type verified struct {
	principal         auth.Principal
	account, session  string // opaque ids, as in revocations
	issued, validTill time.Time
}

// NewVerifier returns a verifier that reads keys and revocations from the
// auth-service, which need not be up. It refreshes the keys in the background until
// ctx is done; Run does the same with revocations.
func NewVerifier(ctx context.Context, c Config, log *slog.Logger) (*Verifier, error) {
	base := strings.TrimSuffix(c.URL, "/")
	var keys jwkset.Storage
	if c.Secret == "" {
		remote, err := keyfunc.NewDefaultOverrideCtx(ctx, []string{base + "/.well-known/jwks.json"}, keyfunc.Override{
			Client: &http.Client{CheckRedirect: refuseRedirect}, HTTPTimeout: jwksTimeout, RefreshInterval: jwksInterval,
			RefreshErrorHandlerFunc: func(string) func(context.Context, error) {
				return func(ctx context.Context, err error) { log.WarnContext(ctx, "keys cannot be fetched", "err", err) }
			},
			// Anybody can send tokens with key ids that do not exist.
			RefreshUnknownKID: rate.NewLimiter(rate.Every(time.Second), 1), RateLimitWaitMax: jwksTimeout,
		})
		if err != nil {
			return nil, err
		}
		keys = remote.Storage()
	}
	v, err := NewLocalVerifier(c.Secret, keys, remoteFeed(base), log)
	if err == nil {
		_ = v.ask(ctx) // Run tries again, and logs
	}
	return v, err
}

// NewLocalVerifier returns a verifier with the given keys, or with the secret if
// that is not empty, and with revocations from feed.
func NewLocalVerifier(secret string, keys jwkset.Storage, feed Feed, log *slog.Logger) (*Verifier, error) {
	cache, err := lru.New[[sha256.Size]byte, verified](cacheSize)
	v := &Verifier{Feed: feed, log: log, secret: []byte(secret), cache: cache}
	method := jwt.SigningMethodHS256.Alg()
	if secret == "" && err == nil {
		method = jwt.SigningMethodEdDSA.Alg()
		v.keys, err = keyfunc.New(keyfunc.Options{Storage: keys})
	}
	v.parser = jwt.NewParser(
		jwt.WithValidMethods([]string{method}), jwt.WithIssuer(Issuer), jwt.WithAudience(Audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(auth.Leeway), jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(v.now),
	)
	v.byID.Store(&map[string]auth.Revocation{})
	return v, err
}

func (v *Verifier) now() time.Time {
	if v.Now != nil {
		return v.Now()
	}
	return time.Now()
}

// Require returns a guard that admits callers with one of the roles, or with any
// if none is given. It fails with fault.Unauthenticated, fault.Forbidden, or
// fault.Unavailable while there are no keys.
func (v *Verifier) Require(roles ...auth.Role) func(context.Context, string) (context.Context, error) {
	return func(ctx context.Context, authorization string) (context.Context, error) {
		p, err := v.Verify(ctx, authorization)
		if err != nil {
			return nil, err
		}
		if len(roles) > 0 && !slices.Contains(roles, p.Role) {
			return auth.NewContext(ctx, p), fault.New(fault.Forbidden, "the role %s may not do this", p.Role)
		}
		return auth.NewContext(ctx, p), nil
	}
}

// Verify returns the caller that an Authorization header names. It fails as the
// guards of Require do.
func (v *Verifier) Verify(ctx context.Context, authorization string) (auth.Principal, error) {
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return auth.Principal{}, unauthenticated("missing", "send a token as «Authorization: Bearer …»", nil)
	}
	sum := sha256.Sum256([]byte(token))
	if hit, ok := v.cache.Get(sum); ok && v.now().Before(hit.validTill) {
		return v.unrevoked(hit)
	}
	var c Claims
	ready := v.hasKeys(ctx) // before parsing: a good token is not refused because keys arrive in between
	parsed, err := v.parser.ParseWithClaims(token, &c, v.key(ctx))
	if err != nil {
		return auth.Principal{}, v.refusal(ready, c, err)
	}
	if parsed.Header["typ"] != accessType || c.Subject == "" || !c.Role.Valid() || c.IssuedAt == nil {
		return auth.Principal{}, unauthenticated("type", "is no access token of this suite", nil)
	}
	known := verified{
		principal: auth.Principal{
			UserID: c.Subject, Email: c.Email, Role: c.Role, Organisation: c.Organisation, FormerOrganisations: c.FormerOrganisations,
			Session: c.Session, Version: c.Version,
		},
		account: auth.RevocationID(c.Subject), session: auth.RevocationID(c.Session), issued: c.IssuedAt.Time, validTill: c.ExpiresAt.Add(auth.Leeway),
	}
	v.cache.Add(sum, known)
	return v.unrevoked(known)
}

func (v *Verifier) key(ctx context.Context) jwt.Keyfunc {
	if v.keys != nil {
		return v.keys.KeyfuncCtx(ctx)
	}
	return func(*jwt.Token) (any, error) { return v.secret, nil }
}

// Ready fails with fault.Unavailable while there are no keys.
func (v *Verifier) CheckKeys(ctx context.Context) error {
	if !v.hasKeys(ctx) {
		_, _ = v.keys.Storage().KeyRead(ctx, "none") // fetches them, within the rate limit
	}
	if !v.hasKeys(ctx) {
		return fault.New(fault.Unavailable, "the auth-service has not given its keys")
	}
	return nil
}

func (v *Verifier) hasKeys(ctx context.Context) bool {
	if v.keys == nil {
		return true
	}
	keys, err := v.keys.Storage().KeyReadAll(ctx)
	return err == nil && len(keys) > 0
}
