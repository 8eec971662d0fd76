// Package link manages the single-use links that the service sends by mail, such as those of
// password resets.
//
// A link is part of the record that it belongs to, so that using it and changing the record is
// one write. Its token is made when the mail is sent, and only the hash of the token is
// stored: no task, event, log or database contains a token.
package link

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/fault"
)

const (
	secretSize = 32 // bytes
	maxHashes  = 3  // mails of one request whose tokens are valid, if a mail is sent again
)

// Link is the open link of a record, if any. The zero value matches no token.
type Link struct {
	Request   string      `json:"request,omitempty"` // id of the request that the mail belongs to
	Hashes    [][]byte    `json:"hashes,omitempty"`  // of the tokens in the mails of the request
	ExpiresAt time.Time   `json:"expiresAt,omitzero"`
	Sent      []time.Time `json:"sent,omitempty"` // mails of the last day, oldest first
}

// Issue returns the token for a mail of a request. The owner is the id of the record, a UUID.
// A new request replaces the link of an earlier one. Issue fails with fault.TooMany if the
// record got perDay mails in the last 24 hours.
func (l *Link) Issue(owner, request string, now time.Time, lifetime time.Duration, perDay int) (token string, err error) {
	id, err := uuid.Parse(owner)
	if err != nil {
		return "", err
	}
	l.Sent = slices.DeleteFunc(l.Sent, func(at time.Time) bool { return now.Sub(at) >= 24*time.Hour })
	if len(l.Sent) >= perDay {
		return "", fault.New(fault.TooMany, "the address got %d mails of this kind in 24 hours", perDay)
	}
	if l.Request != request {
		l.Request, l.Hashes = request, nil
	}
	secret := make([]byte, secretSize)
	rand.Read(secret) // never fails
	token = base64.RawURLEncoding.EncodeToString(append(id[:], secret...))
	l.Hashes = append(l.Hashes, hash(token))
	l.Hashes = l.Hashes[max(0, len(l.Hashes)-maxHashes):]
	l.ExpiresAt, l.Sent = now.Add(lifetime), append(l.Sent, now)
	return token, nil
}

// Check fails as ErrInvalid unless the token is one of the open link.
func (l *Link) Check(token string, now time.Time) error {
	if now.Before(l.ExpiresAt) {
		for _, h := range l.Hashes {
			if subtle.ConstantTimeCompare(h, hash(token)) == 1 {
				return nil
			}
		}
	}
	return ErrInvalid()
}

// Close ends the link. The times of its mails stay, for the limit.
func (l *Link) Close() { *l = Link{Sent: l.Sent} }

// Owner returns the id of the record that a token names. It fails as ErrInvalid for a token
// that no link can have.
func Owner(token string) (string, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) != len(uuid.UUID{})+secretSize {
		return "", ErrInvalid()
	}
	return uuid.UUID(b[:len(uuid.UUID{})]).String(), nil
}

// ErrInvalid returns the fault.Invalid of every token that is not accepted, whatever the reason.
func ErrInvalid() error {
	return fault.New(fault.Invalid, "the link is not valid: it was used before, has expired or is incomplete; ask for a new one").
		With(fault.Detail{Path: "/token", Code: "invalid", Message: "must be the token of the latest mail, unused and not expired"})
}

func hash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
