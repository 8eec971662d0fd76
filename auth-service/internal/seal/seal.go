// Package seal creates the ciphers of values that the service encrypts: the secrets of authenticator apps,
// and logins in progress.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
)

const keySize = 32 // bytes: AES-256

// New returns AES-256-GCM with a key that is derived from a secret for one purpose (HKDF-SHA-256). The
// cipher puts a random nonce before each ciphertext.
func New(secret []byte, purpose string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, purpose, keySize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
