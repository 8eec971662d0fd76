// Package session manages sessions: a session begins with a login, continues with
// single-use refresh tokens, and ends by logout, reuse of a token, or age. The
// package also stores which access tokens are revoked.
package session

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"log/slog"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// reuseGrace is how long the previous refresh token is still accepted, with the same
// successor: for a second browser tab, or a client that lost the response.
const reuseGrace = 2 * time.Minute

// maxSessions limits the sessions of an account; a further login ends the oldest.
const maxSessions = 100

// ErrReused is the cause of the fault for a refresh token that was used before.
var ErrReused = errors.New("the refresh token was used before")

// Record is the stored form of a session.
type Record struct {
	ID        string    `json:"id"`
	Account   string    `json:"account"`
	Epoch     int64     `json:"epoch"`              // epoch of the account; the session ends when the account has a later one
	Hash      []byte    `json:"hash"`               // of the current refresh token
	Previous  []byte    `json:"previous,omitempty"` // hash of the previous token
	Salt      []byte    `json:"salt,omitempty"`     // derives the current token from the previous one
	RotatedAt time.Time `json:"rotatedAt"`
	CreatedAt time.Time `json:"createdAt"`
	ExpiresAt time.Time `json:"expiresAt"`
	Ended     bool      `json:"ended,omitzero"`
	Client    Client    `json:"client,omitzero"` // of the login, and the address of the latest refresh; forgotten when the session ends
}

// Client describes from where an account uses a session.
type Client struct {
	Address   string `json:"address,omitempty"`
	UserAgent string `json:"userAgent,omitempty"`
	Provider  string `json:"provider,omitempty"` // issuer of the identity provider that the person logged in at; empty: none
}

// Schema declares how sessions are stored.
func Schema() store.Schema[Record] {
	return store.Schema[Record]{
		Name: "sessions", Version: 1,
		Indexes: func(r *Record) store.Indexes {
			scopes := []string{""}
			if !r.Ended {
				scopes = append(scopes, r.Account)
			}
			return store.Indexes{Scopes: scopes, Created: r.CreatedAt}
		},
	}
}

// Service manages sessions and revocations. It is safe for concurrent use. Its
// methods fail with fault.Unavailable while the store does not respond.
type Service struct {
	Sessions    *store.Collection[Record]
	Revocations *store.Collection[RevocationRecord]
	Key         func() ([]byte, error)
	Now         func() time.Time
	Log         *slog.Logger

	Lifetime      time.Duration // of a session
	TokenLifetime time.Duration // of an access token
	Issuer        string        // iss claim of access tokens
}

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// Begin begins a session of an account and returns its id and first refresh token.
// If the account has more than maxSessions, the oldest ends.
func (s *Service) Begin(ctx context.Context, account string, epoch int64, client Client) (id, token string, err error) {
	key, err := s.Key()
	if err != nil {
		return "", "", err
	}
	t, now := newToken(), s.now()
	id = t.id()
	_, err = s.Sessions.Insert(ctx, id, Record{
		ID: id, Account: account, Epoch: epoch, Hash: t.hash(), RotatedAt: now, CreatedAt: now, ExpiresAt: now.Add(s.Lifetime), Client: client,
	})
	if err == nil {
		err = s.endOldest(ctx, account)
	}
	return id, t.encode(key), err
}

// endOldest ends the oldest sessions of an account beyond maxSessions.
func (s *Service) endOldest(ctx context.Context, account string) error {
	page, err := s.Sessions.List(ctx, store.Query{Scopes: []string{account}, Limit: store.MaxLimit})
	for i := maxSessions; err == nil && i < len(page.Rows); i++ {
		err = s.End(ctx, page.Rows[i].ID)
	}
	return err
}

// Refresh returns the successor of a refresh token. A token that was used before
// ends its session, because it may have been stolen; only the previous token is
// accepted for reuseGrace. It fails with fault.Unauthenticated, caused by ErrReused
// for a token that was used before. The session remembers the address of the client.
func (s *Service) Refresh(ctx context.Context, text, address string) (string, error) {
	key, err := s.Key()
	if err != nil {
		return "", err
	}
	t, err := parse(key, text)
	if err != nil {
		return "", err
	}
	if err := s.completeEnd(ctx, t.id()); err != nil {
		return "", err
	}
	reused := false
	row, err := s.Sessions.Update(ctx, t.id(), func(r *Record) (change store.Change, err error) {
		if reused, err = r.rotate(t, key, s.now()); reused {
			change = s.end(r)
		} else if err == nil {
			r.Client.Address = address
		}
		return change, err
	})
	switch {
	case fault.Is(err, fault.NotFound): // expired and removed
		return "", errInvalidToken()
	case err != nil:
		return "", err
	case reused:
		s.Log.WarnContext(ctx, "refresh token reused, session ended", "security_event", "refreshTokenReused", "account", row.Doc.Account, "session", row.ID)
		return "", errInvalidToken().Because(ErrReused)
	}
	next := t.successor(key, row.Doc.Salt)
	if !equal(next.hash(), row.Doc.Hash) { // a concurrent request rotated it again
		return "", errInvalidToken()
	}
	return next.encode(key), nil
}

