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
	"sync/atomic"
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
	cached       = 10_000 // verified tokens that are remembered
	minSecret    = 32     // bytes of an HS256 secret
	jwksTimeout  = 1500 * time.Millisecond
	jwksInterval = 5 * time.Minute // after which keys are fetched again; a new one is fetched when it is first seen
)

// Config says how tokens are verified.
type Config struct {
	Secret string `envconfig:"JWT_SECRET" secret:"true" desc:"secret of at least 32 characters, the same on all services, that switches tokens from EdDSA to HS256"`
	URL    string `envconfig:"AUTH_SERVICE_URL" default:"http://127.0.0.1:4000" desc:"where the auth-service publishes its keys, and which tokens were revoked; with https and a CA of your own, SSL_CERT_FILE names that"`
}

// Validate tells what is wrong with c.
func (c Config) Validate() error {
	errs := []error{CheckSecret(c.Secret)}
	if u, err := url.Parse(c.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		errs = append(errs, errors.New("  AUTH_SERVICE_URL: is no http or https URL"))
	}
	return errors.Join(errs...)
}

// CheckSecret tells what is wrong with a JWT_SECRET.
func CheckSecret(secret string) error {
	if secret != "" && len(secret) < minSecret {
		return fmt.Errorf("  JWT_SECRET: has %d characters, and needs %d", len(secret), minSecret)
	}
	return nil
}

// Verifier tells who sent a token. It is safe for concurrent use, once its
// fields are set.
type Verifier struct {
	Now  func() time.Time // time.Now where it is nil
	Feed Feed             // what Run asks

	log    *slog.Logger
	parser *jwt.Parser
	secret []byte
	keys   jwkset.Storage // where secret is nil
	jwks   keyfunc.Keyfunc
	seen   *lru.Cache[[sha256.Size]byte, known]

	revoked  atomic.Pointer[map[string]auth.Revocation]
	lifetime atomic.Int64 // of a token, as a time.Duration; 0: nobody has told
	heard    atomic.Int64 // UnixNano
	// Of Run alone:
	since  string
	forget time.Time // when to look for what can be forgotten
}

// known is a token that was verified.
type known struct {
	principal        auth.Principal
	account, session string // opaque
	issued, until    time.Time
}

// NewVerifier returns a verifier by c, which asks the auth-service once for its
// keys and for revocations; that need not be up. It fetches the keys again in
// the background until ctx is done; revocations are for Run.
func NewVerifier(ctx context.Context, c Config, log *slog.Logger) (*Verifier, error) {
	base := strings.TrimSuffix(c.URL, "/")
	v, err := newRemoteVerifier(ctx, c.Secret, base, log)
	if err != nil {
		return nil, err
	}
	v.Feed, v.log = remoteFeed(base), log
	_ = v.ask(ctx) // Run tells
	return v, nil
}

func newRemoteVerifier(ctx context.Context, secret, base string, log *slog.Logger) (*Verifier, error) {
	if secret != "" {
		return newVerifier([]byte(secret), nil)
	}
	address := base + "/.well-known/jwks.json"
	remote, err := jwkset.NewStorageFromHTTP(address, jwkset.HTTPClientStorageOptions{
		Ctx: ctx, Client: &http.Client{CheckRedirect: stay}, HTTPTimeout: jwksTimeout, RefreshInterval: jwksInterval, NoErrorReturnFirstHTTPReq: true,
		RefreshErrorHandler: func(ctx context.Context, err error) { log.WarnContext(ctx, "keys cannot be fetched", "err", err) },
	})
	if err != nil {
		return nil, err
	}
	keys, err := jwkset.NewHTTPClient(jwkset.HTTPClientOptions{
		HTTPURLs:         map[string]jwkset.Storage{address: remote},
		RateLimitWaitMax: jwksTimeout,
		// A token with an unknown key asks for the keys, whoever made it up.
		RefreshUnknownKID: rate.NewLimiter(rate.Every(time.Second), 1),
	})
	if err != nil {
		return nil, err
	}
	return newVerifier(nil, keys)
}

// NewLocalVerifier returns a verifier with the keys at hand, or with the secret
// where that is not empty, and with revocations from feed.
func NewLocalVerifier(secret string, keys jwkset.Storage, feed Feed, log *slog.Logger) (*Verifier, error) {
	if secret != "" {
		keys = nil
	}
	v, err := newVerifier([]byte(secret), keys)
	if err != nil {
		return nil, err
	}
	v.Feed, v.log = feed, log
	return v, nil
}

