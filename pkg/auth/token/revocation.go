package token

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
)

const (
	pollInterval = 2 * time.Second
	feedTimeout  = 1500 * time.Millisecond
	maxAge       = 5 * time.Second // of the last successful request; a revoked token is refused within this time
	maxFeed      = 1 << 20         // bytes of one response
)

// Services is the id of the caller that RequireSecret accepts.
const Services = "services"

// RevocationConfig configures how services get revocations from the auth-service, and how
// long they may work without current ones.
type RevocationConfig struct {
	Secret string        `envconfig:"REVOCATION_SECRET" secret:"true" desc:"Secret of at least 32 characters, the same in all services, with which services read revocations, signing keys and lists of public documents; they then have rate limits of their own, and nobody else can read revocations. Set it in the auth-service last. Empty: everyone may read revocations, 6000 times per minute and client network."`
	MaxAge time.Duration `envconfig:"REVOCATION_MAX_AGE" default:"1m" desc:"Age of the revocations above which a service answers writes and admin routes with 503, because it cannot recognise revoked tokens; at least 5s. Reads continue. 0: never."`
}

// Validate returns one error for each invalid setting.
func (c RevocationConfig) Validate() error {
	var errs []error
	if c.MaxAge != 0 && c.MaxAge < maxAge {
		errs = append(errs, fmt.Errorf("  REVOCATION_MAX_AGE: must be 0 or at least %v, got %v", maxAge, c.MaxAge))
	}
	return errors.Join(append(errs, checkSecret("REVOCATION_SECRET", c.Secret))...)
}

// RequireSecret returns a guard that accepts services with the secret. They are one
// caller, whose id is Services.
func RequireSecret(secret string) func(context.Context, string) (context.Context, error) {
	want := sha256.Sum256([]byte(secret))
	return func(ctx context.Context, authorization string) (context.Context, error) {
		scheme, given, _ := strings.Cut(authorization, " ")
		got := sha256.Sum256([]byte(given))
		if !strings.EqualFold(scheme, bearer) || subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
			return nil, fault.New(fault.Unauthenticated, "the secret of the services is missing or wrong").
				With(fault.Detail{Path: "authorization", Code: "secret", Message: "must be Bearer and the REVOCATION_SECRET of this service"})
		}
		return auth.NewContext(ctx, auth.Principal{UserID: Services}), nil
	}
}

// Feed returns the revocations after since, which is Revocations.Since of the
// previous page, or all revocations if since is empty.
type Feed func(ctx context.Context, since string) (auth.Revocations, error)

// remoteFeed returns a feed that reads from the auth-service at the base URL, with the
// secret unless it is empty.
func remoteFeed(base, secret string) Feed {
	client := newClient(secret)
	client.Timeout = feedTimeout
	return func(ctx context.Context, since string) (r auth.Revocations, err error) {
		address := base + auth.RevocationsPath
		if since != "" {
			address += "?since=" + url.QueryEscape(since)
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return r, err
		}
		res, err := client.Do(req)
		if err != nil {
			return r, err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return r, fmt.Errorf("GET %s: %s", address, res.Status)
		}
		return r, json.NewDecoder(io.LimitReader(res.Body, maxFeed)).Decode(&r)
	}
}

// newClient returns a client for the auth-service. It sends the secret, unless it is empty,
// and follows no redirect: keys and revocations must come from the configured service.
func newClient(secret string) *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     secretTransport(secret),
	}
}

// secretTransport sends requests with the secret of the services, unless it is empty.
type secretTransport string

// RoundTrip implements http.RoundTripper.
func (t secretTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if t != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", bearer+" "+string(t))
	}
	return http.DefaultTransport.RoundTrip(r)
}

// revocations is the current list of revocations.
type revocations struct {
	byID     atomic.Pointer[map[string]auth.Revocation]
	lifetime atomic.Int64           // of an access token, a time.Duration; 0 if unknown
	issuer   atomic.Pointer[string] // iss claim of access tokens; nil if unknown
	readAt   atomic.Int64           // time of the last successful request, Unix nanoseconds
	// Used only by the goroutine that calls poll:
	since string
	prune time.Time // when to remove expired revocations
}

