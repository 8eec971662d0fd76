package invitation

import (
	"context"
	"slices"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/auth-service/internal/organisation"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
)

const day = 24 * time.Hour

// Service manages invitations. It is safe for concurrent use. Its methods fail with
// fault.Unavailable while the store does not respond.
type Service struct {
	Invitations   *store.Collection[Record]
	Accounts      *account.Service
	Organisations *organisation.Service
	Audit         *audit.Log
	Mails         *task.Queue // of tasks that send mails; nil: the service sends none
	Now           func() time.Time
	NewID         func() string
}

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// Create invites a person to an organisation and sends the mail. If no organisation is given, a
// manager invites to their own. It fails with fault.Forbidden for a role or organisation that
// only an admin may give, with fault.Invalid, with fault.Conflict if the address has a pending
// invitation to the organisation or the service sends no mail, and with fault.TooMany.
func (s *Service) Create(ctx context.Context, by account.Administrator, i Invitation) (Record, error) {
	i.ID, i.InvitedBy, i.State, i.Email = s.NewID(), auth.UserID(ctx), Pending, account.NormalEmail(i.Email)
	if i.Organisation == "" && !by.All {
		i.Organisation = by.Organisations[0]
	}
	if err := by.CheckGrant(i.Role, i.Organisation); err != nil {
		return Record{}, err
	}
	if err := s.check(ctx, i); err != nil {
		return Record{}, err
	}
	now := s.now()
	if err := s.checkLimits(ctx, i, now); err != nil {
		return Record{}, err
	}
	i.CreatedAt, i.ExpiresAt = now, now.Add(Lifetime)
	r := Record{Invitation: i, Request: s.NewID(), Asked: []time.Time{now}}
	s.next(ctx, &r, audit.InvitationCreated)
	_, err := s.Invitations.Insert(ctx, r.ID, r)
	if index, _ := store.Duplicate(err); index == byAddress {
		return Record{}, fault.New(fault.Conflict, "this address has a pending invitation to the organisation; resend or revoke it").
			With(fault.Detail{Path: "/email", Code: "duplicate", Message: "must have no pending invitation to the organisation"})
	}
	if err != nil {
		return Record{}, err
	}
	s.Audit.Append(ctx, r.LastEntry)
	return r, s.send(ctx, r)
}

// check returns the faults of a new invitation.
func (s *Service) check(ctx context.Context, i Invitation) error {
	if s.Mails == nil {
		return fault.New(fault.Conflict, "this installation sends no mail (SMTP_HOST is not set), so nobody can be invited; ask an admin")
	}
	details := account.CheckEmail(i.Email)
	needs := i.Manager || i.Role == auth.User || i.Role == auth.Operator
	switch {
	case i.Organisation == "" && needs:
		details = append(details, fault.Detail{Path: "/organisation", Code: "required", Message: "is missing; an admin names the organisation that the person joins"})
	case i.Organisation != "":
		_, err := s.Organisations.Get(ctx, i.Organisation)
		if fault.Is(err, fault.NotFound) {
			details = append(details, fault.Detail{Path: "/organisation", Code: "notFound", Message: "must be the id of an existing organisation"})
		} else if err != nil {
			return err
		}
	}
	if i.Manager && !account.CanManage(i.Role) {
		details = append(details, fault.Detail{Path: "/manager", Code: "conflict", Message: "must be false for the role " + string(i.Role) + ": managers have the role user or operator"})
	}
	if len(details) == 0 {
		return nil
	}
	return fault.New(fault.Invalid, "the invitation is not valid").With(details...)
}

// List returns a page of the invitations that the administrator may see, newest first. For a
// manager a page may have fewer invitations than the limit. It fails with fault.Malformed if
// the cursor belongs to another list.
func (s *Service) List(ctx context.Context, by account.Administrator, cursor string, limit int) (store.Page[Record], error) {
	q := store.Query{Scopes: by.Organisations, Cursor: cursor, Limit: limit}
	if by.All {
		q.Scopes = []string{store.All}
	}
	page, err := s.Invitations.List(ctx, q)
	rows := page.Rows[:0]
	for _, r := range page.Rows {
		if by.Administers(r.Doc.Role, r.Doc.Organisation) {
			rows = append(rows, r)
		}
	}
	page.Rows = rows
	return page, err
}

