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
)

// code returns what a refusal says.
func code(err error) string {
	if f, ok := errors.AsType[*fault.Error](err); ok && len(f.Details) == 1 {
		return f.Details[0].Code
	}
	return ""
}

// TestRevokedTokens were verified before, and are refused within five seconds;
// those of others, and newer ones, count.
func TestRevokedTokens(t *testing.T) {
	issuer := authtest.New(t)
	for kind, c := range map[string]struct {
		config token.Config
		key    token.Key
	}{"EdDSA": {token.Config{URL: issuer.URL}, issuer.Key}, "HS256": {token.Config{Secret: secret, URL: issuer.URL}, token.Key{Secret: []byte(secret)}}} {
		t.Run(kind, func(t *testing.T) {
			v := verifier(t, c.config)
			ctx, stop := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() { _ = v.Run(ctx) })
			defer wg.Wait()
			defer stop()
			verify := func(user, session string, version int64) error {
				p := auth.Principal{UserID: kind + user, Role: auth.User, Session: kind + session, Version: version}
				signed, err := c.key.Sign(token.NewClaims(p, now, time.Minute))
				if err != nil {
					t.Fatal(err)
				}
				got, first := v.Verify(t.Context(), "Bearer "+signed)
				again, err := v.Verify(t.Context(), "Bearer "+signed) // it may have been revoked between the two, and not the other way
				if first == nil && !reflect.DeepEqual(got, p) || err == nil && (first != nil || !reflect.DeepEqual(again, p)) {
					t.Errorf("Verify = %+v, %v, again %+v, %v, want %+v", got, first, again, err, p)
				}
				return err
			}
			if err := errors.Join(verify("ann", "1", 0), verify("bob", "2", 0), verify("ann", "3", 1)); err != nil {
				t.Fatal(err)
			}
			issuer.Revoke("nobody", 1)
			issuer.Revoke(kind+"ann", 1)
			issuer.Revoke(kind+"2", 1)
			for deadline := time.Now().Add(5 * time.Second); code(verify("ann", "1", 0)) != "revoked" || code(verify("bob", "2", 0)) != "revoked"; {
				if time.Now().After(deadline) {
					t.Fatal("a revoked token counts after five seconds")
				}
			}
			if err := errors.Join(verify("ann", "3", 1), verify("bob", "4", 0)); err != nil {
				t.Errorf("other tokens: %v", err)
			}
			if err := v.CheckRevocations(t.Context()); err != nil {
				t.Errorf("Heard = %v", err)
			}
		})
	}
}

// feed answers as it is told to.
type feed struct {
	mu    sync.Mutex
	since []string
	next  auth.Revocations
	err   error
}

func (f *feed) answer(next auth.Revocations, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next, f.err = next, err
}

func (f *feed) ask(_ context.Context, since string) (auth.Revocations, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.since = append(f.since, since)
	return f.next, f.err
}

// TestFeedIsAway: tokens live out their time, and Heard says so; what was
// revoked stays so. When it is back it is asked from the start.
func TestFeedIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := jwkset.NewMemoryStorage()
		var f feed
		v, err := token.NewLocalVerifier(secret, keys, f.ask, slog.New(slog.DiscardHandler))
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
			t.Errorf("Heard before Run = %v", err)
		}
		f.answer(auth.Revocations{Since: "1", Items: []auth.Revocation{{ID: auth.RevocationID("ann"), Version: 1, Until: time.Now().Add(3 * time.Minute)}}}, nil)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- v.Run(ctx) }()
		synctest.Wait()
		if err := v.CheckRevocations(t.Context()); err != nil || code(verify("ann")) != "revoked" {
			t.Errorf("Heard = %v, Verify = %v", err, verify("ann"))
		}
		f.answer(auth.Revocations{}, errors.New("away"))
		time.Sleep(7 * time.Second) // not when it asks
		if err := v.CheckRevocations(t.Context()); !fault.Is(err, fault.Unavailable) || code(verify("ann")) != "revoked" || verify("bob") != nil {
			t.Errorf("while it is away: Heard = %v, ann %v, bob %v", err, verify("ann"), verify("bob"))
		}
		f.answer(auth.Revocations{Since: "2"}, nil)
		time.Sleep(2 * time.Second)
		if err := v.CheckRevocations(t.Context()); err != nil || code(verify("ann")) != "revoked" {
			t.Errorf("when it is back: Heard = %v, ann %v", err, verify("ann"))
		}
		f.mu.Lock()
		if n := len(f.since); f.since[1] != "1" || f.since[n-1] != "" && f.since[n-2] != "" {
			t.Errorf("asked since %q", f.since)
		}
		f.mu.Unlock()
		// What has expired by itself is forgotten.
		time.Sleep(5 * time.Minute)
		if err := verify("ann"); err != nil {
			t.Errorf("a token of after: %v", err)
		}
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}

// TestShorterLife: where tokens live shorter than they did, those of before do
// not outlive what is remembered of them, whether they were seen before or not.
func TestShorterLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f feed
		v, err := token.NewLocalVerifier(secret, jwkset.NewMemoryStorage(), f.ask, slog.New(slog.DiscardHandler))
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
		f.answer(auth.Revocations{Lifetime: 24 * 60 * 60}, nil)
		seen, other := sign(), sign()
		time.Sleep(time.Hour)
		verify := func(signed string) error { _, err := v.Verify(t.Context(), "Bearer "+signed); return err }
		if err := verify(seen); err != nil {
			t.Errorf("while they live long: %v", err)
		}
		f.answer(auth.Revocations{Lifetime: 15 * 60}, nil)
		time.Sleep(5 * time.Second)
		young := sign()
		for name, c := range map[string]struct{ signed, code string }{"seen": {seen, "expired"}, "other": {other, "expired"}, "young": {young, ""}} {
			if err := verify(c.signed); code(err) != c.code {
				t.Errorf("%s: %v", name, err)
			}
		}
		time.Sleep(16 * time.Minute)
		if err := verify(young); code(err) != "expired" {
			t.Errorf("young, which is old: %v", err)
		}
		stop()
		<-done
	})
}
