package boot

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

const minBackoff, maxBackoff = 50 * time.Millisecond, time.Second

// Retry calls f until it succeeds or ctx is done, with exponential backoff and jitter
// between 25 ms and a second. Only the first failure is logged, with the name of the
// operation.
func Retry(ctx context.Context, log *slog.Logger, operation string, f func(context.Context) error) {
	backoff, logged := minBackoff, false
	for {
		err := f(ctx)
		if err == nil {
			return
		}
		if !logged && ctx.Err() == nil {
			logged = true
			log.WarnContext(ctx, "operation failed, will retry", "operation", operation, "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(backoff/2 + rand.N(backoff/2)):
			backoff = min(2*backoff, maxBackoff)
		}
	}
}
