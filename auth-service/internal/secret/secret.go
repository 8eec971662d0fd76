// Package secret generates and stores the keys of the service: one for password
// hashes, one for refresh tokens, and a ring of keys that sign access tokens.
package secret

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/MicahParks/jwkset"

	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

const (
	signingName  = "signing-key" // the first key of the ring
	passwordName = "password-key"
	refreshName  = "refresh-key"
	keySize      = 32 // bytes
)

// Secret is the stored form of a key.
type Secret struct {
	Key       []byte    `json:"key"`
	CreatedAt time.Time `json:"createdAt"`
}

// Schema declares how keys are stored.
func Schema() store.Schema[Secret] { return store.Schema[Secret]{Name: "secrets", Version: 1} }

// Keys are the keys of the service. Methods that need a key fail with
// fault.Unavailable until Load has returned. Keys is safe for concurrent use once its
// fields are set.
type Keys struct {
	Secrets *store.Collection[Secret]
	Rings   *store.Collection[KeyRing]
	Now     func() time.Time
	Log     *slog.Logger
	Audit   *audit.Log

	// Algorithm signs access tokens. TokenSecret is the key of HS256.
	Algorithm   token.Algorithm
	TokenSecret string
	PasswordKey string // if empty, one is generated
	Issuer      string // iss claim of access tokens
	// Rotation is the age at which a signing key is replaced; 0: never.
	// TokenLifetime is the lifetime of an access token.
	Rotation, TokenLifetime time.Duration

	public          *jwkset.MemoryJWKSet
	started         atomic.Pointer[time.Time] // time of the first load with HS256
	signers         atomic.Pointer[[]signer]  // of the ring, oldest first; nil with HS256
	passwordHashKey atomic.Pointer[[]byte]
	refreshTokenKey atomic.Pointer[[]byte]
}

// New returns keys without content. Load loads them.
func New(db store.DB, entries *audit.Log, log *slog.Logger) *Keys {
	return &Keys{
		Secrets: store.Open(db, Schema()), Rings: store.Open(db, KeyRingSchema()), Now: time.Now, Algorithm: token.ES256, Audit: entries, Log: log,
		public: jwkset.NewMemoryStorage(),
	}
}

// Load loads the keys and generates those that are missing. While the store does not
// respond, it retries until ctx is done.
func (k *Keys) Load(ctx context.Context) { boot.Retry(ctx, k.Log, "load the keys", k.load) }

func (k *Keys) load(ctx context.Context) error {
	hashKey := []byte(k.PasswordKey)
	if len(hashKey) == 0 {
		var err error
		if hashKey, err = k.getOrCreate(ctx, passwordName); err != nil {
			return err
		}
	}
	refreshKey, err := k.getOrCreate(ctx, refreshName)
	if err != nil {
		return err
	}
	if err := k.loadRing(ctx); err != nil {
		return err
	}
	k.refreshTokenKey.Store(&refreshKey)
	k.passwordHashKey.Store(&hashKey)
	return nil
}

// getOrCreate returns the stored key with the name, or generates it.
func (k *Keys) getOrCreate(ctx context.Context, name string) ([]byte, error) {
	row, err := k.Secrets.GetOrInsert(ctx, name, func() Secret {
		created := Secret{Key: make([]byte, keySize), CreatedAt: k.Now()}
		rand.Read(created.Key) // never fails
		return created
	})
	return row.Doc.Key, err
}

// PublicKeys returns the key set that verifies access tokens.
func (k *Keys) PublicKeys() jwkset.Storage { return k.public }

// JWKS returns the public JSON Web Key Set (RFC 7517), or fails with
// fault.Unavailable.
func (k *Keys) JWKS(ctx context.Context) (json.RawMessage, error) {
	if _, err := k.SigningKey(); err != nil {
		return nil, err
	}
	return k.public.JSONPublic(ctx)
}

// Sign returns an access token for p, or fails with fault.Unavailable.
func (k *Keys) Sign(p auth.Principal) (string, error) {
	key, err := k.SigningKey()
	if err != nil {
		return "", err
	}
	claims := token.NewClaims(p, k.Now(), k.TokenLifetime)
	claims.Issuer = cmp.Or(k.Issuer, claims.Issuer)
	return key.Sign(claims)
}

// SigningKey returns the key that signs access tokens now, or fails with
// fault.Unavailable.
func (k *Keys) SigningKey() (token.Key, error) {
	if k.Algorithm == token.HS256 {
		return token.Key{Secret: []byte(k.TokenSecret)}, nil
	}
	if signers := k.signers.Load(); signers != nil {
		return at(*signers, k.Now()), nil
	}
	return token.Key{}, errNotLoaded()
}

// PasswordHashKey returns the key for password hashes, or fails with
// fault.Unavailable.
func (k *Keys) PasswordHashKey() ([]byte, error) { return loaded(&k.passwordHashKey) }

// RefreshTokenKey returns the key for refresh tokens, or fails with
// fault.Unavailable.
func (k *Keys) RefreshTokenKey() ([]byte, error) { return loaded(&k.refreshTokenKey) }

func loaded(key *atomic.Pointer[[]byte]) ([]byte, error) {
	if key := key.Load(); key != nil {
		return *key, nil
	}
	return nil, errNotLoaded()
}

// Ready fails with fault.Unavailable until the keys are loaded.
func (k *Keys) Ready(context.Context) error {
	_, err := k.PasswordHashKey()
	return err
}

func errNotLoaded() error {
	return fault.New(fault.Unavailable, "the keys of the service are not loaded yet")
}
