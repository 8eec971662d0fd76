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

// refreshToken names a session and proves who holds it. The tag shows that it
// was given out here: one that was made up ends nobody's session.
type refreshToken struct {
	session [idSize]byte
	secret  [secretSize]byte
}

func newToken() (t refreshToken) {
	rand.Read(t.session[:]) // never fails
	rand.Read(t.secret[:])
	return t
}

// id is that of the session.
func (t refreshToken) id() string { return encoding.EncodeToString(t.session[:]) }

// successor is the token that follows t. Whoever has t and the salt of the
// rotation can make it again, and so two who refresh at once get the same; from
// what is stored alone nobody can.
func (t refreshToken) successor(key, salt []byte) refreshToken {
	next := refreshToken{session: t.session}
	copy(next.secret[:], sum(key, "successor", t.session[:], t.secret[:], salt))
	return next
}

// hash is what is stored of t.
func (t refreshToken) hash() []byte {
	h := sha256.Sum256(t.secret[:])
	return h[:]
}

func (t refreshToken) text(key []byte) string {
	data := append(t.session[:], t.secret[:]...)
	return encoding.EncodeToString(append(data, t.tag(key)...))
}

func (t refreshToken) tag(key []byte) []byte {
	return sum(key, "tag", t.session[:], t.secret[:])[:tagSize]
}

// parse reads a token that was given out here, or fails with
// fault.Unauthenticated.
func parse(key []byte, text string) (t refreshToken, err error) {
	data, err := encoding.DecodeString(text) // which passes over line ends
	if err != nil || len(data) != len(t.session)+secretSize+tagSize || len(text) != encoding.EncodedLen(len(data)) {
		return t, refused()
	}
	rest := data[copy(t.session[:], data):]
	if given := rest[copy(t.secret[:], rest):]; !hmac.Equal(given, t.tag(key)) {
		return t, refused()
	}
	return t, nil
}

// sum is keyed, and different for each purpose. The parts have fixed lengths.
func sum(key []byte, purpose string, parts ...[]byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(purpose))
	for _, p := range parts {
		mac.Write(p)
	}
	return mac.Sum(nil)
}

func refused() *fault.Error {
	return fault.New(fault.Unauthenticated, "the refresh token does not count; log in again").
		With(fault.Detail{Path: "/refreshToken", Code: "refused", Message: "has expired, was ended, or is none"})
}
