package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
)

// Algorithm is a signature algorithm of access tokens, as in the alg header (RFC 7518).
type Algorithm string

// The algorithms.
const (
	ES256 Algorithm = "ES256" // ECDSA with P-256: the default, which every JWT library verifies
	EdDSA Algorithm = "EdDSA" // Ed25519
	HS256 Algorithm = "HS256" // HMAC with a secret that all services share
)

// seedSize is the size of a private key of ES256 and EdDSA in bytes.
const seedSize = 32

// Key signs tokens: with ES256 or EdDSA, or with HS256 and Secret if Private is nil.
type Key struct {
	ID      string        // kid header of tokens signed with Private
	Private crypto.Signer // *ecdsa.PrivateKey or ed25519.PrivateKey
	Secret  []byte
}

// NewSeed returns a random private key of ES256 or EdDSA, for NewKey.
func NewSeed(a Algorithm) ([]byte, error) {
	if a == ES256 {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		return key.Bytes()
	}
	seed := make([]byte, seedSize)
	rand.Read(seed) // never fails
	return seed, nil
}

// NewKey returns the key of a seed. Its id is derived from the public key.
func NewKey(a Algorithm, seed []byte) (Key, error) {
	switch a {
	case ES256:
		private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed)
		if err != nil {
			return Key{}, err
		}
		public, err := private.PublicKey.Bytes()
		return Key{ID: keyID(public), Private: private}, err
	case EdDSA:
		if len(seed) != seedSize {
			return Key{}, fmt.Errorf("a private key of EdDSA must have %d bytes, got %d", seedSize, len(seed))
		}
		private := ed25519.NewKeyFromSeed(seed)
		return Key{ID: keyID(private.Public().(ed25519.PublicKey)), Private: private}, nil
	}
	return Key{}, fmt.Errorf("keys of the algorithm %q are not supported", a)
}

func keyID(public []byte) string {
	sum := sha256.Sum256(public)
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// Algorithm returns the algorithm that the key signs with.
func (k Key) Algorithm() Algorithm {
	switch k.Private.(type) {
	case nil:
		return HS256
	case *ecdsa.PrivateKey:
		return ES256
	}
	return EdDSA
}

// JWK returns the public key for a key set. It fails for a Secret.
func (k Key) JWK() (jwkset.JWK, error) {
	if k.Private == nil {
		return jwkset.JWK{}, fmt.Errorf("a secret has no public key")
	}
	return jwkset.NewJWKFromKey(k.Private.Public(), jwkset.JWKOptions{
		Metadata: jwkset.JWKMetadataOptions{KID: k.ID, ALG: jwkset.ALG(k.Algorithm()), USE: jwkset.UseSig},
	})
}

// Sign returns an access token with the claims c.
func (k Key) Sign(c Claims) (string, error) {
	token, key := jwt.NewWithClaims(jwt.GetSigningMethod(string(k.Algorithm())), c), any(k.Private)
	if k.Private == nil {
		key = k.Secret
	} else {
		token.Header["kid"] = k.ID
	}
	token.Header["typ"] = accessType
	return token.SignedString(key)
}
