package notification

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
)

// budgetPeriod is the period for which Service.MailPerHour limits the mails to a recipient.
const budgetPeriod = time.Hour

const minDigestDelay = time.Minute

// MailBudget counts the mails to a recipient, or those to the mailbox of several recipients.
// When the budget of a recipient is used up, further mails wait for a digest, which is sent an
// hour after the last mail. A digest counts as a mail.
type MailBudget struct {
	Sent      []SentMail      `json:"sent"`               // in the last hour, oldest first
	DigestDue time.Time       `json:"digestDue,omitzero"` // zero: no mails are waiting
	Digest    int             `json:"digest,omitzero"`    // number of the last digest
	Waiting   []WaitingDigest `json:"waiting,omitempty"`  // digests that the limit of the mailbox delays, in the order of their turns
}

// SentMail is a mail that was sent, or that is being sent.
type SentMail struct {
	ID      string    `json:"id"` // of the notification or digest
	At      time.Time `json:"at"`
	Variant bool      `json:"tagged,omitzero"` // to an address that is a variant of the mailbox's, see mailboxOf
}

// BudgetSchema is the store schema of mail budgets.
func BudgetSchema() store.Schema[MailBudget] {
	return store.Schema[MailBudget]{Name: "notification_mail_budgets", Version: 2}
}

// digestKey identifies the digest of a recipient: an account, or an address that an admin has
// given.
func (r *Record) digestKey() string {
	if r.Address != "" {
		return "address:" + strings.ToLower(r.Address)
	}
	return "account:" + r.Recipient
}

func budgetID(key string) string { return deriveID("mail budget", key) }

// use counts a mail that is about to be sent. It reports false if the budget is used up. A
// repeated mail replaces its first attempt.
func (b *MailBudget) use(id string, now time.Time, limit int) bool {
	b.forget(id, now)
	if !b.DigestDue.IsZero() || len(b.Sent) >= limit {
		return false
	}
	b.Sent = append(b.Sent, SentMail{ID: id, At: now})
	return true
}

// forget removes mails that no longer count, and an earlier attempt to send a mail.
func (b *MailBudget) forget(id string, now time.Time) {
	b.Sent = slices.DeleteFunc(b.Sent, func(m SentMail) bool { return m.ID == id || now.Sub(m.At) >= budgetPeriod })
}

// openDigest sets when the digest is due, unless it is set.
func (b *MailBudget) openDigest(now time.Time) {
	if !b.DigestDue.IsZero() {
		return
	}
	b.Digest, b.DigestDue = b.Digest+1, now.Add(minDigestDelay)
	if n := len(b.Sent); n > 0 && b.Sent[n-1].At.Add(budgetPeriod).After(b.DigestDue) {
		b.DigestDue = b.Sent[n-1].At.Add(budgetPeriod)
	}
}

// useBudgets counts a mail for its recipient, and for the mailbox of its address. It reports
// false if the mail has to wait for a digest.
func (s *Service) useBudgets(ctx context.Context, r *Record, address string) (used bool, err error) {
	_, err = s.changeBudget(ctx, r.digestKey(), func(b *MailBudget) { used = b.use(r.ID, s.now(), s.MailPerHour) })
	if !used || err != nil {
		return false, err
	}
	wait, err := s.useMailbox(ctx, r.ID, address, "")
	if err == nil && wait > 0 {
		_, err = s.changeBudget(ctx, r.digestKey(), func(b *MailBudget) { b.forget(r.ID, s.now()) })
	}
	return wait == 0, err
}

func (s *Service) changeBudget(ctx context.Context, key string, change func(*MailBudget)) (MailBudget, error) {
	id := budgetID(key)
	var b MailBudget
	change(&b)
	_, err := s.Budgets.Insert(ctx, id, b)
	if !fault.Is(err, fault.Conflict) {
		return b, err
	}
	row, err := s.Budgets.Update(ctx, id, func(b *MailBudget) (store.Change, error) {
		change(b)
		return store.Change{}, nil
	})
	return row.Doc, err
}

// postpone adds a mail to the next digest. It is idempotent. The record is marked before the
// digest is opened: so a digest that is being closed either contains it, or is followed by
// another one.
func (s *Service) postpone(ctx context.Context, r *Record) error {
	_, err := s.Records.Update(ctx, r.ID, func(r *Record) (store.Change, error) {
		mail := r.delivery(Mail)
		if mail == nil || mail.State != Pending || mail.Digest {
			return store.Change{}, store.ErrNoChange
		}
		mail.Digest, mail.NextTry, mail.Reason = true, time.Time{}, "waits for the next digest, because the limit of mails per hour is reached"
		return store.Change{}, nil
	})
	if err != nil {
		return err
	}
	return s.scheduleDigest(ctx, r.digestKey())
}

// digestTask is the data of a digest task.
type digestTask struct {
	Key    string `json:"mailbox"` // Record.digestKey
	Number int    `json:"number"`
}

// scheduleDigest opens the digest of a recipient, and enqueues its task.
func (s *Service) scheduleDigest(ctx context.Context, key string) error {
	b, err := s.changeBudget(ctx, key, func(b *MailBudget) { b.openDigest(s.now()) })
	if err != nil {
		return err
	}
	_, err = s.Tasks.Enqueue(ctx, task.Spec{
		ID: digestID(key, b.Digest), Kind: digestTaskKind, Data: digestTask{key, b.Digest}, NotBefore: b.DigestDue,
	})
	return err
}

func digestID(key string, number int) string { return deriveID("digest", key, strconv.Itoa(number)) }

// isOpen reports whether a digest is open.
func (b MailBudget) isOpen(digest int) bool { return !b.DigestDue.IsZero() && b.Digest == digest }

// mailAddress returns the address to which a mail goes. It fails with a *task.Refusal if the
// recipient must not get the mail, or not yet.
func (s *Service) mailAddress(ctx context.Context, r *Record) (string, error) {
	if r.Address != "" {
		return r.Address, nil
	}
	a, err := s.account(ctx, r.Recipient)
	switch {
	case err != nil:
		return "", err
	case a.Disabled:
		return "", &task.Refusal{Final: true, Reason: "the account is disabled"}
	case a.Deleted:
		return "", &task.Refusal{Final: true, Reason: "the account was deleted"}
	case a.Unverified:
		return "", &task.Refusal{Final: true, Reason: "the address of the recipient is not confirmed"}
	case a.Email == "":
		return "", &task.Refusal{Reason: addressUnknown}
	case r.Type == System && !a.mailed(r.EventType):
		return "", &task.Refusal{Final: true, Reason: "the recipient has turned off such mails"}
	}
	return a.Email, s.checkAudience(ctx, r, a)
}

// checkAudience fails if the recipient belongs to none of the audiences. The error is
// temporary for an hour if the event that assigns the account may not have arrived.
func (s *Service) checkAudience(ctx context.Context, r *Record, a AccountProjection) error {
	for _, audience := range r.Audiences {
		if audience == admins && a.Role == auth.Admin {
			return nil
		}
		id, ok := strings.CutPrefix(string(audience), organisationPrefix)
		if !ok {
			continue
		}
		ids, err := s.organisationIDs(ctx, id)
		if err != nil || slices.Contains(ids, a.Organisation) {
			return err
		}
	}
	if len(r.Audiences) == 0 {
		return nil
	}
	expected := a.ChangedAt.Before(r.CreatedAt) && s.now().Sub(r.CreatedAt) < time.Hour
	return &task.Refusal{Final: !expected, Reason: "the recipient does not belong to the organisation"}
}
