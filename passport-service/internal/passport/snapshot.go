package passport

import (
	"context"
	"log/slog"
	"math"
	"time"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
	"github.com/battery-passport/suite/pkg/wire"
)

const (
	snapshotKind = "passport.snapshot"
	// snapshotPause is the time between two pages: at most 200 events per second.
	snapshotPause = time.Second
	// snapshotRepeat is the time after which all passports are published again, because
	// instances of an earlier release may have written some during the upgrade.
	snapshotRepeat = 24 * time.Hour
)

// snapshotPosition is the data of a task that publishes snapshots.
type snapshotPosition struct {
	Cursor   string `json:"cursor"`
	Found    bool   `json:"found,omitzero"`    // there are passports
	Repeated bool   `json:"repeated,omitzero"` // this is the second time
}

// UpgradeSnapshots is the task that publishes the passports of earlier releases, whose events
// did not name the owner organisation. It runs once in the life of a database, and does nothing
// in a new one. A later release that needs it again must use another id.
var UpgradeSnapshots = task.Spec{ID: snapshotKind + "/organisation", Kind: snapshotKind}

// SnapshotTask returns the kind of tasks that publish a PassportSnapshot of each passport, a
// page per run, and all of them again after snapshotRepeat. Finished tasks remain in the store,
// so that they do not run again.
func (s *Service) SnapshotTask(log *slog.Logger, publish func(context.Context, ...event.Envelope) error) task.Kind {
	return task.Kind{Name: snapshotKind, MaxAttempts: math.MaxInt, Retention: math.MaxInt64, Run: func(ctx context.Context, t task.Task) error {
		var at snapshotPosition
		if t.Data != nil {
			if err := wire.Unmarshal(t.Data, &at); err != nil {
				return err
			}
		}
		page, err := s.Passports.List(ctx, store.Query{Scopes: []string{store.All}, Order: store.OldestFirst, Cursor: at.Cursor, Limit: store.MaxLimit,
			OnUnreadable: func(id string, err error) {
				log.WarnContext(ctx, "passport cannot be read, no snapshot is published", "passport", id, "err", err)
			}})
		if err != nil {
			return err
		}
		events := make([]event.Envelope, len(page.Rows))
		for i, row := range page.Rows {
			events[i] = row.Doc.snapshot(row.Version)
		}
		if err := publish(ctx, events...); err != nil {
			return err
		}
		return at.next(page.Next, len(page.Rows) > 0)
	}}
}

// next returns the result of a run that has published a page.
func (at snapshotPosition) next(cursor string, found bool) error {
	at.Cursor, at.Found = cursor, at.Found || found
	switch {
	case cursor != "":
		return task.ContinueAfter(snapshotPause, at)
	case at.Found && !at.Repeated:
		return task.ContinueAfter(snapshotRepeat, snapshotPosition{Repeated: true})
	}
	return nil
}
