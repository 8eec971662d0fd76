// Package secret keeps the keys that the service makes up once: one signs
// tokens, one goes into the hashes of passwords.
package secret

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/MicahParks/jwkset"

	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

const (
	signing  = "signing-key"
	password = "password-key"
	size     = 32 // bytes: an Ed25519 seed, and as much for an HMAC key
)

// Secret is how a key is stored.
type Secret struct {
	Key       []byte    `json:"key"`
	CreatedAt time.Time `json:"createdAt"`
}

// Kind declares how keys are stored.
func Kind() store.Kind[Secret] { return store.Kind[Secret]{Name: "secrets", Schema: 1} }

// Keys are the keys of the service. They are not there before Run has found
// the store. They are safe for concurrent use.
type Keys struct {
	Secrets *store.Collection[Secret]
	Log     *slog.Logger

	// Where these are not empty they count, and no key is made up.
	TokenSecret string
	PasswordKey string

	public  *jwkset.MemoryJWKSet
	signing atomic.Pointer[token.Key]
	hashing atomic.Pointer[[]byte]
}

// New returns keys that come when Run does.
func New(secrets *store.Collection[Secret], log *slog.Logger, tokenSecret, passwordKey string) *Keys {
	return &Keys{Secrets: secrets, Log: log, TokenSecret: tokenSecret, PasswordKey: passwordKey, public: jwkset.NewMemoryStorage()}
}

// Run gets the keys, or makes them, and returns. While the store does not
// answer it tries again, until ctx is done.
func (k *Keys) Run(ctx context.Context) { boot.Persist(ctx, k.Log, "get the keys", k.load) }

func (k *Keys) load(ctx context.Context) error {
	hashing := []byte(k.PasswordKey)
	if len(hashing) == 0 {
		var err error
		if hashing, err = k.once(ctx, password); err != nil {
			return err
		}
	}
	key := token.Key{Secret: []byte(k.TokenSecret)}
	if k.TokenSecret == "" {
		seed, err := k.once(ctx, signing)
		if err != nil {
			return err
		}
		private := ed25519.NewKeyFromSeed(seed)
		sum := sha256.Sum256(private.Public().(ed25519.PublicKey))
		key = token.Key{ID: base64.RawURLEncoding.EncodeToString(sum[:12]), Private: private}
		jwk, err := jwkset.NewJWKFromKey(private.Public(), jwkset.JWKOptions{
			Metadata: jwkset.JWKMetadataOptions{KID: key.ID, ALG: jwkset.AlgEdDSA, USE: jwkset.UseSig},
		})
		if err != nil {
			return err
		}
		if err := k.public.KeyReplaceAll(ctx, []jwkset.JWK{jwk}); err != nil {
			return err
		}
	}
	k.signing.Store(&key)
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
	made := Secret{Key: make([]byte, size), CreatedAt: time.Now()}
	rand.Read(made.Key) // never fails
	if _, err = k.Secrets.Insert(ctx, name, made); fault.Is(err, fault.Conflict) {
		row, err = k.Secrets.Get(ctx, name)
		return row.Doc.Key, err
	}
	return made.Key, err
}

// Public is the key set that others verify tokens with.
func (k *Keys) Public() jwkset.Storage { return k.public }

// Signing returns the key that signs tokens, or fails with fault.Unavailable.
func (k *Keys) Signing() (token.Key, error) {
	if key := k.signing.Load(); key != nil {
		return *key, nil
	}
	return token.Key{}, notYet()
}

// Password returns the key of password hashes, or fails with fault.Unavailable.
func (k *Keys) Password() ([]byte, error) {
	if key := k.hashing.Load(); key != nil {
		return *key, nil
	}
	return nil, notYet()
}

// Ready fails while the keys are not there.
func (k *Keys) Ready(context.Context) error {
	_, err := k.Signing()
	return err
}

func notYet() error { return fault.New(fault.Unavailable, "the keys of the service are not there yet") }
