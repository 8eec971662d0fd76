package totp

import (
	"crypto/cipher"
	"fmt"

	"github.com/battery-passport/suite/auth-service/internal/seal"
)

// seal encrypts the secret of an account with AES-256-GCM. The result is bound to the account: in the
// record of another account, it cannot be decrypted.
func (s Secrets) seal(accountID string, secret []byte) ([]byte, error) {
	aead, err := s.aead()
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, nil, secret, []byte(accountID)), nil
}

func (s Secrets) open(accountID string, sealed []byte) ([]byte, error) {
	aead, err := s.aead()
	if err != nil {
		return nil, err
	}
	secret, err := aead.Open(nil, nil, sealed, []byte(accountID))
	if err != nil {
		return nil, fmt.Errorf("decrypt the TOTP secret of account %s, which fails after a change of PASSWORD_KEY: %w", accountID, err)
	}
	return secret, nil
}

func (s Secrets) aead() (cipher.AEAD, error) {
	key, err := s.Key()
	if err != nil {
		return nil, err
	}
	return seal.New(key, "TOTP secrets")
}
