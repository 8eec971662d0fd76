package token

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
)

const (
	askEvery   = 2 * time.Second
	askTimeout = 1500 * time.Millisecond
	maxAge     = 5 * time.Second // of the last answer, so that a revoked token is refused within this time
	maxFeed    = 1 << 20         // bytes of one answer
)

// Feed returns the revocations after the answer that returned since, or all if it
// is empty.
type Feed func(ctx context.Context, since string) (auth.Revocations, error)

// remoteFeed reads from the auth-service.
func remoteFeed(base string) Feed {
	client := &http.Client{Timeout: askTimeout, CheckRedirect: refuseRedirect}
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
			return r, fmt.Errorf("%s answers %s", address, res.Status)
		}
		return r, json.NewDecoder(io.LimitReader(res.Body, maxFeed)).Decode(&r)
	}
}

// refuseRedirect keeps a client with the configured auth-service: another server
// could say who may do what.
func refuseRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// revocations are what the feed has said so far.
type revocations struct {
	byID     atomic.Pointer[map[string]auth.Revocation]
	lifetime atomic.Int64 // of an access token, as a time.Duration; 0: unknown
	answered atomic.Int64 // time of the last answer, in nanoseconds
	// Of Run alone:
	since string
	prune time.Time // when to look for expired revocations
}

// Run reads revocations until ctx is done. While nobody answers, tokens stay valid
// until they expire, and Heard fails.
func (v *Verifier) Run(ctx context.Context) error {
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for failing := false; ; {
		err := v.ask(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			v.log.WarnContext(ctx, "revocations cannot be read: tokens stay valid until they expire", "err", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// ask reads what is new. After a failure it begins from the start: the next answer
// may come from another store.
func (v *Verifier) ask(ctx context.Context) error {
	for {
		r, err := v.Feed(ctx, v.since)
		if err != nil {
			v.since = ""
			return err
		}
		v.since = r.Since
		v.add(r.Items)
		v.lifetime.Store(int64(time.Duration(r.Lifetime) * time.Second))
		if !r.More {
			v.answered.Store(time.Now().UnixNano())
			return nil
		}
	}
}

// add adds revocations, and once a minute removes those whose tokens have expired.
func (v *Verifier) add(items []auth.Revocation) {
	known, now := *v.byID.Load(), v.now()
	isNew := false
	for _, r := range items {
		isNew = isNew || known[r.ID].Version < r.Version
	}
	if !isNew && now.Before(v.prune) {
		return
	}
	next := maps.Clone(known)
	maps.DeleteFunc(next, func(_ string, r auth.Revocation) bool { return r.Until.Before(now) })
	for _, r := range items {
		if next[r.ID].Version < r.Version {
			next[r.ID] = r
		}
	}
	v.prune = now.Add(time.Minute)
	v.byID.Store(&next)
}

// unrevoked returns the caller unless the token was revoked, or is older than the
// present lifetime of tokens: revocations are not kept for longer.
func (v *Verifier) unrevoked(t verified) (auth.Principal, error) {
	if lifetime := time.Duration(v.lifetime.Load()); lifetime > 0 && v.now().After(t.issued.Add(lifetime+auth.Leeway)) {
		return auth.Principal{}, unauthenticated("expired", "is older than JWT_EXPIRES_IN allows; refresh it, or log in again", nil)
	}
	revoked := *v.byID.Load()
	if len(revoked) > 0 && (revoked[t.account].Version > t.principal.Version || revoked[t.session].Version > 0) {
		return auth.Principal{}, unauthenticated("revoked", "was revoked by a logout or by a change of the account; refresh it, or log in again", nil)
	}
	return t.principal, nil
}

// Heard fails with fault.Unavailable if the last answer about revocations is too
// old to be sure of a token.
func (v *Verifier) CheckRevocations(context.Context) error {
	if age := time.Since(time.Unix(0, v.answered.Load())); age > maxAge {
		return fault.New(fault.Unavailable, "the auth-service does not say which tokens were revoked: they stay valid until they expire")
	}
	return nil
}
