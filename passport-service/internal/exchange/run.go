package exchange

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
)

const (
	maxBatch   = 100     // rows that are written together
	maxWaiting = 4 << 20 // bytes of rows that are read before they are written
	firstTry   = 100 * time.Millisecond
)

// Run imports the rows of a source, and calls emit with a Line for each row. If ctx ends or
// emit fails, it ends early, after the rows that are being written. abort makes a waiting Next
// return. Run returns the last line, and the reason why the import ended early.
func (j *Job) Run(ctx context.Context, rows Source, abort func(), emit func(any) error) (End, error) {
	err := j.withLease(ctx, func(ctx context.Context) error { return j.importAll(ctx, rows, abort, emit) })
	j.summary.Complete = err == nil
	if ended := j.finish(ctx); err == nil {
		err = ended // the passports are stored; only the notification is missing
	}
	switch {
	case err != nil:
		j.summary.Error = j.describe(err)
	case j.summary.Rows == 0:
		j.summary.Error = &fault.Detail{Code: "empty", Message: "the file has no rows; in tables, a row whose first cell begins with # is a comment"}
	}
	return End{j.summary}, err
}

// describe returns an error for the client.
func (j *Job) describe(err error) *fault.Detail {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		d := fault.Detail{Code: string(f.Kind), Message: f.Message}
		for _, first := range f.Details {
			d.Path, d.Message = first.Path, d.Message+": "+first.Message
			break
		}
		return &d
	}
	if errors.Is(err, context.Canceled) {
		return &fault.Detail{Code: "cancelled", Message: "the client disconnected, or the service was stopped"}
	}
	return &fault.Detail{Code: "internal", Message: fmt.Sprintf("an unexpected error occurred after %d rows; the log of the service describes it", j.summary.Rows)}
}

// feed reads records ahead of the writer.
type feed struct {
	records chan *Record
	memory  *semaphore.Weighted // bytes of the records
	err     error               // of the source, set before records is closed
}

// read reads and parses rows in the background.
func (j *Job) read(ctx context.Context, rows Source) *feed {
	f := &feed{records: make(chan *Record, maxBatch), memory: semaphore.NewWeighted(maxWaiting)}
	go func() {
		defer close(f.records)
		defer fault.Recover(&f.err)
		for n := 1; f.err == nil; n++ {
			f.err = j.readRow(ctx, rows, n, f)
		}
	}()
	return f
}

func (j *Job) readRow(ctx context.Context, rows Source, n int, f *feed) error {
	r, err := rows.Next()
	if err == nil && n > j.service.MaxRows {
		err = fault.New(fault.TooLarge, "an import must not have more than %d rows: send the rest in another one", j.service.MaxRows)
	}
	if err == nil {
		err = f.memory.Acquire(ctx, weight(&r))
	}
	if err != nil {
		return err
	}
	j.importer.Parse(&r.Row)
	f.records <- &r
	return nil
}

// weight returns the bytes of a row with its warnings and errors.
func weight(r *Record) int64 {
	n := len(r.Body) + len(r.Hint) + 1
	for _, details := range [][]fault.Detail{r.Warnings, r.Errors} {
		for _, d := range details {
			n += len(d.Path) + len(d.Code) + len(d.Message)
		}
	}
	return min(int64(n), maxWaiting)
}

// importAll reads and writes rows until the source ends.
func (j *Job) importAll(ctx context.Context, rows Source, abort func(), emit func(any) error) error {
	ctx, cancel := context.WithCancel(ctx)
	f := j.read(ctx, rows)
	err := j.writeAll(ctx, f, emit)
	cancel() // frees the reader if it waits for memory
	if err != nil {
		abort()
	}
	for range f.records { // until the reader has ended
	}
	if err == nil && f.err != io.EOF {
		err = f.err
	}
	return err
}

// writeAll writes the rows of a feed in batches: of all rows that have been read.
func (j *Job) writeAll(ctx context.Context, f *feed, emit func(any) error) (err error) {
	defer fault.Recover(&err)
	for first := range f.records {
		batch := []*Record{first}
		for more := true; more && len(batch) < maxBatch; {
			select {
			case r, ok := <-f.records:
				if more = ok; ok {
					batch = append(batch, r)
				}
			default:
				more = false
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := auth.Recheck(ctx); err != nil {
			return err
		}
		if err := j.writeBatch(ctx, batch, emit); err != nil {
			return err
		}
		for _, r := range batch {
			f.memory.Release(weight(r))
		}
	}
	return nil
}

// writeBatch writes rows and emits their results. It waits if the store does not respond.
func (j *Job) writeBatch(ctx context.Context, batch []*Record, emit func(any) error) error {
	rows := make([]*passport.Row, len(batch))
	for i := range batch {
		rows[i] = &batch[i].Row
	}
	results, err := j.importer.Import(ctx, rows)
	for wait, end := firstTry, time.Now().Add(j.service.Outage); fault.Is(err, fault.Unavailable) && time.Now().Before(end); wait = min(2*wait, 2*time.Second) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		results, err = j.importer.Import(ctx, rows)
	}
	if err != nil {
		return err
	}
	for i, r := range results {
		line := Line{batch[i].Number, r.Status, r.ID, r.BatteryIdentifier, r.Version, r.State, r.Errors, append(batch[i].Warnings, r.Warnings...)}
		j.count(&line) // even if its line is not sent: the row is stored
		if err == nil {
			err = emit(line)
		}
	}
	return err
}
