package boot

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

const (
	minPause = 50 * time.Millisecond
	maxPause = time.Second
)

// Persist calls f until it succeeds, with pauses of up to a second, and returns
// then or when ctx is done. That it has to wait is logged once.
func Persist(ctx context.Context, log *slog.Logger, what string, f func(context.Context) error) {
	pause := minPause
	for told := false; ; {
		err := f(ctx)
		if err == nil {
			return
		}
		if !told && ctx.Err() == nil {
			told = true
			log.WarnContext(ctx, "cannot yet "+what, "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause/2 + rand.N(pause/2)): // those who wait for the same thing do not all ask at once
			pause = min(2*pause, maxPause)
		}
	}
}