// rotate replaces the current token t by its successor. It returns true for a token
// that was used before, and store.ErrNoChange for the previous token within
// reuseGrace.
func (r *Record) rotate(t refreshToken, key []byte, now time.Time) (reused bool, err error) {
	switch {
	case r.Ended || !now.Before(r.ExpiresAt):
		return false, errInvalidToken()
	case equal(t.hash(), r.Hash):
		r.Salt = make([]byte, secretSize)
		rand.Read(r.Salt) // never fails
		r.Previous, r.Hash, r.RotatedAt = r.Hash, t.successor(key, r.Salt).hash(), now
		return false, nil
	case equal(t.hash(), r.Previous) && now.Before(r.RotatedAt.Add(reuseGrace)):
		return false, store.ErrNoChange
	}
	return true, nil
}

// TokenSession is the session of a refresh token.
type TokenSession struct {
	Record
	Active bool // whether the session continues and the token is its current or previous one
}

// ID returns the id of the session of a refresh token, without reading the session. It
// fails with fault.Unauthenticated if this service did not issue the token.
func (s *Service) ID(text string) (string, error) {
	key, err := s.Key()
	if err != nil {
		return "", err
	}
	t, err := parse(key, text)
	if err != nil {
		return "", err
	}
	return t.id(), nil
}

// Find returns the session of a refresh token, even if the session has ended or the
// token was used. It fails with fault.Unauthenticated if this service did not issue
// the token or has removed the session.
func (s *Service) Find(ctx context.Context, text string) (TokenSession, error) {
	key, err := s.Key()
	if err != nil {
		return TokenSession{}, err
	}
	t, err := parse(key, text)
	if err != nil {
		return TokenSession{}, err
	}
	row, err := s.Sessions.Get(ctx, t.id())
	if fault.Is(err, fault.NotFound) {
		return TokenSession{}, errInvalidToken()
	}
	r := row.Doc
	return TokenSession{r, !r.Ended && s.now().Before(r.ExpiresAt) && (equal(t.hash(), r.Hash) || equal(t.hash(), r.Previous))}, err
}

// End ends a session and revokes its refresh and access tokens. It does nothing for
// a session that has ended or does not exist.
func (s *Service) End(ctx context.Context, id string) error {
	_, err := s.Sessions.Update(ctx, id, func(r *Record) (store.Change, error) {
		if r.Ended {
			return store.Change{}, store.ErrNoChange
		}
		return s.end(r), nil
	})
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// end publishes the revocation before marking the session ended: a spurious
// revocation is harmless, a missing one is not.
func (s *Service) end(r *Record) store.Change {
	r.Ended, r.Client = true, Client{}
	return store.Change{History: []store.HistoryRecord{s.Revocation(r.ID, 1)}}
}

// completeEnd marks a session ended whose revocation was stored but whose session
// write failed: a token signed now would be valid for longer than that revocation.
// It fails with fault.Unauthenticated for such a session.
func (s *Service) completeEnd(ctx context.Context, id string) error {
	revoked, err := s.IsRevoked(ctx, id, 1)
	if err != nil || !revoked {
		return err
	}
	if err := s.End(ctx, id); err != nil {
		return err
	}
	return errInvalidToken()
}

// SetEpoch moves a session to a later epoch of its account, so that it continues when
// the other sessions of the account end. It never moves a session back.
func (s *Service) SetEpoch(ctx context.Context, id string, epoch int64) error {
	_, err := s.Sessions.Update(ctx, id, func(r *Record) (store.Change, error) {
		if r.Epoch >= epoch {
			return store.Change{}, store.ErrNoChange // a later password change moved it
		}
		r.Epoch = epoch
		return store.Change{}, nil
	})
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

func equal(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }
