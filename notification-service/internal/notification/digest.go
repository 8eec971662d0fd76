package notification

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
)

const (
	digestTaskKind = "notification.digest"
	digestTimeout  = 5 * time.Minute
	maxDigest      = 10_000 // notifications in a digest; further ones are in the next
	maxTitles      = 20     // in the text of a digest
	markers        = 8      // concurrent updates of records
)

// digestKind returns the task kind that sends digests on the channel.
func (d *Dispatcher) digestKind() task.Kind {
	return task.Kind{
		Name: digestTaskKind, Run: d.runDigest, Report: d.reportDigest, Timeout: digestTimeout, Concurrency: d.Concurrency, MaxAttempts: maxAttempts, MinBackoff: minBackoff, MaxBackoff: maxBackoff,
	}
}

// runDigest sends the waiting mails of a recipient as one mail, and closes the digest. It opens
// the next digest if mails remain. A repeated run does not send a closed digest again.
func (d *Dispatcher) runDigest(ctx context.Context, t task.Task) error {
	var data digestTask
	if err := json.Unmarshal(t.Data, &data); err != nil {
		return task.Permanent(err)
	}
	row, err := d.Service.Budgets.Get(ctx, budgetID(data.Key))
	if err != nil {
		return err
	}
	if row.Doc.isOpen(data.Number) {
		records, err := d.waiting(ctx, data.Key, maxDigest)
		if err != nil {
			return err
		}
		if err := d.sendDigest(ctx, data, records); err != nil {
			return err
		}
	}
	rest, err := d.waiting(ctx, data.Key, 1)
	if err != nil || len(rest) == 0 {
		return err
	}
	return d.Service.scheduleDigest(ctx, data.Key)
}

// waiting returns the oldest notifications that wait for the digest of a recipient.
func (d *Dispatcher) waiting(ctx context.Context, key string, limit int) ([]*Record, error) {
	q := store.Query{Scopes: []string{digestScope(key)}, Order: store.OldestFirst, Limit: limit}
	var records []*Record
	for row, err := range d.Service.Records.All(ctx, q) {
		if err != nil {
			return nil, err
		}
		if records = append(records, &row.Doc); len(records) == limit {
			break
		}
	}
	return records, nil
}

// sendDigest sends a digest of the records whose recipient may still get them, sets the state
// of all records, and closes the digest.
func (d *Dispatcher) sendDigest(ctx context.Context, data digestTask, records []*Record) error {
	var to string
	var sent, refused []*Record
	reasons := map[string]string{}
	for _, r := range records {
		address, err := d.Service.mailAddress(ctx, r)
		refusal, ok := errors.AsType[*task.Refusal](err)
		switch {
		case err == nil:
			to, sent = address, append(sent, r)
		case !ok:
			return err
		case refusal.Final: // the others wait for the next digest
			reasons[r.ID], refused = refusal.Reason, append(refused, r)
		}
	}
	m := d.Service.newDigest(to, sent)
	var err error
	if m.Unsubscribe, err = d.Service.unsubscribeURL(ctx, sent...); err != nil {
		return err
	}
	if len(sent) > 0 {
		if err := d.deliverDigest(ctx, m, data); err != nil {
			return err
		}
	}
	now := d.Service.now()
	err = d.markAll(ctx, sent, func(_ *Record, mail *Delivery) { mail.State, mail.SentAt, mail.Reason = Sent, now, "" })
	if err == nil {
		err = d.markAll(ctx, refused, func(r *Record, mail *Delivery) { mail.State, mail.Reason = Failed, shorten(reasons[r.ID]) })
	}
	if err != nil {
		return err
	}
	return d.closeDigest(ctx, data, func(b *MailBudget) {
		if len(sent) > 0 {
			b.Sent = append(b.Sent, SentMail{ID: m.ID, At: now})
		}
	})
}

