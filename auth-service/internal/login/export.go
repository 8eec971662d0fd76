package login

import (
	"context"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/auth-service/internal/session"
	"github.com/battery-passport/suite/pkg/store"
)

// maxExported limits the audit entries of an export.
const maxExported = 10_000

// Export contains all data that the service stores about an account.
type Export struct {
	Account  account.Account
	Identity account.Identity
	Sessions []session.Record
	Audit    []audit.Entry
	Next     string // cursor of the next entries; empty: none
}

// Export returns all data that the service stores about the caller, with the audit entries from a
// cursor on, which may be empty. Entries about failed logins and about changes that others made do
// not have addresses: they may be those of other people. It fails as account.Service.CallerAccount
// and audit.Log.List do.
func (s *Service) Export(ctx context.Context, cursor string) (Export, error) {
	r, err := s.Accounts.CallerRecord(ctx)
	if err != nil {
		return Export{}, err
	}
	out := Export{Account: r.Account, Identity: r.Identity, Next: cursor}
	if out.Sessions, err = s.Sessions.Active(ctx, r.ID, r.Epoch); err != nil {
		return Export{}, err
	}
	for first := true; first || out.Next != "" && len(out.Audit) < maxExported; first = false {
		page, err := s.Audit.List(ctx, audit.Filter{Account: r.ID}, out.Next, store.MaxLimit)
		if err != nil {
			return Export{}, err
		}
		for _, row := range page.Rows {
			e := row.Doc
			if e.By != "" && e.By != r.ID || e.Action == audit.LoginFailed {
				e.From, e.RequestID, e.Addresses = "", "", nil
			}
			out.Audit = append(out.Audit, e)
		}
		out.Next = page.Next
	}
	return out, nil
}