func newVerifier(secret []byte, keys jwkset.Storage) (*Verifier, error) {
	v := &Verifier{secret: secret, keys: keys}
	method := jwt.SigningMethodHS256.Alg()
	if keys != nil {
		v.secret = nil
		method = jwt.SigningMethodEdDSA.Alg()
		jwks, err := keyfunc.New(keyfunc.Options{Storage: keys})
		if err != nil {
			return nil, err
		}
		v.jwks = jwks
	}
	v.parser = jwt.NewParser(
		jwt.WithValidMethods([]string{method}), jwt.WithIssuer(Issuer), jwt.WithAudience(Audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(auth.Leeway), jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(v.now),
	)
	seen, err := lru.New[[sha256.Size]byte, known](cached)
	v.seen = seen
	v.revoked.Store(&map[string]auth.Revocation{})
	return v, err
}

func (v *Verifier) now() time.Time {
	if v.Now != nil {
		return v.Now()
	}
	return time.Now()
}

// Require returns a guard that lets callers with one of the roles pass, all
// where none is named. It fails with fault.Unauthenticated, fault.Forbidden, or
// fault.Unavailable while there are no keys.
func (v *Verifier) Require(roles ...auth.Role) func(context.Context, string) (context.Context, error) {
	return func(ctx context.Context, authorization string) (context.Context, error) {
		p, err := v.Verify(ctx, authorization)
		if err != nil {
			return nil, err
		}
		if len(roles) > 0 && !slices.Contains(roles, p.Role) {
			return auth.With(ctx, p), fault.New(fault.Forbidden, "the role %s may not do this", p.Role)
		}
		return auth.With(ctx, p), nil
	}
}

// Verify returns who sent the Authorization header.
func (v *Verifier) Verify(ctx context.Context, authorization string) (auth.Principal, error) {
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return auth.Principal{}, unauthenticated("missing", "send a token as «Authorization: Bearer …»", nil)
	}
	sum := sha256.Sum256([]byte(token))
	if hit, ok := v.seen.Get(sum); ok && v.now().Before(hit.until) {
		return v.unrevoked(hit)
	}
	var c Claims
	ready := v.hasKeys(ctx) // before the token is read: keys that come meanwhile do not make it a wrong one
	parsed, err := v.parser.ParseWithClaims(token, &c, v.keyOf(ctx))
	if err != nil {
		return auth.Principal{}, refuse(ready, c, v.now(), err)
	}
	if parsed.Header["typ"] != accessType || c.Subject == "" || !c.Role.Valid() || c.IssuedAt == nil {
		return auth.Principal{}, unauthenticated("type", "is no access token of this suite", nil)
	}
	k := known{
		principal: auth.Principal{
			UserID: c.Subject, Email: c.Email, Role: c.Role, Organisation: c.Organisation, FormerOrganisations: c.FormerOrganisations,
			Session: c.Session, Version: c.Version,
		},
		account: auth.Opaque(c.Subject), session: auth.Opaque(c.Session), issued: c.IssuedAt.Time, until: c.ExpiresAt.Add(auth.Leeway),
	}
	v.seen.Add(sum, k)
	return v.unrevoked(k)
}

func (v *Verifier) unrevoked(k known) (auth.Principal, error) {
	if v.isTooOld(k) {
		return auth.Principal{}, unauthenticated("expired", "is older than tokens may be by now; refresh it, or log in again", nil)
	}
	if v.isRevoked(k) {
		return auth.Principal{}, unauthenticated("revoked", "was revoked: by a logout, or because the account has changed; refresh it, or log in again", nil)
	}
	return k.principal, nil
}

func (v *Verifier) keyOf(ctx context.Context) jwt.Keyfunc {
	if v.secret != nil {
		return func(*jwt.Token) (any, error) { return v.secret, nil }
	}
	return v.jwks.KeyfuncCtx(ctx)
}

// refuse says what is wrong with a token, as far as its sender can tell anyway.
func refuse(ready bool, c Claims, now time.Time, err error) error {
	if errors.Is(err, jwt.ErrTokenUnverifiable) && !ready {
		return fault.New(fault.Unavailable, "the keys that tokens are verified with are not there yet").Because(err)
	}
	for _, c := range []struct {
		err           error
		code, message string
	}{
		{jwt.ErrTokenMalformed, "malformed", "is no JWT"},
		{jwt.ErrTokenUnverifiable, "key", "is signed with a key that is not known here"},
		{jwt.ErrTokenSignatureInvalid, "signature", "has a signature or an algorithm that does not count here"},
		{jwt.ErrTokenExpired, "expired", "has expired" + ago(c.ExpiresAt, now) + "; log in again"},
		{jwt.ErrTokenNotValidYet, "notYetValid", "does not count yet" + ahead(c.NotBefore, now)},
		{jwt.ErrTokenUsedBeforeIssued, "notYetValid", "was issued in the future" + ahead(c.IssuedAt, now)},
		{jwt.ErrTokenInvalidIssuer, "issuer", "has another issuer"},
		{jwt.ErrTokenInvalidAudience, "audience", "is meant for somebody else"},
	} {
		if errors.Is(err, c.err) {
			return unauthenticated(c.code, c.message, err)
		}
	}
	return unauthenticated("claims", "does not say what it has to", err)
}

// ago says how long a time is past. A clock that is ahead shows in it.
func ago(at *jwt.NumericDate, now time.Time) string {
	if at == nil {
		return ""
	}
	return fmt.Sprintf(" %v ago", now.Sub(at.Time).Round(time.Second))
}

// ahead says how far off a time is that should have come.
func ahead(at *jwt.NumericDate, now time.Time) string {
	if at == nil {
		return ""
	}
	return fmt.Sprintf(", but in %v: the clock here is behind that of the auth-service", at.Sub(now).Round(time.Second))
}

func unauthenticated(code, message string, cause error) error {
	return fault.New(fault.Unauthenticated, "no valid token was sent").
		With(fault.Detail{Path: "authorization", Code: code, Message: message}).Because(cause)
}

// Ready fails while there are no keys to verify with.
func (v *Verifier) Ready(ctx context.Context) error {
	if !v.hasKeys(ctx) {
		_, _ = v.keys.KeyRead(ctx, "none") // has them fetched, though not too often
	}
	if !v.hasKeys(ctx) {
		return fault.New(fault.Unavailable, "the auth-service has not given its keys")
	}
	return nil
}

func (v *Verifier) hasKeys(ctx context.Context) bool {
	if v.secret != nil {
		return true
	}
	keys, err := v.keys.KeyReadAll(ctx)
	return err == nil && len(keys) > 0
}