// deliverDigest sends a digest. If the limit of its mailbox does not allow it yet, the task of
// the digest runs again when it does: that does not count as an attempt.
func (d *Dispatcher) deliverDigest(ctx context.Context, m Message, data digestTask) error {
	wait, err := d.Service.useMailbox(ctx, digestID(data.Key, data.Number), m.To, budgetID(data.Key))
	if err != nil {
		return err
	}
	if wait > 0 {
		return task.ContinueAfter(wait, data)
	}
	return d.deliver(ctx, m)
}

func (d *Dispatcher) closeDigest(ctx context.Context, data digestTask, f func(*MailBudget)) error {
	_, err := d.Service.changeBudget(ctx, data.Key, func(b *MailBudget) {
		if b.isOpen(data.Number) {
			b.DigestDue = time.Time{}
			f(b)
		}
	})
	return err
}

// markAll changes the mail delivery of records that wait for a digest.
func (d *Dispatcher) markAll(ctx context.Context, records []*Record, mark func(*Record, *Delivery)) error {
	update := func(id string) error {
		_, err := d.Service.Records.Update(ctx, id, func(r *Record) (store.Change, error) {
			mail := r.delivery(Mail)
			if mail == nil || mail.State != Pending {
				return store.Change{}, store.ErrNoChange
			}
			mail.Attempts++
			mark(r, mail)
			r.clearDeleted()
			return store.Change{}, nil
		})
		return err
	}
	var wg sync.WaitGroup
	errs := make([]error, markers)
	for i := range markers {
		wg.Go(func() {
			for j := i; j < len(records) && errs[i] == nil; j += markers {
				errs[i] = update(records[j].ID)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// reportDigest marks the notifications of a digest that cannot be sent as failed, and closes
// it, so that later mails are sent.
func (d *Dispatcher) reportDigest(ctx context.Context, t task.Task) error {
	var data digestTask
	if t.State != task.Failed || json.Unmarshal(t.Data, &data) != nil {
		return nil
	}
	row, err := d.Service.Budgets.Get(ctx, budgetID(data.Key))
	if err != nil || !row.Doc.isOpen(data.Number) {
		return err
	}
	for {
		records, err := d.waiting(ctx, data.Key, store.MaxLimit)
		if err != nil {
			return err
		}
		if len(records) == 0 {
			return d.closeDigest(ctx, data, func(*MailBudget) {})
		}
		err = d.markAll(ctx, records, func(_ *Record, mail *Delivery) { mail.State, mail.Reason = Failed, shorten(t.LastError) })
		if err != nil {
			return err
		}
	}
}

// newDigest returns the mail for waiting notifications. Its id depends on all of them, so
// that a mail server may ignore a repeated digest, but not a longer one.
func (s *Service) newDigest(to string, records []*Record) Message {
	ids, counts := []string{"digest"}, map[string]int{}
	var titles []string
	var letters strings.Builder
	for _, r := range records {
		ids = append(ids, r.ID)
		if counts[r.Title]++; counts[r.Title] == 1 {
			titles = append(titles, r.Title)
		}
		if r.Type == Email && letters.Len() < maxPayload {
			fmt.Fprintf(&letters, "\n\n%s\n\n%s", r.Title, r.Message)
		}
	}
	var text strings.Builder
	fmt.Fprintf(&text, "Mail to your mailbox is limited to %d per hour, counting all spellings of your address. These notifications arrived in the meantime:\n", s.MailPerHour)
	for i, title := range titles {
		if i == maxTitles {
			fmt.Fprintf(&text, "\nand notifications with %s", count(len(titles)-i, "other title"))
			break
		}
		fmt.Fprintf(&text, "\n%d × %s", counts[title], title)
	}
	text.WriteString("\n\nYour list of notifications has the details." + letters.String())
	return Message{
		ID: deriveID(ids...), To: to, Type: System, EventType: "digest", Priority: Medium, Title: count(len(records), "new notification"), Text: text.String(), Metadata: "{}", At: s.now(),
	}
}
