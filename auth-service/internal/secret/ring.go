package secret

import (
	"cmp"
	"context"
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
	Algorithm token.Algorithm `json:"algorithm,omitempty"` // empty in rings of earlier releases: EdDSA
	Seed      []byte          `json:"seed"`
	SignsFrom time.Time       `json:"signsFrom"`
}

// KeyRingSchema declares how the key ring is stored. Version 2 adds the algorithm: releases
// without it must not read the seed of another one.
func KeyRingSchema() store.Schema[KeyRing] {
	return store.Schema[KeyRing]{Name: "signing_keys", Version: 2}
}

func (s SigningKey) algorithm() token.Algorithm { return cmp.Or(s.Algorithm, token.EdDSA) }

func (s SigningKey) key() (token.Key, error) { return token.NewKey(s.algorithm(), s.Seed) }

// newest returns the key that was added last. It may not sign yet.
func (r *KeyRing) newest() SigningKey { return r.Keys[len(r.Keys)-1] }

// add adds a key that signs after publishLead. It fails with store.ErrNoChange if a
// key is waiting already: instances with different settings add few keys.
func (r *KeyRing) add(a token.Algorithm, now time.Time) error {
	if r.newest().SignsFrom.After(now) {
		return store.ErrNoChange
	}
	seed, err := token.NewSeed(a)
	if err != nil {
		return err
	}
	r.Keys = append(r.Keys, SigningKey{Algorithm: a, Seed: seed, SignsFrom: now.Add(publishLead).UTC().Truncate(time.Second)})
	return nil
}

// rotate returns a change that adds a key to the ring and records it in the audit. It fails
// with store.ErrNoChange if a key is waiting already.
func (k *Keys) rotate(ctx context.Context, r *KeyRing) (store.Change, error) {
	if err := r.add(k.Algorithm, k.Now()); err != nil {
		return store.Change{}, err
	}
	key, err := r.newest().key()
	if err != nil {
		return store.Change{}, err
	}
	return store.Change{History: k.Audit.Next(ctx, &r.LastEntry, audit.Entry{Key: key.ID, Action: audit.KeyRotated})}, nil
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
	return []task.Kind{{Name: "key.rotate", Every: rotateInterval, Local: true, Run: func(ctx context.Context, _ task.Task) error { return k.loadRing(ctx) }}}
}

// loadRing publishes the stored key ring, after it has created it, rotated the key, or removed
// keys. With HS256, it publishes the keys of an earlier algorithm until their tokens have expired.
func (k *Keys) loadRing(ctx context.Context) error {
	if k.Algorithm != token.HS256 {
		return k.rotateIfDue(ctx)
	}
	row, err := k.Rings.Get(ctx, ringID)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	now := k.Now()
	k.started.CompareAndSwap(nil, &now)
	if k.started.Load().Add(k.TokenLifetime + publishLead).Before(now) {
		row.Doc.Keys = nil
	}
	_, err = k.publish(ctx, row.Doc)
	return err
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
		newest := r.newest()
		return newest.algorithm() != k.Algorithm || k.Rotation > 0 && newest.SignsFrom.Add(k.Rotation).Before(k.Now())
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
	return k.use(ctx, row.Doc)
}

// createRing stores the first key ring. Its key is the signing key of releases
// without a ring, if one is stored, or a new one.
func (k *Keys) createRing(ctx context.Context) (store.Row[KeyRing], error) {
	first := SigningKey{Algorithm: k.Algorithm, SignsFrom: k.Now().UTC().Truncate(time.Second)}
	stored, err := k.Secrets.Get(ctx, signingName)
	switch {
	case err == nil:
		first.Algorithm, first.Seed = token.EdDSA, stored.Doc.Key
	case fault.Is(err, fault.NotFound):
		first.Seed, err = token.NewSeed(k.Algorithm)
	}
	if err != nil {
		return store.Row[KeyRing]{}, err
	}
	row, err := k.Rings.Insert(ctx, ringID, KeyRing{Keys: []SigningKey{first}})
	if fault.Is(err, fault.Conflict) {
		return k.Rings.Get(ctx, ringID)
	}
	return row, err
}

// signer is a key and the time from which it signs.
type signer struct {
	token.Key
	signsFrom time.Time
}

// use publishes the keys of a ring and signs with them.
func (k *Keys) use(ctx context.Context, r KeyRing) error {
	signers, err := k.publish(ctx, r)
	if err == nil {
		k.signers.Store(&signers)
	}
	return err
}

// publish puts the keys of a ring into the public key set.
func (k *Keys) publish(ctx context.Context, r KeyRing) (signers []signer, err error) {
	var jwks []jwkset.JWK
	for _, s := range r.Keys {
		key, err := s.key()
		if err != nil {
			return nil, err
		}
		jwk, err := key.JWK()
		if err != nil {
			return nil, err
		}
		jwks, signers = append(jwks, jwk), append(signers, signer{key, s.SignsFrom})
	}
	return signers, k.public.KeyReplaceAll(ctx, jwks)
}

// at returns the key that signs at a time.
func at(signers []signer, now time.Time) token.Key {
	for _, s := range slices.Backward(signers) {
		if !s.signsFrom.After(now) {
			return s.Key
		}
	}
	return signers[0].Key // the clock was set back
}

// Rotate adds a signing key and returns its id and the time from which it signs: when
// all verifiers have had time to fetch it. If a key is waiting already, Rotate returns
// that one. Tokens of earlier keys stay valid. It fails with fault.Conflict if the
// algorithm is HS256.
func (k *Keys) Rotate(ctx context.Context) (id string, signsFrom time.Time, err error) {
	if k.Algorithm == token.HS256 {
		return "", time.Time{}, fault.New(fault.Conflict, "access tokens are signed with JWT_SECRET; change that on all services instead")
	}
	row, err := k.Rings.Update(ctx, ringID, func(r *KeyRing) (store.Change, error) { return k.rotate(ctx, r) })
	if err != nil {
		return "", time.Time{}, err
	}
	k.Audit.Append(ctx, row.Doc.LastEntry)
	newest := row.Doc.newest()
	key, err := newest.key()
	if err != nil {
		return "", time.Time{}, err
	}
	return key.ID, newest.SignsFrom, k.use(ctx, row.Doc)
}
