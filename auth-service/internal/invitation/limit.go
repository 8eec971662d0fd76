package invitation

import (
	"context"
	"slices"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// checkLimits fails with fault.TooMany if the address of an invitation got too many mails in 24
// hours, from all organisations, or the organisation sent too many, to all addresses. Mails
// about revoked invitations count.
func (s *Service) checkLimits(ctx context.Context, i Invitation, now time.Time) error {
	for _, l := range []struct {
		scope, email string
		max          int
		message      string
	}{
		{store.All, i.Email, mailsPerAddress, "the address got too many invitations in 24 hours"},
		{scopeOf(i.Organisation), "", mailsPerDay, "the organisation has sent too many invitations in 24 hours"},
	} {
		mails, err := s.mails(ctx, l.scope, l.email, now)
		if err != nil {
			return err
		}
		if n := len(mails); n >= l.max {
			return fault.New(fault.TooMany, "%s", l.message).RetryIn(mails[n-l.max].Add(day).Sub(now))
		}
	}
	return nil
}

// mails returns the times of the mails of the last 24 hours about the invitations in a scope, to
// an address unless that is empty, oldest first.
func (s *Service) mails(ctx context.Context, scope, email string, now time.Time) (times []time.Time, err error) {
	q := store.Query{
		Scopes:  []string{dayScope(scope, now), dayScope(scope, now.Add(-day))},
		Filters: map[string]string{filterEmail: email}, Limit: store.MaxLimit,
	}
	for row, err := range s.Invitations.All(ctx, q) {
		if err != nil {
			return nil, err
		}
		for _, at := range row.Doc.Asked {
			if now.Sub(at) < day {
				times = append(times, at)
			}
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	return times, nil
}
