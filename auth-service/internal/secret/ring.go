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

	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
)

const (
	ringID = "signing"
	// publishLead is how long a key is published before it signs: longer than
	// verifiers and HTTP caches keep a key set, and longer than rotateInterval.
	publishLead    = 10 * time.Minute
	rotateInterval = time.Minute
)

// KeyRing is the stored set of keys whose tokens are still valid, oldest first.
type KeyRing struct {
	Keys []SigningKey `json:"keys"`
	// LastEntry is the audit entry of the newest key. An earlier release drops it, when the
	// audit has it already.
	LastEntry audit.Entry `json:"lastEntry,omitzero"`
}

// SigningKey is a key that signs from SignsFrom until the next key does.
type SigningKey struct {
	Seed      []byte    `json:"seed"`
	SignsFrom time.Time `json:"signsFrom"`
}

// KeyRingSchema declares how the key ring is stored.
func KeyRingSchema() store.Schema[KeyRing] {
	return store.Schema[KeyRing]{Name: "signing_keys", Version: 1}
}

func (s SigningKey) key() token.Key {
	private := ed25519.NewKeyFromSeed(s.Seed)
	sum := sha256.Sum256(private.Public().(ed25519.PublicKey))
	return token.Key{ID: base64.RawURLEncoding.EncodeToString(sum[:12]), Private: private}
}

// signingKey returns the key that signs at a time.
func (r *KeyRing) signingKey(now time.Time) SigningKey {
	for _, k := range slices.Backward(r.Keys) {
		if !k.SignsFrom.After(now) {
			return k
		}
	}
	return r.Keys[0] // the clock was set back
}

// add adds a key that signs after publishLead. It fails with store.ErrNoChange if a
// key is waiting already.
func (r *KeyRing) add(now time.Time) error {
	if newest := r.Keys[len(r.Keys)-1]; newest.SignsFrom.After(now) {
		return store.ErrNoChange
	}
	next := SigningKey{Seed: make([]byte, keySize), SignsFrom: now.Add(publishLead).UTC().Truncate(time.Second)}
	rand.Read(next.Seed) // never fails
	r.Keys = append(r.Keys, next)
	return nil
}

// rotate returns a change that adds a key to the ring and records it in the audit. It fails
// with store.ErrNoChange if a key is waiting already.
func (k *Keys) rotate(ctx context.Context, r *KeyRing) (store.Change, error) {
	if err := r.add(k.Now()); err != nil {
		return store.Change{}, err
	}
	id := r.Keys[len(r.Keys)-1].key().ID
	return store.Change{History: k.Audit.Next(ctx, &r.LastEntry, audit.Entry{Key: id, Action: audit.KeyRotated})}, nil
}

// AppendNewest appends the entry of the newest key to the audit, if f selects it.
func (k *Keys) AppendNewest(ctx context.Context, f audit.Filter) error {
	if f.Action != audit.KeyRotated {
		return nil
	}
	row, err := k.Rings.Get(ctx, ringID)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return k.Audit.Ensure(ctx, row.Doc.LastEntry)
}

// retire removes the keys whose last token has expired.
func (r *KeyRing) retire(now time.Time, lifetime time.Duration) (changed bool) {
	for len(r.Keys) > 1 && r.Keys[1].SignsFrom.Add(lifetime+publishLead).Before(now) {
		r.Keys, changed = r.Keys[1:], true
	}
	return changed
}

// Tasks returns the background tasks of the keys: every instance rotates the signing
// key, and loads a key that another instance added.
func (k *Keys) Tasks() []task.Kind {
	if k.TokenSecret != "" {
		return nil
	}
	return []task.Kind{{Name: "key.rotate", Every: rotateInterval, Local: true, Run: func(ctx context.Context, _ task.Task) error { return k.rotateIfDue(ctx) }}}
}

func (k *Keys) rotateIfDue(ctx context.Context) error {
	row, err := k.Rings.Get(ctx, ringID)
	if fault.Is(err, fault.NotFound) {
		row, err = k.createRing(ctx)
	}
	if err != nil {
		return err
	}
	due := func(r *KeyRing) bool {
		return k.Rotation > 0 && r.Keys[len(r.Keys)-1].SignsFrom.Add(k.Rotation).Before(k.Now())
	}
	if due(&row.Doc) || row.Doc.retire(k.Now(), k.TokenLifetime) {
		row, err = k.Rings.Update(ctx, ringID, func(r *KeyRing) (store.Change, error) {
			changed := r.retire(k.Now(), k.TokenLifetime)
			if due(r) {
				return k.rotate(ctx, r)
			}
			if !changed {
				return store.Change{}, store.ErrNoChange
			}
			return store.Change{}, nil
		})
		if err != nil {
			return err
		}
		k.Audit.Append(ctx, row.Doc.LastEntry)
	}
	return k.publish(ctx, row.Doc)
}

// createRing stores the first key ring. Its key is the signing key of releases
// without a ring, if one is stored, or a new one.
func (k *Keys) createRing(ctx context.Context) (store.Row[KeyRing], error) {
	seed, err := k.getOrCreate(ctx, signingName)
	if err != nil {
		return store.Row[KeyRing]{}, err
	}
	row, err := k.Rings.Insert(ctx, ringID, KeyRing{Keys: []SigningKey{{Seed: seed, SignsFrom: k.Now().UTC().Truncate(time.Second)}}})
	if fault.Is(err, fault.Conflict) {
		return k.Rings.Get(ctx, ringID)
	}
	return row, err
}

// publish puts the keys of a ring into the public key set and signs with them.
func (k *Keys) publish(ctx context.Context, r KeyRing) error {
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

// Rotate adds a signing key and returns its id and the time from which it signs: when
// all verifiers have had time to fetch it. If a key is waiting already, Rotate returns
// that one. Tokens of earlier keys stay valid. It fails with fault.Conflict if
// TokenSecret is set.
func (k *Keys) Rotate(ctx context.Context) (id string, signsFrom time.Time, err error) {
	if k.TokenSecret != "" {
		return "", time.Time{}, fault.New(fault.Conflict, "access tokens are signed with JWT_SECRET; change that on all services instead")
	}
	row, err := k.Rings.Update(ctx, ringID, func(r *KeyRing) (store.Change, error) { return k.rotate(ctx, r) })
	if err != nil {
		return "", time.Time{}, err
	}
	k.Audit.Append(ctx, row.Doc.LastEntry)
	newest := row.Doc.Keys[len(row.Doc.Keys)-1]
	return newest.key().ID, newest.SignsFrom, k.publish(ctx, row.Doc)
}
