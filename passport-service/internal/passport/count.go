package passport

import (
	"context"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/usage"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
	"github.com/battery-passport/suite/pkg/wire"
)

const (
	countKind = "passport.count"
	countTime = 10 * time.Second // of a run
)

// countPosition is the data of a task that counts the passports of an owner.
type countPosition struct {
	Owner    string       `json:"owner"` // store scope
	From     time.Time    `json:"from"`  // later versions and deletions are not counted
	Cursor   string       `json:"cursor,omitempty"`
	Passport string       `json:"passport,omitempty"` // whose newest version is counted, and its older versions up to Versions
	Versions string       `json:"versions,omitempty"` // cursor
	Counted  usage.Amount `json:"counted"`
}

// CountTask returns the kind of tasks that count the passports of an owner.
func (s *Service) CountTask() task.Kind {
	return task.Kind{Name: countKind, Run: func(ctx context.Context, t task.Task) error {
		var at countPosition
		if err := wire.Unmarshal(t.Data, &at); err != nil {
			return task.Permanent(err)
		}
		return s.runCount(ctx, at, time.Now().Add(countTime))
	}}
}

// runCount continues a count until the deadline. It ends the task if the count was abandoned.
func (s *Service) runCount(ctx context.Context, at countPosition, deadline time.Time) error {
	running, err := s.Usage.RenewCount(ctx, at.Owner, at.From)
	if err != nil || !running {
		return err
	}
	done, err := s.count(ctx, &at, deadline)
	switch {
	case err != nil:
		return err
	case !done:
		return task.Continue(at)
	}
	return s.Usage.EndCount(ctx, at.Owner, at.From, at.Counted)
}

// NewCount returns the task that counts the passports that an owner had at a time.
func NewCount(owner string, from time.Time) task.Spec {
	return task.Spec{ID: countKind + "/" + from.Format(time.RFC3339) + "/" + owner, Kind: countKind, NotBefore: usage.CountTime(from), Data: countPosition{Owner: owner, From: from}}
}

// count counts until the deadline. It moves at, and reports whether it is done.
func (s *Service) count(ctx context.Context, at *countPosition, deadline time.Time) (done bool, err error) {
	q := store.Query{Scopes: []string{at.Owner, deletedScopeOf(at.Owner)}, Order: store.OldestFirst, Until: at.From, Limit: store.MaxLimit, OnUnreadable: func(string, error) {}, Cursor: at.Cursor}
	for page, err := range s.Passports.Pages(ctx, q) {
		if err != nil {
			return false, err
		}
		for _, row := range page.Rows {
			if row.Doc.Deleted && row.Doc.DeletedAt.Before(at.From) {
				continue
			}
			if done, err := s.countPassport(ctx, at, &row.Doc, deadline); err != nil || !done {
				return false, err
			}
			at.Cursor = q.CursorAfter(row.Doc.CreatedAt, row.ID)
		}
		if at.Cursor = page.Next; page.Next != "" && time.Now().After(deadline) {
			return false, nil
		}
	}
	return true, nil
}

// countPassport counts a passport and its versions.
func (s *Service) countPassport(ctx context.Context, at *countPosition, p *Passport, deadline time.Time) (done bool, err error) {
	add := func(v *Version) {
		if v.CreatedAt.Before(at.From) {
			at.Counted = at.Counted.Plus(v.amount())
		}
	}
	if at.Passport != p.ID {
		at.Passport, at.Versions = p.ID, ""
		add(&p.Head)
	}
	if p.Head.Number == 1 {
		return true, nil
	}
	q := store.Query{Scopes: []string{p.ID}, Order: store.OldestFirst, Until: at.From, Limit: store.MaxLimit, OnUnreadable: func(string, error) {}, Cursor: at.Versions}
	for page, err := range s.Versions.Pages(ctx, q) {
		if err != nil {
			return false, err
		}
		for _, row := range page.Rows {
			if row.Doc.Number < p.Head.Number {
				add(&row.Doc)
			}
		}
		if at.Versions = page.Next; page.Next != "" && time.Now().After(deadline) {
			return false, nil
		}
	}
	return true, nil
}

// maxHeld is an upper limit, in bytes, for the stored data that an import from another format preserves.
const maxHeld = 2 << 20

// reservation is the part of a quota that a write needs. An attempt of Update releases that
// of the attempt before.
type reservation struct {
	usage usage.Counter
	write usage.Write
}

// take reserves the amount of a new version. It fails with fault.QuotaExceeded.
func (r *reservation) take(ctx context.Context, v *Version) error {
	return r.add(ctx, v, r.usage.Reserve)
}

// takeNext is like take, for the next version of a passport. It refuses only changes of the
// data: publishing, archiving and voiding end the work on a passport.
func (r *reservation) takeNext(ctx context.Context, v *Version) error {
	if v.Action == Replace || v.Action == Patch {
		return r.take(ctx, v)
	}
	return r.add(ctx, v, r.usage.Add)
}

func (r *reservation) add(ctx context.Context, v *Version, add func(context.Context, usage.Write) error) error {
	w := usage.Write{Owner: v.Owner.scope(), At: v.CreatedAt, Amount: v.amount()}
	err := add(ctx, w)
	if err == nil {
		r.write = w
	}
	return err
}

// amount returns the part of a version in the usage of its owner.
func (v *Version) amount() usage.Amount {
	a := usage.Amount{Versions: 1, Bytes: int64(len(v.Data))}
	if v.Number == 1 {
		a.Passports = 1
	}
	return a
}

// release gives the amount back.
func (r *reservation) release(ctx context.Context) {
	if r.write != (usage.Write{}) {
		r.usage.Release(ctx, r.write)
		r.write = usage.Write{}
	}
}

// settle gives the amount back if the write has failed. After an error of the database, the
// write may have succeeded.
func (r *reservation) settle(ctx context.Context, err error) {
	if store.IsRecordError(err) {
		r.release(ctx)
	}
}

// rowsTogether returns how many rows may be written together. It is 1 if the rows may exceed a
// quota of the caller, so that the batches do not decide which rows are refused.
func (im *Importer) rowsTogether(ctx context.Context, rows []*pendingRow) (int, error) {
	const added = 1 << 10 // by publishing, more than an identifier
	need := usage.Amount{Passports: int64(len(rows)), Versions: 2 * int64(len(rows))}
	for _, r := range rows {
		size := len(r.sub.data.Root().Raw()) + added
		if r.RoundTrip != nil {
			size += maxHeld
		}
		need.Bytes += 2 * int64(size) // a version with the data, and one that is published
	}
	err := im.usage.Check(ctx, usage.Write{Owner: ownerOf(auth.Caller(ctx)).scope(), Amount: need})
	if fault.Is(err, fault.QuotaExceeded) {
		return 1, nil
	}
	return max(len(rows), 1), err
}