// Resend sends the mail again, with a new link that is valid for 72 hours; earlier links end.
// It fails with fault.NotFound, with fault.Conflict if the invitation was accepted or revoked,
// and with fault.TooMany.
func (s *Service) Resend(ctx context.Context, by account.Administrator, id string) (Record, error) {
	if s.Mails == nil {
		return Record{}, s.check(ctx, Invitation{})
	}
	r, err := s.change(ctx, by, id, audit.InvitationResent, func(r *Record, now time.Time) error {
		r.Asked = slices.DeleteFunc(r.Asked, func(at time.Time) bool { return now.Sub(at) >= day })
		if err := s.checkLimits(ctx, r.Invitation, now); err != nil {
			return err
		}
		r.Asked = append(r.Asked, now)
		r.Request, r.ExpiresAt, r.InvitedBy = s.NewID(), now.Add(Lifetime), auth.UserID(ctx)
		r.Link.Close()
		return nil
	})
	if err != nil {
		return r, err
	}
	return r, s.send(ctx, r)
}

// Revoke ends an invitation: its link is no longer valid. It fails with fault.NotFound, and
// with fault.Conflict if the invitation was accepted or revoked.
func (s *Service) Revoke(ctx context.Context, by account.Administrator, id string) error {
	_, err := s.change(ctx, by, id, audit.InvitationRevoked, func(r *Record, _ time.Time) error {
		r.State = Revoked
		r.Link.Close()
		return nil
	})
	return err
}

// change changes a pending invitation, also one that has expired.
func (s *Service) change(ctx context.Context, by account.Administrator, id string, action audit.Action, f func(*Record, time.Time) error) (Record, error) {
	row, err := s.Invitations.Update(ctx, id, func(r *Record) (store.Change, error) {
		switch {
		case !by.Administers(r.Role, r.Organisation):
			return store.Change{}, store.ErrNotFound(id)
		case r.State != Pending:
			return store.Change{}, fault.New(fault.Conflict, "the invitation was %s", r.State)
		}
		if err := f(r, s.now()); err != nil {
			return store.Change{}, err
		}
		return store.Change{History: s.next(ctx, r, action)}, nil
	})
	if fault.Is(err, fault.NotFound) {
		return Record{}, fault.New(fault.NotFound, "invitation %q not found", id)
	}
	if err == nil {
		s.Audit.Append(ctx, row.Doc.LastEntry)
	}
	return row.Doc, err
}

// next stores a new audit entry in the invitation and returns the history record of the
// previous one. An entry is stored for ever, so it has no email address.
func (s *Service) next(ctx context.Context, r *Record, action audit.Action) []store.HistoryRecord {
	e := audit.Entry{Invitation: r.ID, Organisation: r.Organisation, Account: r.Account, Number: r.LastEntry.Number + 1, Action: action}
	if action == audit.InvitationCreated {
		e.Changes = []audit.FieldDiff{{Field: "role", New: string(r.Role)}}
		if r.Manager {
			e.Changes = append(e.Changes, audit.FieldDiff{Field: "manager", New: "true"})
		}
	}
	return s.Audit.Next(ctx, &r.LastEntry, e)
}

// AppendNewest appends the newest entries of the invitations to the organisation that f
// selects to the audit.
func (s *Service) AppendNewest(ctx context.Context, f audit.Filter) error {
	if f.Organisation == "" {
		return nil
	}
	page, err := s.Invitations.List(ctx, store.Query{Scopes: []string{f.Organisation}, Limit: mailsPerDay})
	for i := 0; err == nil && i < len(page.Rows); i++ {
		err = s.Audit.Ensure(ctx, page.Rows[i].Doc.LastEntry)
	}
	return err
}
