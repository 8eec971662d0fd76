package secret

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"time"

	"github.com/MicahParks/jwkset"

	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
)

const (
	ringID = "signing"
	// lead is how long a key is published before it signs: longer than verifiers
	// and caches between keep the keys they have, and than tendInterval.
	lead         = 10 * time.Minute
	tendInterval = time.Minute
)

// Ring is the keys whose tokens count, from the oldest on.
type Ring struct {
	Keys []SigningKey `json:"keys"`
}

// SigningKey is a key that signs from a time on, until its successor does.
type SigningKey struct {
	Seed      []byte    `json:"seed"`
	SignsFrom time.Time `json:"signsFrom"`
}

// RingSchema declares how the ring is stored.
func RingSchema() store.Schema[Ring] { return store.Schema[Ring]{Name: "signing_keys", Version: 1} }

func (s SigningKey) key() token.Key {
	private := ed25519.NewKeyFromSeed(s.Seed)
	sum := sha256.Sum256(private.Public().(ed25519.PublicKey))
	return token.Key{ID: base64.RawURLEncoding.EncodeToString(sum[:12]), Private: private}
}

// signing returns the newest that signs already.
func (r *Ring) signing(now time.Time) SigningKey {
	for _, k := range slices.Backward(r.Keys) {
		if !k.SignsFrom.After(now) {
			return k
		}
	}
	return r.Keys[0] // by a clock that was set back
}

// add adds a key that signs after lead, unless one waits already.
func (r *Ring) add(now time.Time) error {
	if newest := r.Keys[len(r.Keys)-1]; newest.SignsFrom.After(now) {
		return store.ErrNoChange
	}
	next := SigningKey{Seed: make([]byte, size), SignsFrom: now.Add(lead).UTC().Truncate(time.Second)}
	rand.Read(next.Seed) // never fails
	r.Keys = append(r.Keys, next)
	return nil
}

// retire drops the keys whose last token has expired.
func (r *Ring) retire(now time.Time, lifetime time.Duration) (changed bool) {
	for len(r.Keys) > 1 && r.Keys[1].SignsFrom.Add(lifetime+lead).Before(now) {
		r.Keys, changed = r.Keys[1:], true
	}
	return changed
}

// Tasks returns the background work of the keys: every instance rotates the keys
// that sign tokens, and loads those that another instance made.
func (k *Keys) Tasks() []task.Kind {
	if k.TokenSecret != "" {
		return nil
	}
	return []task.Kind{{Name: "key.rotate", Every: tendInterval, Local: true, Run: func(ctx context.Context, _ task.Task) error { return k.tend(ctx) }}}
}

func (k *Keys) tend(ctx context.Context) error {
	row, err := k.Rings.Get(ctx, ringID)
	if fault.Is(err, fault.NotFound) {
		row, err = k.begin(ctx)
	}
	if err != nil {
		return err
	}
	due := func(r *Ring) bool {
		return k.Rotation > 0 && r.Keys[len(r.Keys)-1].SignsFrom.Add(k.Rotation).Before(k.Now())
	}
	if due(&row.Doc) || row.Doc.retire(k.Now(), k.TokenLifetime) {
		row, err = k.Rings.Update(ctx, ringID, func(r *Ring) (store.Change, error) {
			changed := r.retire(k.Now(), k.TokenLifetime)
			if due(r) {
				return store.Change{}, r.add(k.Now())
			}
			if !changed {
				return store.Change{}, store.ErrNoChange
			}
			return store.Change{}, nil
		})
		if err != nil {
			return err
		}
	}
	return k.use(ctx, row.Doc)
}

// begin makes the ring of the key that the service has had before, or has now.
func (k *Keys) begin(ctx context.Context) (store.Row[Ring], error) {
	seed, err := k.once(ctx, signing)
	if err != nil {
		return store.Row[Ring]{}, err
	}
	row, err := k.Rings.Insert(ctx, ringID, Ring{Keys: []SigningKey{{Seed: seed, SignsFrom: k.Now().UTC().Truncate(time.Second)}}})
	if fault.Is(err, fault.Conflict) {
		return k.Rings.Get(ctx, ringID)
	}
	return row, err
}

// use publishes the keys of a ring, and signs with them.
func (k *Keys) use(ctx context.Context, r Ring) error {
	var jwks []jwkset.JWK
	var errs []error
	for _, s := range r.Keys {
		key := s.key()
		jwk, err := jwkset.NewJWKFromKey(key.Private.Public(), jwkset.JWKOptions{
			Metadata: jwkset.JWKMetadataOptions{KID: key.ID, ALG: jwkset.AlgEdDSA, USE: jwkset.UseSig},
		})
		jwks, errs = append(jwks, jwk), append(errs, err)
	}
	if err := errors.Join(append(errs, k.public.KeyReplaceAll(ctx, jwks))...); err != nil {
		return err
	}
	k.ring.Store(&r)
	return nil
}

// Rotate makes a key that signs once all verifiers have had time to learn of it,
// and returns its id and when that is; those of the one that waits already, if
// one does. Tokens that were signed before
// stay good. It fails with fault.Conflict where a secret signs.
func (k *Keys) Rotate(ctx context.Context) (id string, signsFrom time.Time, err error) {
	if k.TokenSecret != "" {
		return "", time.Time{}, fault.New(fault.Conflict, "tokens are signed with JWT_SECRET: set that to another on all services")
	}
	row, err := k.Rings.Update(ctx, ringID, func(r *Ring) (store.Change, error) { return store.Change{}, r.add(k.Now()) })
	if err != nil {
		return "", time.Time{}, err
	}
	newest := row.Doc.Keys[len(row.Doc.Keys)-1]
	return newest.key().ID, newest.SignsFrom, k.use(ctx, row.Doc)
}
