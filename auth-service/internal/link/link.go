// Package link manages the single-use links that the service sends by mail, such as those of
// password resets.
//
// A link is part of the record that it belongs to, so that one write uses the link and changes
// the record. The token is generated when the mail is sent, and only its hash is stored: no
// task, event, log or database contains a token.
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

// Paths of the pages that the links lead to. They are part of mails that people have.
const (
	NewPasswordPage  = "/account/new-password"
	ConfirmEmailPage = "/account/confirm-email" // of a registration
	InvitationPage   = "/account/invitation"
)

// ForgotPasswordPage is the path of the page that asks for a mail with a link.
const ForgotPasswordPage = "/account/forgot-password"

const (
	secretSize  = 32 // bytes
	maxTokens   = 3  // of one request that are valid, if its mail is sent again
	day         = 24 * time.Hour
	minInterval = time.Hour // between requests above the limit of a day
)

// Link contains the open links of a record, if any. The zero value matches no token.
type Link struct {
	Requests []Request `json:"requests,omitempty"` // of the last day and those with an open link, oldest first
}

// Request is a request for a mail with a link.
type Request struct {
	ID     string    `json:"id"`
	SentAt time.Time `json:"sentAt"`           // time of its first mail
	Tokens []Token   `json:"tokens,omitempty"` // in its mails, oldest first; none after Close
}

// Token is a token as it is stored.
type Token struct {
	Hash      []byte    `json:"hash"`
	ExpiresAt time.Time `json:"expiresAt"`
}

func (t Token) isOpen(now time.Time) bool { return now.Before(t.ExpiresAt) }

// Issue returns the token for a mail of a request. The owner is the id of the record, a UUID.
// The links of earlier requests stay valid, so that nobody can end the link of another person
// with a request. A mail that is sent again does not count as another request. After perDay
// requests in 24 hours, Issue fails with fault.TooMany for requests within an hour after the
// last one.
func (l *Link) Issue(owner, request string, now time.Time, lifetime time.Duration, perDay int) (token string, err error) {
	id, err := uuid.Parse(owner)
	if err != nil {
		return "", err
	}
	l.Requests = slices.DeleteFunc(l.Requests, func(r Request) bool {
		return now.Sub(r.SentAt) >= day && !slices.ContainsFunc(r.Tokens, func(t Token) bool { return t.isOpen(now) })
	})
	i := slices.IndexFunc(l.Requests, func(r Request) bool { return r.ID == request })
	if i < 0 {
		if l.isLimited(now, perDay) {
			return "", fault.New(fault.TooMany, "the address got %d mails of this kind in 24 hours, the last one less than an hour ago", perDay)
		}
		i = len(l.Requests)
		l.Requests = append(l.Requests, Request{ID: request, SentAt: now})
	}
	secret := make([]byte, secretSize)
	rand.Read(secret) // never fails
	token = base64.RawURLEncoding.EncodeToString(append(id[:], secret...))
	r := &l.Requests[i]
	r.Tokens = append(r.Tokens, Token{hash(token), now.Add(lifetime)})
	r.Tokens = r.Tokens[max(0, len(r.Tokens)-maxTokens):]
	return token, nil
}

// isLimited reports whether there must be no further request now.
func (l *Link) isLimited(now time.Time, perDay int) bool {
	n := 0
	for _, r := range l.Requests {
		if now.Sub(r.SentAt) < day {
			n++
		}
	}
	return n >= perDay && now.Sub(l.Requests[len(l.Requests)-1].SentAt) < minInterval
}

// Check fails as ErrInvalid unless the token is one of an open link.
func (l *Link) Check(token string, now time.Time) error {
	sum := hash(token)
	for _, r := range l.Requests {
		for _, t := range r.Tokens {
			if t.isOpen(now) && subtle.ConstantTimeCompare(t.Hash, sum) == 1 {
				return nil
			}
		}
	}
	return ErrInvalid()
}

// Close ends all links. The times of the requests stay, for the limit.
func (l *Link) Close() {
	l.Requests = slices.Clone(l.Requests) // a copy of the record may have the same array
	for i := range l.Requests {
		l.Requests[i].Tokens = nil
	}
}

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
		With(fault.Detail{Path: "/token", Code: "invalid", Message: "must be the token of a mail, unused and not expired"})
}

func hash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
