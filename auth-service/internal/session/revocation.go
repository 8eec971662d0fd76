package session

import (
	"context"
	"fmt"
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// overlap is how far back a reader begins who has read all: writes become
// visible out of order, and the clocks of two instances may differ as much as
// those of one that signs tokens and another that takes them, both ways.
const overlap = 2 * auth.Leeway

// clocks is how much longer a token may count by the clocks of others: of the
// instance that signed it, and of those that verify it with a leeway of their own.
const clocks = 3 * auth.Leeway

// Revoked is how a revocation is stored.
type Revoked struct {
	auth.Revocation
	CreatedAt time.Time `json:"createdAt"`
}

// RevokedSchema declares how revocations are stored.
func RevokedSchema() store.Schema[Revoked] {
	return store.Schema[Revoked]{
		Name: "revocations", Version: 1,
		Indexes: func(r *Revoked) store.Indexes { return store.Indexes{Scopes: []string{""}, Created: r.CreatedAt} },
	}
}

// Revocation returns the record that revokes the access tokens of an account or a
// session with a lower version. It is stored before the change that it belongs to.
// When a change is tried again, the record of the first attempt stays with its
// Until: whoever signs a token must check IsRevoked first.
func (s *Service) Revocation(id string, version int64) store.HistoryRecord {
	now := s.now()
	r := Revoked{auth.Revocation{ID: auth.RevocationID(id), Version: version, Until: now.Add(s.TokenLifetime + clocks)}, now}
	return store.HistoryOf(s.Revocations, revocationID(id, version), r)
}

// IsRevoked reports whether the tokens with a lower version were revoked.
func (s *Service) IsRevoked(ctx context.Context, id string, version int64) (bool, error) {
	_, err := s.Revocations.Get(ctx, revocationID(id, version))
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil, err
}

func revocationID(id string, version int64) string {
	return fmt.Sprintf("%s/%d", auth.RevocationID(id), version)
}

// Since returns the revocations since those that said so, all that matter where
// since is empty. It fails with fault.Malformed.
func (s *Service) Since(ctx context.Context, since string) (auth.Revocations, error) {
	now := s.now()
	q := store.Query{Scopes: []string{store.All}, Order: store.OldestFirst, Limit: store.MaxLimit, Cursor: since}
	page, err := s.Revocations.List(ctx, q)
	if fault.Is(err, fault.Malformed) {
		return auth.Revocations{}, fault.New(fault.Malformed, "since is not a value of this feed").
			With(fault.Detail{Path: "since", Code: "format", Message: "must be the since of the answer before"}).Because(err)
	}
	if err != nil {
		return auth.Revocations{}, err
	}
	out := auth.Revocations{Lifetime: int(s.TokenLifetime.Seconds()), Items: make([]auth.Revocation, 0, len(page.Rows)), More: page.Next != "", Since: page.Next}
	for _, row := range page.Rows {
		if row.Doc.Until.After(now) {
			out.Items = append(out.Items, row.Doc.Revocation)
		}
	}
	if !out.More {
		out.Since = q.CursorAfter(now.Add(-overlap), "")
	}
	return out, nil
}
