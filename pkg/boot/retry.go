package boot

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

const minPause, maxPause = 50 * time.Millisecond, time.Second

// Retry calls f until it succeeds or ctx is done, with pauses that grow to a
// second and are random, so that those who wait for one thing do not all ask at
// once. The first failure is logged.
func Retry(ctx context.Context, log *slog.Logger, what string, f func(context.Context) error) {
	pause, logged := minPause, false
	for {
		err := f(ctx)
		if err == nil {
			return
		}
		if !logged && ctx.Err() == nil {
			logged = true
			log.WarnContext(ctx, "cannot yet "+what, "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause/2 + rand.N(pause/2)):
			pause = min(2*pause, maxPause)
		}
	}
}
