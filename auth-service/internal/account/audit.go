package account

import (
	"context"

	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// update changes an account and then appends the new audit entry to the audit. The
// change comes from entryChange or rightsChange. It fails with fault.NotFound.
func (s *Service) update(ctx context.Context, id string, change func(*Record) (store.Change, error)) (Record, error) {
	row, err := s.Accounts.Update(ctx, id, func(r *Record) (store.Change, error) {
		if err := r.checkExists(); err != nil {
			return store.Change{}, err
		}
		return change(r)
	})
	if err == nil {
		s.Audit.Append(ctx, row.Doc.LastEntry)
	}
	return row.Doc, err
}

// rightsChange returns a change that revokes all access tokens of the account and
// records an audit entry. The revocation is stored before the change: a spurious
// revocation is harmless, a missing one is not.
func (s *Service) rightsChange(ctx context.Context, r *Record, action audit.Action, diffs ...audit.FieldDiff) store.Change {
	r.Rights++
	c := s.entryChange(ctx, r, action, diffs...)
	c.History = append(c.History, s.Tokens.Revocation(r.ID, r.Rights))
	return c
}

// entryChange returns a change that stores a new audit entry in the account and
// moves the previous one to the audit.
func (s *Service) entryChange(ctx context.Context, r *Record, action audit.Action, diffs ...audit.FieldDiff) store.Change {
	return store.Change{History: s.Audit.Next(ctx, &r.LastEntry, audit.Entry{
		Account: r.ID, Number: r.LastEntry.Number + 1, Action: action, Changes: diffs,
	})}
}

// AppendNewest appends the newest entry of the account that f selects to the audit.
func (s *Service) AppendNewest(ctx context.Context, f audit.Filter) error {
	if f.Account == "" {
		return nil
	}
	row, err := s.Accounts.Get(ctx, f.Account)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.Audit.Ensure(ctx, row.Doc.LastEntry)
}
