package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// kept is as large as a row of the bare driver.
type kept struct{ Text string }

// measureStore holds inserts into pkg/store, without events, against those of
// its driver, in turns: each is on the disk before it returns.
func measureStore(ctx context.Context, f *fleet, t *table) error {
	db, err := connect.Open(ctx, connect.Config{Dir: filepath.Join(f.dir, "store")}, "bench")
	if err != nil {
		return err
	}
	defer db.Close(ctx)
	bare, err := newBareRows(ctx, f.dir)
	if err != nil {
		return err
	}
	defer bare.db.Close()
	rows := store.Open(db, store.Schema[kept]{
		Name: "rows", Version: 1,
		Unique: func(*kept) map[string]string { return nil }, Indexes: func(*kept) store.Indexes { return store.Indexes{} },
	})
	insert := func(ctx context.Context) error {
		_, err := rows.Insert(ctx, uuid.NewString(), kept{payload})
		return err
	}
	insertBare := func(ctx context.Context) error { return bare.add(ctx, uuid.NewString()) }
	n := f.requests / 2
	for _, writers := range []int{1, 32} {
		// The files grow at first, which is slower.
		if err := errors.Join(together(ctx, writers, n, insert), together(ctx, writers, n, insertBare)); err != nil {
			return err
		}
		var ours, theirs []time.Duration
		for range f.rounds {
			if err := timed(&ours, func() error { return together(ctx, writers, n, insert) }); err != nil {
				return err
			}
			if err := timed(&theirs, func() error { return together(ctx, writers, n, insertBare) }); err != nil {
				return err
			}
		}
		perSecond := float64(n/writers*writers) / median(ours).Seconds()
		times := ratio(median(theirs), median(ours))
		t.add(fmt.Sprintf("inserts into the store, SQLite, writers: %d", writers), "%.0f/s, %.2f × the bare driver's %.0f/s", perSecond, times, perSecond/times)
	}
	return nil
}
