package session

import (
	"context"
	"fmt"
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// overlap is the time by which a reader that has read all revocations goes back. Writes become
// visible out of order, and the clocks of two instances may differ by the leeway in both
// directions.
const overlap = 2 * auth.Leeway

// clockSkew extends the validity of a revocation: the clocks of the instance that
// signed a token and of the service that verifies it may differ, and verifiers add
// a leeway of their own.
const clockSkew = 3 * auth.Leeway

// RevocationRecord is the stored form of a revocation.
type RevocationRecord struct {
	auth.Revocation
	CreatedAt time.Time `json:"createdAt"`
}

// RevocationSchema declares how revocations are stored.
func RevocationSchema() store.Schema[RevocationRecord] {
	return store.Schema[RevocationRecord]{
		Name: "revocations", Version: 1,
		Indexes: func(r *RevocationRecord) store.Indexes {
			return store.Indexes{Scopes: []string{""}, Created: r.CreatedAt}
		},
	}
}

// Revocation returns the record that revokes the access tokens of an account or a
// session with a lower version. It is stored before the change that it belongs to.
// If the change is retried, the record of the first attempt stays, with its earlier
// Until: callers must check IsRevoked before they sign a token.
func (s *Service) Revocation(id string, version int64) store.HistoryRecord {
	now := s.now()
	r := RevocationRecord{auth.Revocation{ID: auth.RevocationID(id), Version: version, Until: now.Add(s.TokenLifetime + clockSkew)}, now}
	return store.HistoryOf(s.Revocations, revocationID(id, version), r)
}

// FormerIDRevocation returns the record that revokes the access tokens of an organisation that
// contain a former id. It includes tokens of the next second: the removal of the id follows.
func (s *Service) FormerIDRevocation(organisation, former string) store.HistoryRecord {
	return s.Revocation(auth.FormerOrganisationTokens(organisation, former), s.now().Unix()+2)
}

// IsRevoked reports whether tokens of an account or a session with a lower version
// are revoked.
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

// RevocationsSince returns the revocations stored after since, which is the Since of
// an earlier result, or all current ones if it is empty. It fails with
// fault.Malformed for any other value.
func (s *Service) RevocationsSince(ctx context.Context, since string) (auth.Revocations, error) {
	now := s.now()
	q := store.Query{Scopes: []string{store.All}, Order: store.OldestFirst, Limit: store.MaxLimit, Cursor: since}
	page, err := s.Revocations.List(ctx, q)
	if fault.Is(err, fault.Malformed) {
		return auth.Revocations{}, fault.New(fault.Malformed, "since is not a value that this service returned").
			With(fault.Detail{Path: "since", Code: "format", Message: "must be the value of since in the previous response"}).Because(err)
	}
	if err != nil {
		return auth.Revocations{}, err
	}
	out := auth.Revocations{Issuer: s.Issuer, Lifetime: int(s.TokenLifetime.Seconds()), Items: make([]auth.Revocation, 0, len(page.Rows)), More: page.Next != "", Since: page.Next}
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
