package session

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"

	"github.com/battery-passport/suite/pkg/fault"
)

const (
	idSize     = 16
	secretSize = 32
	tagSize    = 16
)

var encoding = base64.RawURLEncoding.Strict()

// refreshToken is a refresh token: the id of its session and a secret. Its encoded
// form ends with an HMAC: a forged token is refused and cannot end the session that it
// names.
type refreshToken struct {
	session [idSize]byte
	secret  [secretSize]byte
}

func newToken() (t refreshToken) {
	rand.Read(t.session[:]) // never fails
	rand.Read(t.secret[:])
	return t
}

// id returns the id of the session.
func (t refreshToken) id() string { return encoding.EncodeToString(t.session[:]) }

// successor returns the token that follows t. It is derived from t, the key and the
// salt of the rotation, so that concurrent requests with t get the same successor.
// The stored record, which holds only the hash of t, does not reveal it.
func (t refreshToken) successor(key, salt []byte) refreshToken {
	next := refreshToken{session: t.session}
	copy(next.secret[:], keyedHash(key, "successor", t.session[:], t.secret[:], salt))
	return next
}

// hash returns the stored form of the secret of t.
func (t refreshToken) hash() []byte {
	h := sha256.Sum256(t.secret[:])
	return h[:]
}

func (t refreshToken) encode(key []byte) string {
	data := append(t.session[:], t.secret[:]...)
	return encoding.EncodeToString(append(data, t.tag(key)...))
}

func (t refreshToken) tag(key []byte) []byte {
	return keyedHash(key, "tag", t.session[:], t.secret[:])[:tagSize]
}

// parse decodes a refresh token. It fails with fault.Unauthenticated if this service
// did not issue it.
func parse(key []byte, text string) (t refreshToken, err error) {
	data, err := encoding.DecodeString(text) // ignores CR and LF; the length check below does not
	if err != nil || len(data) != len(t.session)+secretSize+tagSize || len(text) != encoding.EncodedLen(len(data)) {
		return t, errInvalidToken()
	}
	rest := data[copy(t.session[:], data):]
	if given := rest[copy(t.secret[:], rest):]; !hmac.Equal(given, t.tag(key)) {
		return t, errInvalidToken()
	}
	return t, nil
}

// keyedHash returns the HMAC-SHA256 of a purpose and parts, which must have fixed
// lengths.
func keyedHash(key []byte, purpose string, parts ...[]byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(purpose))
	for _, p := range parts {
		mac.Write(p)
	}
	return mac.Sum(nil)
}

func errInvalidToken() *fault.Error {
	return fault.New(fault.Unauthenticated, "the refresh token is not valid; log in again").
		With(fault.Detail{Path: "/refreshToken", Code: "refused", Message: "must be the latest refresh token of a session that has not ended or expired"})
}
