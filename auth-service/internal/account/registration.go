package account

import (
	"context"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/auth-service/internal/link"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
	"github.com/battery-passport/suite/pkg/wire"
)

// Kinds of tasks of registrations whose email address must be confirmed.
const (
	registrationTask = "account.registration"
	ConfirmationMail = "account.confirmationMail" // with a link
	ExistingMail     = "account.existingMail"     // to the holder of an account with a confirmed address
)

// ConfirmationLifetime is how long the link of a registration is valid.
const ConfirmationLifetime = 24 * time.Hour

// registration is the data of a task that creates an account.
type registration struct {
	Email        string `json:"email"`
	PasswordHash string `json:"passwordHash"`
	Address      string `json:"address"`
	RequestID    string `json:"requestId"`
}

// RequestRegistration adds a task that creates the account of a user and sends a mail with a
// link that confirms its email address. It does the same for every address; only the task finds
// out whether there is an account. It fails as Register does, except for an address that has an
// account.
func (s *Service) RequestRegistration(ctx context.Context, email, password string, role auth.Role) error {
	if role != "" && role != auth.User {
		return errRoleRefused()
	}
	email = NormalEmail(email)
	if details := CheckCredentials(email, password); details != nil {
		return fault.New(fault.Invalid, "the account is not valid").With(details...)
	}
	hash, err := s.hashPassword(ctx, Registration, password)
	if err != nil {
		return err
	}
	o := audit.OriginOf(ctx)
	_, err = s.Mails.Enqueue(ctx, task.Spec{ID: s.NewID(), Kind: registrationTask, Data: registration{email, hash, o.Address, o.RequestID}})
	return err
}

// Tasks returns the tasks that create the accounts of registrations.
func (s *Service) Tasks() []task.Kind {
	return []task.Kind{{
		Name: registrationTask, Concurrency: 4, Retention: time.Hour, // the data has a password hash
		Run: func(ctx context.Context, t task.Task) error {
			var q registration
			if err := wire.Unmarshal(t.Data, &q); err != nil {
				return task.Permanent(err)
			}
			return s.completeRegistration(audit.WithOrigin(ctx, audit.Origin{Address: q.Address, RequestID: q.RequestID}), q)
		},
	}}
}

// completeRegistration creates an account. An account whose address is not confirmed gets the new
// password and loses TOTP, and its sessions end: anybody may have registered it before. The holder of
// any other account gets a mail.
func (s *Service) completeRegistration(ctx context.Context, q registration) error {
	q.Email = NormalEmail(q.Email) // that of a task of an earlier release may have another form
	row, err := s.Accounts.GetBy(ctx, byEmail, q.Email)
	switch {
	case fault.Is(err, fault.NotFound):
		now := s.now()
		_, err = s.insert(ctx, Record{Account: Account{
			ID: s.NewID(), Email: q.Email, Role: auth.User, EmailVerified: new(bool), CreatedAt: now, UpdatedAt: now,
		}, PasswordHash: q.PasswordHash})
	case err == nil && row.Doc.Verified():
		return s.enqueueMail(ctx, ExistingMail, q.Email)
	case err == nil && row.Doc.PasswordHash != q.PasswordHash:
		_, err = s.replaceUnconfirmed(ctx, row.ID, q.PasswordHash, false)
	}
	if err != nil {
		return err
	}
	return s.enqueueMail(ctx, ConfirmationMail, q.Email)
}

// replaceUnconfirmed gives an account whose address is not confirmed to the person who
// registers it now. verified is true if the person has received a mail at the address: the
// account is then confirmed, so that nobody can replace the password again.
func (s *Service) replaceUnconfirmed(ctx context.Context, id, passwordHash string, verified bool) (Record, error) {
	return s.update(ctx, id, func(r *Record) (store.Change, error) {
		if !r.isUnconfirmed() {
			return store.Change{}, store.ErrNoChange
		}
		before := r.Account
		r.PasswordHash, r.EmailVerified, r.UpdatedAt = passwordHash, &verified, s.now()
		r.removeFactor()
		r.endLogins()
		r.Confirmation.Close()
		change := s.rightsChange(asRegistrant(ctx, *r), r, audit.Registered, append(differences(before, r.Account), audit.FieldDiff{Field: "password"})...)
		if verified {
			change.Events = []event.Envelope{r.updated()}
		}
		return change, nil
	})
}

// PrepareConfirmationMail returns the mail that confirms an address, with a new token. It fails with
// fault.NotFound if no mail must be sent, and with fault.TooMany.
func (s *Service) PrepareConfirmationMail(ctx context.Context, q MailRequest, request string) (LinkMail, error) {
	return s.linkMail(ctx, q, func(r *Record) (string, error) {
		if r.Disabled || r.Verified() {
			return "", fault.New(fault.NotFound, "the account is disabled, or its address is confirmed")
		}
		return r.Confirmation.Issue(r.ID, request, s.now(), ConfirmationLifetime, mailsPerDay)
	})
}

// PrepareExistingMail returns the mail to the holder of an account whose address somebody registered again.
func (s *Service) PrepareExistingMail(ctx context.Context, q MailRequest, _ string) (LinkMail, error) {
	row, err := s.Accounts.GetBy(ctx, byEmail, q.Email)
	if err == nil && (row.Doc.Disabled || !row.Doc.Verified()) {
		err = fault.New(fault.NotFound, "the account is disabled, or its address is not confirmed")
	}
	return LinkMail{To: row.Doc.Email}, err
}

// ConfirmEmail confirms the address of the account of a link. It requires the password of the
// account: otherwise a person could be made to confirm an account that somebody else registered
// with the person's address. It fails with fault.Invalid, with fault.TooMany, and as
// link.ErrInvalid.
func (s *Service) ConfirmEmail(ctx context.Context, token, password string) error {
	check := func(r *Record) error {
		if r.Disabled || r.Verified() {
			return link.ErrInvalid()
		}
		return r.Confirmation.Check(token, s.now())
	}
	r, err := s.getByToken(ctx, token)
	if err == nil {
		err = check(&r)
	}
	if err != nil {
		return err
	}
	if ok, err := s.verifyPassword(ctx, r, r.Email, password, ""); err != nil {
		return err
	} else if !ok {
		return fault.New(fault.Invalid, "the password is wrong").
			With(fault.Detail{Path: "/password", Code: "mismatch", Message: "must be the password of the latest registration of this address; register again if you do not know it"})
	}
	_, err = s.update(ctx, r.ID, func(stored *Record) (store.Change, error) {
		if err := check(stored); err != nil {
			return store.Change{}, err
		}
		if stored.PasswordHash != r.PasswordHash {
			return store.Change{}, fault.New(fault.Conflict, "another request changed the password at the same time")
		}
		verified := true
		stored.Confirmation.Close()
		stored.EmailVerified, stored.UpdatedAt = &verified, s.now()
		change := s.rightsChange(asAccount(ctx, r.ID), stored, audit.EmailConfirmed)
		change.Events = []event.Envelope{stored.updated()}
		return change, nil
	})
	return err
}
