package notification

import (
	"context"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/idna"
)

const (
	// digestPriority is the time for which a waiting digest holds back other mails to its
	// mailbox, after the limit allows it to be sent.
	digestPriority = 10 * time.Minute
	// maxWaiting is the maximum number of waiting digests of a mailbox that have a turn.
	maxWaiting = 1000
)

// WaitingDigest is a digest that waits until the limit of a mailbox allows another mail.
type WaitingDigest struct {
	Budget string    `json:"budget"` // id of the budget of its recipient
	Until  time.Time `json:"until"`  // the digest loses its turn then
}

// mailboxOf returns the mailbox of an address, so that mails to all spellings of an address
// count together: without case, without the tag after a plus, with the domain in Unicode, and
// at Gmail without dots. isVariant reports whether the address is another spelling. At a
// provider without tags, two people may have the same mailbox here; they then share a limit.
func mailboxOf(address string) (mailbox string, isVariant bool) {
	address = strings.ToLower(address)
	local, domain, _ := strings.Cut(address, "@")
	if name, _, found := strings.Cut(local, "+"); found && name != "" {
		local = name
	}
	if host, err := idna.Lookup.ToUnicode(domain); err == nil {
		domain = host
	}
	if domain == "gmail.com" || domain == "googlemail.com" {
		local, domain = strings.ReplaceAll(local, ".", ""), "gmail.com"
	}
	mailbox = local + "@" + domain
	return "mailbox:" + mailbox, mailbox != address
}

// useMailbox counts a mail for the mailbox of its address, to which several accounts may have
// an address. If the mail has to wait, it returns for how long. digest is the id of the
// recipient's budget if the mail is a digest.
func (s *Service) useMailbox(ctx context.Context, id, address, digest string) (wait time.Duration, err error) {
	mailbox, isVariant := mailboxOf(address)
	_, err = s.changeBudget(ctx, mailbox, func(b *MailBudget) {
		wait = b.useMailbox(SentMail{ID: id, At: s.now(), Variant: isVariant}, s.MailPerHour, digest)
	})
	return wait, err
}

// useMailbox counts a mail that is about to be sent to a mailbox, or returns how long it has to
// wait. Anyone can register variants of an address. Therefore one mail of the limit is reserved
// for the address of the mailbox itself if the limit is at least two. Digests, which are the
// only mails that some accounts get, share the rest first come, first served; other mails get
// what no digest waits for. A repeated mail is counted once.
func (b *MailBudget) useMailbox(m SentMail, limit int, digest string) (wait time.Duration) {
	isRepeated := slices.ContainsFunc(b.Sent, func(sent SentMail) bool {
		return sent.ID == m.ID && sent.Variant == m.Variant && m.At.Sub(sent.At) < budgetPeriod
	})
	b.forget(m.ID, m.At)
	ahead := b.digestsBefore(digest, m.At)
	if !isRepeated {
		wait = b.mailboxWait(m, limit, ahead)
	}
	if wait == 0 {
		b.Sent = append(b.Sent, m)
		b.Waiting = slices.DeleteFunc(b.Waiting, func(w WaitingDigest) bool { return w.Budget == digest })
		return 0
	}
	if digest != "" && ahead == len(b.Waiting) && ahead < maxWaiting {
		b.Waiting = append(b.Waiting, WaitingDigest{Budget: digest})
	}
	if digest != "" && ahead < len(b.Waiting) {
		b.Waiting[ahead].Until = m.At.Add(wait + digestPriority)
	}
	return wait
}

// digestsBefore returns how many waiting digests have their turn before a mail. A digest that
// was not sent when the limit allowed it, because nothing was left to send or the address has
// changed, loses its turn.
func (b *MailBudget) digestsBefore(digest string, now time.Time) int {
	b.Waiting = slices.DeleteFunc(b.Waiting, func(w WaitingDigest) bool { return w.Budget != digest && w.Until.Before(now) })
	if i := slices.IndexFunc(b.Waiting, func(w WaitingDigest) bool { return w.Budget == digest }); i >= 0 {
		return i
	}
	return len(b.Waiting)
}

// mailboxWait returns how long it takes until the limit allows a mail. The newest mail to the
// address of the mailbox itself uses the reserved part of the limit.
func (b *MailBudget) mailboxWait(m SentMail, limit, ahead int) time.Duration {
	if limit == 1 {
		return waitBelow(b.Sent, limit-ahead, m.At)
	}
	shared, reserved := slices.Clone(b.Sent), []SentMail(nil)
	for i := len(shared) - 1; i >= 0 && reserved == nil; i-- {
		if !shared[i].Variant {
			reserved = []SentMail{shared[i]}
			shared = slices.Delete(shared, i, i+1)
		}
	}
	wait := waitBelow(shared, limit-1-ahead, m.At)
	if !m.Variant {
		wait = min(wait, waitBelow(reserved, 1, m.At))
	}
	return wait
}

// waitBelow returns how long it takes until fewer mails than the limit count. With a limit of
// less than 1, that depends on mails that are not sent yet.
func waitBelow(sent []SentMail, limit int, now time.Time) time.Duration {
	switch i := len(sent) - limit; {
	case i < 0:
		return 0
	case i < len(sent):
		return max(time.Millisecond, sent[i].At.Add(budgetPeriod).Sub(now))
	}
	return budgetPeriod
}
