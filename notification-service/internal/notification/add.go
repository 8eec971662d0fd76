package notification

import (
	"context"
	"errors"
	"log/slog"

	"golang.org/x/sync/errgroup"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
	"github.com/battery-passport/suite/pkg/trace"
)

// maxReads is the number of concurrent reads of a batch.
const maxReads = 8

// newRecord is a record to be stored.
type newRecord struct {
	*Record
	email  string // of the recipient, in the text file
	exists bool   // Record is the stored one
}

// recordsFor returns a copy of the record for each recipient. The first copy also has the text
// file of the event; without recipients, there is one copy with only the file. byMail reports
// whether a recipient gets a mail.
func (s *Service) recordsFor(ctx context.Context, r Record, to recipients, byMail func(AccountProjection) bool) []newRecord {
	if len(to) == 0 {
		to = recipients{{}}
	}
	r.Traceparent = trace.FromContext(ctx)
	records := make([]newRecord, len(to))
	for i, recipient := range to {
		record := r
		record.ID, record.Recipient, record.Audiences = deriveID(r.Event, recipient.ID), recipient.ID, recipient.audiences
		record.Deliveries = s.newDeliveries(&record, recipient.ID != "" && byMail(recipient.AccountProjection), i == 0)
		if mail := record.delivery(Mail); mail != nil && mail.State == Pending && record.Address == "" && recipient.Email == "" {
			record.AwaitsAddress, mail.Reason = true, addressUnknown
		}
		records[i] = newRecord{Record: &record, email: recipient.Email}
	}
	return records
}

// add inserts records and enqueues their deliveries. It is idempotent: for existing records, it
// enqueues the missing tasks.
func (s *Service) add(ctx context.Context, records []newRecord) error {
	if err := s.insert(ctx, records); err != nil {
		return err
	}
	all := make([]*Record, len(records))
	for i, r := range records {
		all[i] = r.Record
	}
	if err := s.enqueue(ctx, all...); err != nil {
		return err
	}
	for _, r := range all {
		if err := s.releaseIfKnown(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// addWithFiles is add for the records of events, whose text files it writes first.
func (s *Service) addWithFiles(ctx context.Context, records []newRecord) error {
	if err := s.writeFiles(ctx, records); err != nil {
		return err
	}
	return s.add(ctx, records)
}

// writeFiles writes the text files of the records of events that do not exist, all at once. They
// are written before the records are inserted, which saves an update of each: if the process
// stops in between, the repeated event writes the same file again. A file that cannot be written
// now gets a task.
func (s *Service) writeFiles(ctx context.Context, records []newRecord) error {
	var withFile []*newRecord
	for i, r := range records {
		if d := r.delivery(File); s.Files != nil && d != nil && d.State == Pending {
			withFile = append(withFile, &records[i])
		}
	}
	if err := s.findExisting(ctx, withFile); err != nil {
		return err
	}
	var files []*Delivery
	var messages []Message
	for _, r := range withFile {
		if r.exists {
			continue
		}
		m := r.message()
		if m.To = r.Address; m.To == "" {
			m.To = r.email
		}
		files, messages = append(files, r.delivery(File)), append(messages, m)
	}
	if len(messages) == 0 {
		return nil
	}
	s.recordFiles(ctx, files, messages, s.Files.DeliverMany(ctx, messages))
	return nil
}

// recordFiles copies the results of the text files of a batch to their deliveries. Those that were
// not written because of an outage or a temporary refusal remain pending, and are logged once.
func (s *Service) recordFiles(ctx context.Context, files []*Delivery, messages []Message, errs []error) {
	pending, last := 0, error(nil)
	for i, err := range errs {
		refusal, refused := errors.AsType[*task.Refusal](err)
		switch {
		case err == nil:
			files[i].State, files[i].Attempts, files[i].SentAt = Sent, 1, s.now()
			logDelivered(ctx, s.Log, File, messages[i])
		case refused && refusal.Final:
			files[i].State, files[i].Attempts, files[i].Reason = Failed, 1, shorten(refusal.Reason)
		default:
			files[i].Reason = shorten(err.Error())
			pending, last = pending+1, err
		}
	}
	if last != nil {
		s.Log.WarnContext(ctx, "text files not written, will retry", "files", pending, "err", last)
	}
}

func logDelivered(ctx context.Context, log *slog.Logger, c ChannelName, m Message) {
	log.InfoContext(ctx, "notification delivered", "channel", c, "notification", m.ID, "eventType", m.EventType)
}

// findExisting replaces records by the stored ones with the same id.
func (s *Service) findExisting(ctx context.Context, records []*newRecord) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(maxReads)
	for _, r := range records {
		g.Go(func() error {
			row, err := s.Records.Get(ctx, r.ID)
			if fault.Is(err, fault.NotFound) {
				return nil
			}
			r.Record, r.exists = &row.Doc, err == nil
			return err
		})
	}
	return g.Wait()
}

// insert stores records. It skips existing records: the event was handled before.
func (s *Service) insert(ctx context.Context, records []newRecord) error {
	var writes []store.Write[Record]
	for _, r := range records {
		if !r.exists {
			writes = append(writes, store.Write[Record]{ID: r.ID, Doc: *r.Record})
		}
	}
	return insertNew(ctx, s.Records, writes)
}

// insertNew inserts aggregates unless they exist.
func insertNew[T any](ctx context.Context, c *store.Collection[T], writes []store.Write[T]) error {
	errs, err := c.InsertMany(ctx, writes)
	if err != nil {
		return err
	}
	for _, err := range errs {
		if err != nil && !fault.Is(err, fault.Conflict) {
			return err
		}
	}
	return nil
}

// releaseIfKnown releases the mail of a record if its address became known while the record
// was inserted.
func (s *Service) releaseIfKnown(ctx context.Context, r *Record) error {
	if !r.AwaitsAddress {
		return nil
	}
	a, err := s.account(ctx, r.Recipient)
	if err != nil || a.Email == "" {
		return err
	}
	return s.release(ctx, r.Recipient)
}
