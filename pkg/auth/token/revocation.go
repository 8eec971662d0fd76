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
	pollInterval = 2 * time.Second
	feedTimeout  = 1500 * time.Millisecond
	maxAge       = 5 * time.Second // of the last successful request; a revoked token is refused within this time
	maxFeed      = 1 << 20         // bytes of one response
)

// Feed returns the revocations after since, which is Revocations.Since of the
// previous page, or all revocations if since is empty.
type Feed func(ctx context.Context, since string) (auth.Revocations, error)

// remoteFeed returns a feed that reads from the auth-service at the base URL.
func remoteFeed(base string) Feed {
	client := &http.Client{Timeout: feedTimeout, CheckRedirect: refuseRedirect}
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

// refuseRedirect is a CheckRedirect function that follows no redirect: keys and
// revocations must come from the configured auth-service.
func refuseRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// revocations is the current list of revocations.
type revocations struct {
	byID     atomic.Pointer[map[string]auth.Revocation]
	lifetime atomic.Int64 // of an access token, a time.Duration; 0 if unknown
	readAt   atomic.Int64 // time of the last successful request, Unix nanoseconds
	// Used only by the goroutine that calls poll:
	since string
	prune time.Time // when to remove expired revocations
}

// Run reads revocations every two seconds until ctx is done. While the feed fails,
// tokens stay valid until they expire, and CheckRevocations fails.
func (v *Verifier) Run(ctx context.Context) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for failing := false; ; {
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

// checkRevoked returns the caller, or fails if the token was revoked or is older than
// the current lifetime of tokens: older revocations have been deleted.
func (v *Verifier) checkRevoked(t verified) (auth.Principal, error) {
	if lifetime := time.Duration(v.lifetime.Load()); lifetime > 0 && v.now().After(t.issued.Add(lifetime+auth.Leeway)) {
		return auth.Principal{}, unauthenticated("expired", "is older than JWT_EXPIRES_IN allows; refresh it or log in again", nil)
	}
	revoked := *v.byID.Load()
	if len(revoked) > 0 && (revoked[t.account].Version > t.principal.Version || revoked[t.session].Version > 0) {
		return auth.Principal{}, unauthenticated("revoked", "was revoked by a logout or a change of the account; refresh it or log in again", nil)
	}
	return t.principal, nil
}

// CheckRevocations fails with fault.Unavailable if the list of revocations is more
// than five seconds old.
func (v *Verifier) CheckRevocations(context.Context) error {
	if age := time.Since(time.Unix(0, v.readAt.Load())); age > maxAge {
		return fault.New(fault.Unavailable, "revocations cannot be read from the auth-service; revoked tokens stay valid until they expire")
	}
	return nil
}
