// Package secret keeps the keys that the service makes up: one goes into the
// hashes of passwords, one into refresh tokens, and a ring of them signs access
// tokens.
package secret

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/MicahParks/jwkset"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

const (
	signing  = "signing-key" // the first of the ring
	password = "password-key"
	refresh  = "refresh-key"
	size     = 32 // bytes: an Ed25519 seed, and as much for an HMAC key
)

// Secret is how a key is stored.
type Secret struct {
	Key       []byte    `json:"key"`
	CreatedAt time.Time `json:"createdAt"`
}

// Schema declares how keys are stored.
func Schema() store.Schema[Secret] { return store.Schema[Secret]{Name: "secrets", Version: 1} }

// Keys are the keys of the service. They are not there before Load has found
// the store. They are safe for concurrent use, once their fields are set.
type Keys struct {
	Secrets *store.Collection[Secret]
	Rings   *store.Collection[Ring]
	Now     func() time.Time
	Log     *slog.Logger

	// Where these are not empty they count, and no key is made up.
	TokenSecret string
	PasswordKey string
	// Rotation is the age at which a key that signs tokens gets a successor; 0 is
	// none. TokenLifetime is how long a token has to find the key it was signed
	// with.
	Rotation, TokenLifetime time.Duration

	public     *jwkset.MemoryJWKSet
	ring       atomic.Pointer[Ring] // where TokenSecret is empty
	hashing    atomic.Pointer[[]byte]
	refreshing atomic.Pointer[[]byte]
}

// New returns keys that come when Load does.
func New(db store.DB, log *slog.Logger) *Keys {
	return &Keys{
		Secrets: store.Open(db, Schema()), Rings: store.Open(db, RingSchema()), Now: time.Now, Log: log,
		public: jwkset.NewMemoryStorage(),
	}
}

// Load gets the keys, or makes them, and returns. While the store does not
// answer it tries again, until ctx is done.
func (k *Keys) Load(ctx context.Context) { boot.Retry(ctx, k.Log, "get the keys", k.load) }

func (k *Keys) load(ctx context.Context) error {
	hashing := []byte(k.PasswordKey)
	if len(hashing) == 0 {
		var err error
		if hashing, err = k.once(ctx, password); err != nil {
			return err
		}
	}
	refreshing, err := k.once(ctx, refresh)
	if err != nil {
		return err
	}
	if k.TokenSecret == "" {
		if err := k.tend(ctx); err != nil {
			return err
		}
	}
	k.refreshing.Store(&refreshing)
	k.hashing.Store(&hashing)
	return nil
}

// once returns the stored key with the name; of those who find none, one makes
// it, and all have the same.
func (k *Keys) once(ctx context.Context, name string) ([]byte, error) {
	row, err := k.Secrets.Get(ctx, name)
	if !fault.Is(err, fault.NotFound) {
		return row.Doc.Key, err
	}
	made := Secret{Key: make([]byte, size), CreatedAt: k.Now()}
	rand.Read(made.Key) // never fails
	if _, err = k.Secrets.Insert(ctx, name, made); fault.Is(err, fault.Conflict) {
		row, err = k.Secrets.Get(ctx, name)
		return row.Doc.Key, err
	}
	return made.Key, err
}

// Public is the key set that others verify tokens with.
func (k *Keys) Public() jwkset.Storage { return k.public }

// JSON returns the public key set as a document, or fails with fault.Unavailable.
func (k *Keys) JSON(ctx context.Context) (json.RawMessage, error) {
	if _, err := k.Signing(); err != nil {
		return nil, err
	}
	return k.public.JSONPublic(ctx)
}

// Sign returns an access token of p, or fails with fault.Unavailable.
func (k *Keys) Sign(p auth.Principal) (string, error) {
	key, err := k.Signing()
	if err != nil {
		return "", err
	}
	return key.Sign(token.NewClaims(p, k.Now(), k.TokenLifetime))
}

// Signing returns the key that signs tokens, or fails with fault.Unavailable.
func (k *Keys) Signing() (token.Key, error) {
	if k.TokenSecret != "" {
		return token.Key{Secret: []byte(k.TokenSecret)}, nil
	}
	if ring := k.ring.Load(); ring != nil {
		return ring.signing(k.Now()).key(), nil
	}
	return token.Key{}, notYet()
}

// Password returns the key of password hashes, or fails with fault.Unavailable.
func (k *Keys) Password() ([]byte, error) { return present(&k.hashing) }

// Refresh returns the key of refresh tokens, or fails with fault.Unavailable.
func (k *Keys) Refresh() ([]byte, error) { return present(&k.refreshing) }

func present(key *atomic.Pointer[[]byte]) ([]byte, error) {
	if key := key.Load(); key != nil {
		return *key, nil
	}
	return nil, notYet()
}

// Ready fails while the keys are not there.
func (k *Keys) Ready(context.Context) error {
	_, err := k.Password()
	return err
}

func notYet() error { return fault.New(fault.Unavailable, "the keys of the service are not there yet") }