// Run reads revocations every two seconds until ctx is done. While the feed fails,
// tokens stay valid until they expire, CheckRevocations fails, and after MaxAge guards
// refuse writes.
func (v *Verifier) Run(ctx context.Context) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for failing := false; ; {
		_ = v.CheckKeys(ctx) // fetches missing keys; failures are logged
		err := v.poll(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			v.log.WarnContext(ctx, "revocations not read, tokens stay valid until they expire", "err", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// poll reads the new revocations. After a failure the next call reads all of them,
// because the auth-service may use another database by then.
func (v *Verifier) poll(ctx context.Context) error {
	for {
		r, err := v.Feed(ctx, v.since)
		if err != nil {
			v.since = ""
			return err
		}
		v.since = r.Since
		v.add(r.Items)
		if r.Issuer != "" {
			v.issuer.Store(&r.Issuer)
		}
		v.lifetime.Store(int64(time.Duration(r.Lifetime) * time.Second))
		if !r.More {
			v.readAt.Store(time.Now().UnixNano())
			return nil
		}
	}
}

// add adds revocations. Once a minute it removes those whose tokens have expired.
func (v *Verifier) add(items []auth.Revocation) {
	current, now := *v.byID.Load(), v.now()
	isNew := false
	for _, r := range items {
		isNew = isNew || current[r.ID].Version < r.Version
	}
	if !isNew && now.Before(v.prune) {
		return
	}
	next := maps.Clone(current)
	maps.DeleteFunc(next, func(_ string, r auth.Revocation) bool { return r.Until.Before(now) })
	for _, r := range items {
		if next[r.ID].Version < r.Version {
			next[r.ID] = r
		}
	}
	v.prune = now.Add(time.Minute)
	v.byID.Store(&next)
}

// checkCurrent returns t, or fails if the token was revoked or is older than the current
// lifetime of tokens: older revocations have been deleted.
func (v *Verifier) checkCurrent(t verified) (verified, error) {
	if lifetime := time.Duration(v.lifetime.Load()); lifetime > 0 && v.now().After(t.issued.Add(lifetime+auth.Leeway)) {
		return verified{}, unauthenticated("expired", "is older than JWT_EXPIRES_IN allows; refresh it or log in again", nil)
	}
	if err := v.checkRevoked(t); err != nil {
		return verified{}, err
	}
	return t, nil
}

// checkRevoked fails if the token was revoked.
func (v *Verifier) checkRevoked(t verified) error {
	revoked := *v.byID.Load()
	wasRemoved := func(former string) bool { return revoked[former].Version > t.issued.Unix() }
	if len(revoked) > 0 && (revoked[t.account].Version > t.principal.Version || revoked[t.session].Version > 0 || slices.ContainsFunc(t.former, wasRemoved)) {
		return unauthenticated("revoked", "was revoked by a logout or a change of the account or its organisation; refresh it or log in again", nil)
	}
	return nil
}

// Age returns the time since the revocations were read, or math.MaxInt64 if they never
// were.
func (v *Verifier) Age() time.Duration {
	readAt := v.readAt.Load()
	if readAt == 0 {
		return math.MaxInt64
	}
	return time.Since(time.Unix(0, readAt))
}

// checkAge fails with fault.Unavailable if the revocations are older than MaxAge.
func (v *Verifier) checkAge() error {
	age := v.Age()
	if v.MaxAge == 0 || age <= v.MaxAge {
		return nil
	}
	last := "were last read " + age.Round(time.Second).String() + " ago"
	if age == math.MaxInt64 {
		last = "have not been read since this service started"
	}
	return fault.New(fault.Unavailable, "the revocations of the auth-service %s, so revoked tokens cannot be recognised; until they are read, only reads are answered", last).RetryIn(maxAge)
}

// CheckRevocations fails with fault.Unavailable if the list of revocations is more
// than five seconds old.
func (v *Verifier) CheckRevocations(context.Context) error {
	if err := v.checkAge(); err != nil {
		return err
	}
	if v.Age() > maxAge {
		return fault.New(fault.Unavailable, "revocations cannot be read from the auth-service; revoked tokens stay valid until they expire")
	}
	return nil
}
