package account

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/auth-service/internal/link"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
)

const (
	// ResetMail is the kind of tasks that send a link for a new password.
	ResetMail = "account.resetMail"

	// ResetLifetime is how long such a link is valid, and how long a request may wait for the
	// mail server.
	ResetLifetime = 30 * time.Minute

	mailInterval = 5 * time.Minute // in which an address gets one mail of a kind
	mailsPerDay  = 5               // of a kind, to an account; after that, one per hour
)

// MailRequest is the data of a task that sends a mail about an account.
type MailRequest struct {
	Email string `json:"email"` // as it was entered, in normal form; it may have no account
}

// LinkMail is a mail with a single-use link.
type LinkMail struct{ To, Token string }

// RequestReset requests a mail with a link for a new password. It does the same for every
// address; only the task finds out whether there is an account. An address gets at most one
// mail in five minutes, and an account that got five mails in 24 hours at most one per hour. It
// fails with fault.Invalid if this is not an email address, and with fault.Conflict if the
// service sends no mail.
func (s *Service) RequestReset(ctx context.Context, email string) error {
	email = NormalEmail(email)
	if details := CheckEmail(email); details != nil {
		return fault.New(fault.Invalid, "the request is not valid").With(details...)
	}
	s.Audit.Count(ctx, audit.ResetRequested, "")
	return s.enqueueMail(ctx, ResetMail, email)
}

// enqueueMail adds the task for a mail to an address, unless there was one of this kind in the same
// interval.
func (s *Service) enqueueMail(ctx context.Context, kind, email string) error {
	if s.Mails == nil {
		return fault.New(fault.Conflict, "this installation sends no mail (SMTP_HOST is not set); ask an admin")
	}
	id := sha256.Sum256(fmt.Appendf(nil, "%q", []string{kind, email, s.now().Truncate(mailInterval).String()}))
	_, err := s.Mails.Enqueue(ctx, task.Spec{ID: hex.EncodeToString(id[:16]), Kind: kind, Data: MailRequest{email}})
	return err
}

// PrepareResetMail returns the mail for a request, with a new token. The tokens of earlier mails stay
// valid. It fails with fault.NotFound if no mail must be sent, and with fault.TooMany.
func (s *Service) PrepareResetMail(ctx context.Context, q MailRequest, request string) (LinkMail, error) {
	return s.linkMail(ctx, q, func(r *Record) (string, error) {
		if r.Disabled || !r.Verified() || s.logsInAtProviderOnly(*r) {
			return "", fault.New(fault.NotFound, "the account is disabled, its address is not confirmed, or it logs in at the identity provider only")
		}
		return r.Reset.Issue(r.ID, request, s.now(), ResetLifetime, mailsPerDay)
	})
}

// logsInAtProviderOnly reports whether an account has no password because the identity provider
// authenticates it. A password would bypass the second factor of the provider, and would still be
// valid after the provider has disabled the person.
func (s *Service) logsInAtProviderOnly(r Record) bool {
	return r.PasswordHash == "" && r.Identity.Issuer != "" && r.Identity.Issuer == s.Provider.Issuer
}

// linkMail returns the mail for a request, with a token that issue makes and stores in the account.
func (s *Service) linkMail(ctx context.Context, q MailRequest, issue func(*Record) (token string, err error)) (LinkMail, error) {
	row, err := s.Accounts.GetBy(ctx, byEmail, q.Email)
	if err != nil {
		return LinkMail{}, err
	}
	l := LinkMail{To: row.Doc.Email}
	_, err = s.Accounts.Update(ctx, row.ID, func(r *Record) (_ store.Change, err error) {
		l.Token, err = issue(r)
		return store.Change{}, err
	})
	return l, err
}

// ResetPassword sets the password of the account of a link, and ends all sessions and devices of the
// account. It fails with fault.Invalid if the password does not meet the policy, and as
// link.ErrInvalid.
func (s *Service) ResetPassword(ctx context.Context, token, password string) error {
	if details := checkPasswordPolicy("/password", password); details != nil {
		return fault.New(fault.Invalid, "the new password does not meet the policy").With(details...)
	}
	check := func(r *Record) error {
		if r.Disabled || s.logsInAtProviderOnly(*r) {
			return link.ErrInvalid()
		}
		return r.Reset.Check(token, s.now())
	}
	r, err := s.getByToken(ctx, token)
	if err == nil {
		err = check(&r)
	}
	if err != nil {
		return err
	}
	hash, err := s.hashPassword(ctx, OtherDevice, password)
	if err != nil {
		return err
	}
	_, err = s.update(ctx, r.ID, func(r *Record) (store.Change, error) {
		if err := check(r); err != nil {
			return store.Change{}, err
		}
		r.PasswordHash = hash
		r.endLogins()
		return s.rightsChange(asAccount(ctx, r.ID), r, audit.PasswordReset), nil
	})
	return err
}

// getByToken returns the account that the token of a link names, and does not check the token otherwise.
// It fails as link.ErrInvalid if the account does not exist.
func (s *Service) getByToken(ctx context.Context, token string) (Record, error) {
	id, err := link.Owner(token)
	if err != nil {
		return Record{}, err
	}
	row, err := s.Accounts.Get(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return Record{}, link.ErrInvalid()
	}
	return row.Doc, err
}
