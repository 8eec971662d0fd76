package token

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
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
	minSecret    = 32     // bytes
	jwksTimeout  = 1500 * time.Millisecond
	jwksInterval = 5 * time.Minute // refresh of the keys; an unknown key id triggers another one
)

// Config configures a Verifier.
type Config struct {
	Secret string `envconfig:"JWT_SECRET" secret:"true" desc:"Secret that signs access tokens with HS256, at least 32 characters, the same in all services; see JWT_ALGORITHM. Empty: tokens with HS256 are refused."`
	URL    string `envconfig:"AUTH_SERVICE_URL" default:"http://127.0.0.1:4000" desc:"Base URL of the auth-service, from which keys and revocations are read. For https with a private CA, set SSL_CERT_FILE to the PEM file of the CA."`

	Revocations RevocationConfig
}

// Validate returns one error for each invalid setting.
func (c Config) Validate() error {
	errs := []error{CheckSecret(c.Secret)}
	if u, err := url.Parse(c.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		errs = append(errs, fmt.Errorf("  AUTH_SERVICE_URL: must be an http or https URL, got %q", c.URL))
	}
	return errors.Join(errs...)
}

// CheckSecret returns an error if secret is neither empty nor a valid JWT_SECRET.
func CheckSecret(secret string) error { return checkSecret("JWT_SECRET", secret) }

func checkSecret(setting, secret string) error {
	if secret != "" && len(secret) < minSecret {
		return fmt.Errorf("  %s: must have at least %d characters, got %d", setting, minSecret, len(secret))
	}
	return nil
}

// Verifier verifies access tokens. It is safe for concurrent use; its fields must be
// set before the first call.
type Verifier struct {
	Now  func() time.Time // time.Now if nil
	Feed Feed
	// MaxAge is the age of the revocations above which writes and requests to admin routes are
	// refused; 0: never.
	MaxAge time.Duration
	// IsRead reports whether the request of a context is a read. If it is nil, every request
	// counts as a write.
	IsRead func(context.Context) bool
	// Resource is the first part of the scopes that requests to the service need, such as
	// passports; empty: requests need no scope.
	Resource string

	log    *slog.Logger
	parser *jwt.Parser
	secret []byte          // empty: tokens with HS256 are refused
	keys   keyfunc.Keyfunc // nil: only tokens with HS256 are accepted
	cache  *lru.Cache[[sha256.Size]byte, verified]
	revocations
}

// verified is the cached result for a valid token.
type verified struct {
	principal          auth.Principal
	account, session   string   // ids in the list of revocations
	former             []string // ids in that list for the former ids of the organisation
	issued, validUntil time.Time
}

// NewVerifier returns a verifier that reads keys and revocations from the
// auth-service, which may still be down. The keys are refreshed in the background
// until ctx is done; revocations are refreshed by Run.
func NewVerifier(ctx context.Context, c Config, log *slog.Logger) (*Verifier, error) {
	base := strings.TrimSuffix(c.URL, "/")
	keys, err := keyfunc.NewDefaultOverrideCtx(ctx, []string{base + auth.KeysPath}, keyfunc.Override{
		Client: newClient(c.Revocations.Secret), HTTPTimeout: jwksTimeout, RefreshInterval: jwksInterval,
		RefreshErrorHandlerFunc: func(string) func(context.Context, error) {
			return func(ctx context.Context, err error) { log.WarnContext(ctx, "signing keys not fetched", "err", err) }
		},
		// A limit, because anybody can send tokens with unknown key ids.
		RefreshUnknownKID: rate.NewLimiter(rate.Every(time.Second), 1), RateLimitWaitMax: jwksTimeout,
	})
	if err != nil {
		return nil, err
	}
	v, err := NewLocalVerifier(c.Secret, keys.Storage(), remoteFeed(base, c.Revocations.Secret), log)
	if err == nil {
		v.MaxAge = c.Revocations.MaxAge
		_ = v.poll(ctx) // Run retries and logs errors
	}
	return v, err
}

