package token_test

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/MicahParks/jwkset"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/waittest"
)

// code returns the error code of a refused token.
func code(err error) string {
	if f, ok := errors.AsType[*fault.Error](err); ok && len(f.Details) == 1 {
		return f.Details[0].Code
	}
	return ""
}

// Cached tokens are refused as well. Tokens of other accounts and sessions and tokens
// with a newer version stay valid.
func TestRevokedTokensAreRefusedWithinFiveSeconds(t *testing.T) {
	issuer := authtest.New(t)
	for algorithm, c := range map[string]struct {
		config token.Config
		key    token.Key
	}{"ES256": {token.Config{URL: issuer.URL}, issuer.Key}, "HS256": {token.Config{Secret: secret, URL: issuer.URL}, token.Key{Secret: []byte(secret)}}} {
		t.Run(algorithm, func(t *testing.T) {
			v := verifier(t, c.config)
			ctx, stop := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() { _ = v.Run(ctx) })
			defer wg.Wait()
			defer stop()
			verify := func(user, session string, version int64) error {
				p := auth.Principal{UserID: algorithm + user, Role: auth.User, Session: algorithm + session, Version: version}
				signed, err := c.key.Sign(token.NewClaims(p, now, time.Minute))
				if err != nil {
					t.Fatal(err)
				}
				got, first := v.Verify(t.Context(), "Bearer "+signed)
				cached, err := v.Verify(t.Context(), "Bearer "+signed) // may be revoked between the two calls, but not restored
				if first == nil && !reflect.DeepEqual(got, p) || err == nil && (first != nil || !reflect.DeepEqual(cached, p)) {
					t.Errorf("Verify = %+v, %v, from the cache %+v, %v, want %+v", got, first, cached, err, p)
				}
				return err
			}
			if err := errors.Join(verify("ann", "1", 0), verify("bob", "2", 0), verify("ann", "3", 1)); err != nil {
				t.Fatal(err)
			}
			issuer.Revoke("nobody", 1)
			issuer.Revoke(algorithm+"ann", 1)
			issuer.Revoke(algorithm+"2", 1)
			waittest.Until(t, "both tokens are revoked", func() bool {
				return code(verify("ann", "1", 0)) == "revoked" && code(verify("bob", "2", 0)) == "revoked"
			})
			if err := errors.Join(verify("ann", "3", 1), verify("bob", "4", 0)); err != nil {
				t.Errorf("other tokens: %v", err)
			}
			if err := v.CheckRevocations(t.Context()); err != nil {
				t.Errorf("CheckRevocations = %v", err)
			}
		})
	}
}

// feed returns the page or error of the last call of set, and records its calls.
type feed struct {
	mu    sync.Mutex
	since []string
	next  auth.Revocations
	err   error
}

func (f *feed) set(next auth.Revocations, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next, f.err = next, err
}

func (f *feed) read(_ context.Context, since string) (auth.Revocations, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.since = append(f.since, since)
	return f.next, f.err
}

// While the feed fails, unrevoked tokens stay valid, revoked tokens stay refused and
// CheckRevocations fails. After the failure the whole list is read again.
func TestFailingFeedKeepsRevocations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := jwkset.NewMemoryStorage()
		var f feed
		v, err := token.NewLocalVerifier(secret, keys, f.read, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		verify := func(user string) error {
			signed, err := token.Key{Secret: []byte(secret)}.Sign(token.NewClaims(auth.Principal{UserID: user, Role: auth.User}, time.Now(), time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			_, err = v.Verify(t.Context(), "Bearer "+signed)
			return err
		}
		if err := v.CheckRevocations(t.Context()); !fault.Is(err, fault.Unavailable) {
			t.Errorf("CheckRevocations before Run = %v", err)
		}
		f.set(auth.Revocations{Since: "1", Items: []auth.Revocation{{ID: auth.RevocationID("ann"), Version: 1, Until: time.Now().Add(3 * time.Minute)}}}, nil)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- v.Run(ctx) }()
		synctest.Wait()
		if err := v.CheckRevocations(t.Context()); err != nil || code(verify("ann")) != "revoked" {
			t.Errorf("CheckRevocations = %v, Verify = %v", err, verify("ann"))
		}
		f.set(auth.Revocations{}, errors.New("feed is down"))
		time.Sleep(7 * time.Second) // between two calls of the feed
		if err := v.CheckRevocations(t.Context()); !fault.Is(err, fault.Unavailable) || code(verify("ann")) != "revoked" || verify("bob") != nil {
			t.Errorf("while the feed fails: CheckRevocations = %v, ann %v, bob %v", err, verify("ann"), verify("bob"))
		}
		f.set(auth.Revocations{Since: "2"}, nil)
		time.Sleep(2 * time.Second)
		if err := v.CheckRevocations(t.Context()); err != nil || code(verify("ann")) != "revoked" {
			t.Errorf("after the failure: CheckRevocations = %v, ann %v", err, verify("ann"))
		}
		f.mu.Lock()
		if n := len(f.since); f.since[1] != "1" || f.since[n-1] != "" && f.since[n-2] != "" {
			t.Errorf("feed called with since %q, want \"1\" second and \"\" after the failure", f.since)
		}
		f.mu.Unlock()
		// A revocation is removed after its tokens have expired.
		time.Sleep(5 * time.Minute)
		if err := verify("ann"); err != nil {
			t.Errorf("token issued after the revocation expired: %v", err)
		}
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}

// If the token lifetime is shortened, older tokens must expire as well, because their
// revocations are kept only for the new lifetime.
func TestShorterLifetimeAppliesToOldTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f feed
		v, err := token.NewLocalVerifier(secret, jwkset.NewMemoryStorage(), f.read, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- v.Run(ctx) }()
		sign := func() string {
			signed, err := token.Key{Secret: []byte(secret)}.Sign(token.NewClaims(auth.Principal{UserID: "ann", Role: auth.User}, time.Now(), 24*time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			return signed
		}
		f.set(auth.Revocations{Lifetime: 24 * 60 * 60}, nil)
		cached, uncached := sign(), sign()
		time.Sleep(time.Hour)
		verify := func(signed string) error { _, err := v.Verify(t.Context(), "Bearer "+signed); return err }
		if err := verify(cached); err != nil {
			t.Errorf("before the change: %v", err)
		}
		f.set(auth.Revocations{Lifetime: 15 * 60}, nil)
		time.Sleep(5 * time.Second)
		recent := sign()
		for name, c := range map[string]struct{ signed, code string }{"cached": {cached, "expired"}, "uncached": {uncached, "expired"}, "recent": {recent, ""}} {
			if err := verify(c.signed); code(err) != c.code {
				t.Errorf("%s token: %v, want code %q", name, err, c.code)
			}
		}
		time.Sleep(16 * time.Minute)
		if err := verify(recent); code(err) != "expired" {
			t.Errorf("recent token after 16 minutes: %v, want expired", err)
		}
		stop()
		<-done
	})
}

