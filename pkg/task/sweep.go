package task

import (
	"context"
	"errors"
	"time"

	"github.com/battery-passport/suite/pkg/store"
)

// sweep removes tasks that finished before the retention period, at most once a
// minute.
func (r *runner) sweep(ctx context.Context) error {
	now := r.queue.now()
	if now.Sub(r.sweptAt) < time.Minute {
		return nil
	}
	r.sweptAt = now
	return errors.Join(r.removeOld(ctx, Done, now), r.removeOld(ctx, Failed, now))
}

func (r *runner) removeOld(ctx context.Context, state State, now time.Time) error {
	for {
		page, err := r.list(ctx, "state", string(state), now.Add(-r.Retention), store.MaxLimit)
		if err != nil || len(page.Rows) == 0 {
			return err
		}
		for _, row := range page.Rows {
			if err := ignoreLost(r.queue.tasks.Delete(ctx, row.ID, row.Version)); err != nil {
				return err
			}
		}
	}
}