// NewLocalVerifier returns a verifier that accepts tokens signed with keys or, unless it is
// empty, with the secret. It reads revocations from feed. Keys may be nil if there is a secret.
func NewLocalVerifier(secret string, keys jwkset.Storage, feed Feed, log *slog.Logger) (*Verifier, error) {
	cache, err := lru.New[[sha256.Size]byte, verified](cacheSize)
	v := &Verifier{Feed: feed, log: log, secret: []byte(secret), cache: cache}
	var methods []string
	if secret != "" {
		methods = append(methods, string(HS256))
	}
	if keys != nil && err == nil {
		methods = append(methods, string(ES256), string(EdDSA))
		v.keys, err = keyfunc.New(keyfunc.Options{Storage: keys})
	}
	v.parser = jwt.NewParser(
		jwt.WithValidMethods(methods), jwt.WithAudience(Audience),
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

// Require returns a guard that accepts callers with one of the roles, or with any
// role if none is given. The guard takes the Authorization header and returns a
// context with the caller. It fails with fault.Unauthenticated, fault.Forbidden, or
// fault.Unavailable while no keys have been fetched. It also fails with
// fault.Unavailable for writes, and for routes whose only role is admin, while the
// revocations are older than MaxAge. Handlers of long requests repeat the checks with
// auth.Recheck.
func (v *Verifier) Require(roles ...auth.Role) func(context.Context, string) (context.Context, error) {
	return func(ctx context.Context, authorization string) (context.Context, error) {
		t, err := v.verify(ctx, authorization)
		if err != nil {
			return nil, err
		}
		checkAgain := func(ctx context.Context) error {
			if err := v.checkRevoked(t); err != nil {
				return err
			}
			return v.checkRole(ctx, t.principal, roles)
		}
		return auth.WithRecheck(auth.NewContext(ctx, t.principal), checkAgain), v.checkRole(ctx, t.principal, roles)
	}
}

// checkRole fails if the caller has none of the roles, if the access token does not have the scope,
// or if the revocations are too old for the request.
func (v *Verifier) checkRole(ctx context.Context, p auth.Principal, roles []auth.Role) error {
	if len(roles) > 0 && !slices.Contains(roles, p.Role) {
		return fault.New(fault.Forbidden, "the role %s is not allowed to do this", p.Role)
	}
	isRead := v.IsRead != nil && v.IsRead(ctx)
	if v.Resource != "" {
		if scope := p.MissingScope(v.Resource, isRead); scope != "" {
			return fault.New(fault.Forbidden, "the access token must have the scope %s; request a token with this scope, or name no scope to get all scopes of the role", scope).
				With(fault.Detail{Path: "header:Authorization", Code: fault.MissingScope, Message: "must have the scope " + scope})
		}
	}
	if forAdmins := slices.Equal(roles, []auth.Role{auth.Admin}); forAdmins || !isRead {
		return v.checkAge()
	}
	return nil
}

// Verify returns the caller of an Authorization header. It fails with
// fault.Unauthenticated, or with fault.Unavailable while no keys have been fetched.
func (v *Verifier) Verify(ctx context.Context, authorization string) (auth.Principal, error) {
	t, err := v.verify(ctx, authorization)
	return t.principal, err
}

func (v *Verifier) verify(ctx context.Context, authorization string) (verified, error) {
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, bearer) || token == "" {
		return verified{}, unauthenticated("missing", "is missing; expected Authorization: Bearer <access token>", nil)
	}
	sum := sha256.Sum256([]byte(token))
	if cached, ok := v.cache.Get(sum); ok && v.now().Before(cached.validUntil) {
		return v.checkCurrent(cached)
	}
	var c Claims
	ready := v.hasKeys(ctx) // read before parsing, so that keys arriving later do not cause a 401 for a valid token
	parsed, err := v.parser.ParseWithClaims(token, &c, v.key(ctx))
	if err != nil {
		return verified{}, v.refusal(ready, c, err)
	}
	if want := v.issuer.Load(); want != nil && !isIssuer(c.Issuer, *want) {
		return verified{}, unauthenticated("issuer", "must have the issuer "+*want, nil)
	}
	if parsed.Header["typ"] != accessType || c.Subject == "" || !c.Role.Valid() || c.IssuedAt == nil {
		return verified{}, unauthenticated("type", "is not an access token of the auth-service", nil)
	}
	result := verified{
		principal: auth.Principal{
			UserID: c.Subject, Email: c.Email, Role: c.Role, Organisation: c.Organisation, FormerOrganisations: c.FormerOrganisations,
			Session: c.Session, Version: c.Version, Client: c.ClientID == c.Subject, EmailUnverified: c.EmailVerified != nil && !*c.EmailVerified,
			Scopes: c.scopes(),
		},
		account: auth.RevocationID(c.Subject), session: auth.RevocationID(c.Session), issued: c.IssuedAt.Time, validUntil: c.ExpiresAt.Add(auth.Leeway),
	}
	for _, id := range c.FormerOrganisations {
		result.former = append(result.former, auth.RevocationID(auth.FormerOrganisationTokens(c.Organisation, id)))
	}
	v.cache.Add(sum, result)
	return v.checkCurrent(result)
}

// local is the issuer of an auth-service without ISSUER_URL, up to its port.
const local = "http://127.0.0.1:"

// isIssuer reports whether a token with the issuer got is accepted if the auth-service has the
// issuer want: they are equal, got is the issuer of an earlier release, or both are local. The
// port of a local service can change with a restart.
func isIssuer(got, want string) bool {
	return got == want || got == Issuer || strings.HasPrefix(got, local) && strings.HasPrefix(want, local)
}

// key returns the key that verifies a token: the secret for HS256, otherwise the public key in
// the key set with the key id and algorithm of the token.
func (v *Verifier) key(ctx context.Context) jwt.Keyfunc {
	return func(t *jwt.Token) (any, error) {
		if t.Method.Alg() == string(HS256) {
			return v.secret, nil
		}
		return v.keys.KeyfuncCtx(ctx)(t)
	}
}

// CheckKeys fails with fault.Unavailable while no keys have been fetched. It fetches
// them if necessary.
func (v *Verifier) CheckKeys(ctx context.Context) error {
	if !v.hasKeys(ctx) {
		_, _ = v.keys.Storage().KeyRead(ctx, "none") // an unknown id triggers a refresh, within the rate limit
	}
	if !v.hasKeys(ctx) {
		return fault.New(fault.Unavailable, "no signing keys have been fetched from the auth-service")
	}
	return nil
}

func (v *Verifier) hasKeys(ctx context.Context) bool {
	if len(v.secret) > 0 {
		return true
	}
	keys, err := v.keys.Storage().KeyReadAll(ctx)
	return err == nil && len(keys) > 0
}