// TestWritesAreRefusedWithoutRevocations: above MaxAge, writes and routes of admins are
// refused and reads are not, until the feed works again.
func TestWritesAreRefusedWithoutRevocations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &feed{err: errors.New("feed is down")}
		v, err := token.NewLocalVerifier(secret, jwkset.NewMemoryStorage(), f.read, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		type readKey struct{}
		v.MaxAge, v.IsRead = time.Minute, func(ctx context.Context) bool { return ctx.Value(readKey{}) != nil }
		signed, err := token.Key{Secret: []byte(secret)}.Sign(token.NewClaims(auth.Principal{UserID: "ann", Role: auth.Admin}, time.Now(), time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- v.Run(ctx) }()
		read := context.WithValue(t.Context(), readKey{}, true)
		check := func(when string, refused bool) {
			t.Helper()
			synctest.Wait()
			for name, c := range map[string]struct {
				ctx     context.Context
				roles   []auth.Role
				refused bool
			}{
				"read":               {read, nil, false},
				"read of two roles":  {read, []auth.Role{auth.Admin, auth.Operator}, false},
				"read of admins":     {read, []auth.Role{auth.Admin}, refused},
				"write":              {t.Context(), nil, refused},
				"write of two roles": {t.Context(), []auth.Role{auth.Admin, auth.Operator}, refused},
			} {
				_, err := v.Require(c.roles...)(c.ctx, "Bearer "+signed)
				if f, ok := errors.AsType[*fault.Error](err); ok != c.refused || ok && (f.Kind != fault.Unavailable || f.RetryAfter == 0) {
					t.Errorf("%s: %s = %v, want refused: %v", when, name, err, c.refused)
				}
			}
		}
		check("before the first response", true)
		f.set(auth.Revocations{}, nil)
		time.Sleep(3 * time.Second)
		check("after the first response", false)
		f.set(auth.Revocations{}, errors.New("feed is down"))
		time.Sleep(55 * time.Second)
		check("after 55 seconds", false)
		time.Sleep(10 * time.Second)
		check("after 65 seconds", true)
		_, err = v.Require(auth.Operator)(t.Context(), "Bearer "+signed)
		if !fault.Is(err, fault.Forbidden) {
			t.Errorf("caller without the role: %v, want forbidden", err)
		}
		v.MaxAge = 0
		check("without a limit", false)
		v.MaxAge = time.Minute
		f.set(auth.Revocations{}, nil)
		time.Sleep(3 * time.Second)
		check("once the feed works again", false)
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}

func TestRevocationConfigIsValidated(t *testing.T) {
	for maxAge, valid := range map[time.Duration]bool{-time.Second: false, 0: true, 4 * time.Second: false, 5 * time.Second: true, time.Hour: true} {
		if err := (token.RevocationConfig{MaxAge: maxAge}).Validate(); (err == nil) != valid {
			t.Errorf("REVOCATION_MAX_AGE=%v: %v, want valid: %v", maxAge, err, valid)
		}
	}
}
