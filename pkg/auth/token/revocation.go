package token

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
)

const (
	askEvery   = 2 * time.Second
	askTimeout = 1500 * time.Millisecond
	// heardWithin is how old the last answer may be: with it, a token is refused
	// everywhere within five seconds.
	heardWithin = 5 * time.Second
	maxFeed     = 1 << 20 // bytes of one answer
)

// Feed returns the revocations since those that said so, all where since is
// empty.
type Feed func(ctx context.Context, since string) (auth.Revocations, error)

// remoteFeed reads from an auth-service.
func remoteFeed(base string) Feed {
	client := &http.Client{Timeout: askTimeout, CheckRedirect: stay}
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

// stay keeps a client with the auth-service that it was told of: whoever could
// send it elsewhere would say who may do what.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Run asks for revocations until ctx is done. While nobody answers tokens live
// out their time, and Heard fails.
func (v *Verifier) Run(ctx context.Context) error {
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for told := false; ; {
		err := v.ask(ctx)
		if err != nil && !told && ctx.Err() == nil {
			v.log.WarnContext(ctx, "revocations cannot be read: tokens live out their time", "err", err)
		}
		told = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// ask gets what is new. After a failure it begins from the start: the answer
// may be that of another store.
func (v *Verifier) ask(ctx context.Context) error {
	for {
		r, err := v.Feed(ctx, v.since)
		if err != nil {
			v.since = ""
			return err
		}
		v.since = r.Since
		v.learn(r.Items)
		v.lifetime.Store(int64(time.Duration(r.Lifetime) * time.Second))
		if !r.More {
			v.heard.Store(time.Now().UnixNano())
			return nil
		}
	}
}

// learn adds revocations, and forgets those whose tokens have all expired.
func (v *Verifier) learn(items []auth.Revocation) {
	known := *v.revoked.Load()
	now := v.now()
	news := false
	for _, r := range items {
		news = news || known[r.ID].Version < r.Version
	}
	if !news && now.Before(v.forget) {
		return
	}
	next := maps.Clone(known)
	maps.DeleteFunc(next, func(_ string, r auth.Revocation) bool { return r.Until.Before(now) })
	for _, r := range items {
		if next[r.ID].Version < r.Version {
			next[r.ID] = r
		}
	}
	v.forget = now.Add(time.Minute)
	v.revoked.Store(&next)
}

// isRevoked tells whether a token that was verified has been revoked.
func (v *Verifier) isRevoked(k known) bool {
	revoked := *v.revoked.Load()
	return len(revoked) > 0 && (revoked[k.account].Version > k.principal.Version || revoked[k.session].Version > 0)
}

// isTooOld tells whether a token is of a time when they lived longer: what was
// revoked then is remembered no longer than those of today live.
func (v *Verifier) isTooOld(k known) bool {
	lifetime := time.Duration(v.lifetime.Load())
	return lifetime > 0 && v.now().After(k.issued.Add(lifetime+auth.Leeway))
}

// Heard fails when the last answer about revocations is too old to be sure of a
// token.
func (v *Verifier) Heard(context.Context) error {
	if ago := time.Since(time.Unix(0, v.heard.Load())); ago > heardWithin {
		return fault.New(fault.Unavailable, "the auth-service does not tell which tokens were revoked: they live out their time")
	}
	return nil
}
