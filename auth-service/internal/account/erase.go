package account

import (
	"context"

	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Erase removes all data of an account except its id, which histories and the audit refer to.
// The email address can be registered again; access tokens are revoked. It fails with
// fault.NotFound, and with fault.Conflict for the account of the caller, the account of
// AdminEmail and the last admin.
func (s *Service) Erase(ctx context.Context, id string) error {
	if id == auth.Caller(ctx).UserID {
		return fault.New(fault.Conflict, "this is your own account; erase it with your password: POST /api/auth/profile/deletion")
	}
	r, err := s.Get(ctx, Administrator{All: true}, id)
	if err != nil {
		return err
	}
	return s.erase(ctx, r)
}

// EraseOwn erases the account of the caller, as Erase does. An account without a password requires
// that the caller has just logged in at the identity provider instead. It fails with fault.Invalid if
// the password is wrong, with fault.TooMany, with fault.Conflict as Erase does, and also for the last
// active manager of an organisation and without a new login.
func (s *Service) EraseOwn(ctx context.Context, password string, justLoggedIn bool) error {
	r, err := s.CallerRecord(ctx)
	switch {
	case err == nil && r.PasswordHash == "" && !justLoggedIn:
		err = fault.New(fault.Conflict, "the account has no password; log in at the identity provider again, and erase the account within 10 minutes after that")
	case err == nil && r.PasswordHash != "":
		r, err = s.confirmPassword(ctx, "/password", password)
	}
	if err != nil {
		return err
	}
	marked := false
	if r.Manager {
		by, err := s.administratorOf(ctx, r)
		if err != nil {
			return err
		}
		disabled := true
		if marked, err = s.beginRemoval(ctx, by, r.ID, Change{Disabled: &disabled}, nil); err != nil {
			return err
		}
	}
	err = s.erase(ctx, r)
	if marked && err != nil {
		s.cancelRemoval(ctx, r.ID)
	}
	return err
}

func (s *Service) erase(ctx context.Context, r Record) error {
	if s.AdminEmail != "" && NormalEmail(r.Email) == s.AdminEmail {
		return fault.New(fault.Conflict, "the next restart would create this account again, because its address is ADMIN_EMAIL; remove ADMIN_EMAIL first")
	}
	excluded, err := s.excludeAdmin(ctx, r)
	if err != nil {
		return err
	}
	_, err = s.update(ctx, r.ID, func(r *Record) (store.Change, error) {
		if r.Role == auth.Admin && !s.isExcluded(*r, excluded) {
			return store.Change{}, fault.New(fault.Conflict, "another request changed the account at the same time; try again")
		}
		return s.clear(ctx, r), nil
	})
	return notFound(r.ID, err)
}

// clear removes the data of r that Erase removes, and returns the records to store with it.
func (s *Service) clear(ctx context.Context, r *Record) store.Change {
	now := s.now()
	*r = Record{
		Account: Account{ID: r.ID, Role: auth.User, Disabled: true, CreatedAt: r.CreatedAt, UpdatedAt: now},
		First:   r.First, Rights: r.Rights, Epoch: r.Epoch + 1, LastEntry: r.LastEntry, Deleted: true,
	}
	change := s.rightsChange(ctx, r, audit.AccountDeleted)
	change.Events = []event.Envelope{event.New(source, r.ID, now, event.UserDeleted{UserID: r.ID, DeletedAt: now})}
	return change
}

// checkExists fails with fault.NotFound if the account was erased.
func (r *Record) checkExists() error {
	if r.Deleted {
		return fault.New(fault.NotFound, "the account was erased")
	}
	return nil
}
