// Package session is how a login goes on: with refresh tokens, each of which
// counts once, until it is ended or too old. It also keeps what was revoked, for
// those who verify access tokens.
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

// grace is how long the token before the last may come again, and gets the same
// successor: from a second tab, or from a client that the answer did not reach.
const grace = 2 * time.Minute

// most is how many sessions an account has: the oldest ends where one more
// begins.
const most = 100

// ErrReused is why a token is refused that was used before.
var ErrReused = errors.New("the refresh token was used before")

// Record is how a session is stored: the chain of refresh tokens that one login
// began.
type Record struct {
	ID        string    `json:"id"`
	Account   string    `json:"account"`
	Epoch     int64     `json:"epoch"` // of the account: a later one ends its sessions
	Hash      []byte    `json:"hash"`  // of the token that counts
	Previous  []byte    `json:"previous,omitempty"`
	Salt      []byte    `json:"salt,omitempty"` // with which the one that counts was made of the one before
	RotatedAt time.Time `json:"rotatedAt"`
	CreatedAt time.Time `json:"createdAt"`
	ExpiresAt time.Time `json:"expiresAt"`
	Ended     bool      `json:"ended,omitzero"`
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

// Service is what can be done with sessions. It is safe for concurrent use. Its
// methods fail with fault.Unavailable when the store does not answer.
type Service struct {
	Sessions    *store.Collection[Record]
	Revocations *store.Collection[Revoked]
	Key         func() ([]byte, error)
	Now         func() time.Time
	Log         *slog.Logger

	Lifetime      time.Duration // of a session
	TokenLifetime time.Duration // of an access token
}

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// Begin begins a session of an account and returns its id and first token. Where
// there are too many then the oldest ends.
func (s *Service) Begin(ctx context.Context, account string, epoch int64) (id, token string, err error) {
	key, err := s.Key()
	if err != nil {
		return "", "", err
	}
	t, now := newToken(), s.now()
	id = t.id()
	_, err = s.Sessions.Insert(ctx, id, Record{
		ID: id, Account: account, Epoch: epoch, Hash: t.hash(), RotatedAt: now, CreatedAt: now, ExpiresAt: now.Add(s.Lifetime),
	})
	if err == nil {
		err = s.crowded(ctx, account)
	}
	return id, t.text(key), err
}

// crowded ends the oldest sessions of an account beyond the most it may have.
func (s *Service) crowded(ctx context.Context, account string) error {
	page, err := s.Sessions.List(ctx, store.Query{Scopes: []string{account}, Limit: store.MaxLimit})
	for i := most; err == nil && i < len(page.Rows); i++ {
		err = s.End(ctx, page.Rows[i].ID)
	}
	return err
}

// Refresh takes a token and returns the next one. A token that was used before
// ends the session, because one of the two who have it has stolen it; unless it
// was the last one, and just now. It fails with fault.Unauthenticated, because of
// ErrReused where that is so.
func (s *Service) Refresh(ctx context.Context, text string) (string, error) {
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
		}
		return change, err
	})
	switch {
	case fault.Is(err, fault.NotFound): // it was swept
		return "", refused()
	case err != nil:
		return "", err
	case reused:
		s.Log.WarnContext(ctx, "a refresh token was used twice: its session is ended", "account", row.Doc.Account, "session", row.ID)
		return "", refused().Because(ErrReused)
	}
	next := t.successor(key, row.Doc.Salt)
	if !same(next.hash(), row.Doc.Hash) { // it was rotated again between the change and the reading
		return "", refused()
	}
	return next.text(key), nil
}

// rotate replaces the newest token t by its successor. It reports true for a
// token that was used before, and fails with store.ErrNoChange for one that was
// the newest until just now.
func (r *Record) rotate(t refreshToken, key []byte, now time.Time) (reused bool, err error) {
	switch {
	case r.Ended || !now.Before(r.ExpiresAt):
		return false, refused()
	case same(t.hash(), r.Hash):
		r.Salt = make([]byte, secretSize)
		rand.Read(r.Salt) // never fails
		r.Previous, r.Hash, r.RotatedAt = r.Hash, t.successor(key, r.Salt).hash(), now
		return false, nil
	case same(t.hash(), r.Previous) && now.Before(r.RotatedAt.Add(grace)):
		return false, store.ErrNoChange
	}
	return true, nil
}

// Found is the session of a token.
type Found struct {
	Record
	Counts bool // the session goes on, and the token is its last or the one before
}

// Find returns the session of a token that was given out here, whether either
// still counts or not. It fails with fault.Unauthenticated.
func (s *Service) Find(ctx context.Context, text string) (Found, error) {
	key, err := s.Key()
	if err != nil {
		return Found{}, err
	}
	t, err := parse(key, text)
	if err != nil {
		return Found{}, err
	}
	row, err := s.Sessions.Get(ctx, t.id())
	if fault.Is(err, fault.NotFound) {
		return Found{}, refused()
	}
	r := row.Doc
	return Found{r, !r.Ended && s.now().Before(r.ExpiresAt) && (same(t.hash(), r.Hash) || same(t.hash(), r.Previous))}, err
}

// End ends a session: neither its refresh token nor an access token that comes
// from it counts any more. To end it again changes nothing.
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
	r.Ended = true
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
	return refused()
}

// Keep lets a session go on in a new epoch of its account.
func (s *Service) Keep(ctx context.Context, id string, epoch int64) error {
	_, err := s.Sessions.Update(ctx, id, func(r *Record) (store.Change, error) {
		if r.Epoch >= epoch {
			return store.Change{}, store.ErrNoChange // a later change has kept it, or ended it
		}
		r.Epoch = epoch
		return store.Change{}, nil
	})
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

func same(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }
