package rest_test

import (
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/battery-passport/suite/pkg/rest"
)

// TestReadinessIsShared: many who ask at once have one check done, and those who
// ask a second later another.
func TestReadinessIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		probes, away := 0, false
		a := newAPI(t, io.Discard, rest.Check{Name: "store", Vital: true, Probe: func(ctx context.Context) error {
			probes++ // by one at a time, or -race says so
			time.Sleep(100 * time.Millisecond)
			if away {
				return errors.New("away")
			}
			return ctx.Err()
		}})
		ask := func(ctx context.Context) int {
			w := httptest.NewRecorder()
			a.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/readyz", nil))
			return w.Code
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel() // who has gone has not made the service less ready
		ask(gone)
		for range 50 {
			go func() {
				if got := ask(t.Context()); got != 200 {
					t.Errorf("ready is answered %d", got)
				}
			}()
		}
		synctest.Wait()
		if probes != 1 {
			t.Errorf("%d checks", probes)
		}
		away = true
		time.Sleep(time.Second)
		if got := ask(t.Context()); got != 503 || probes != 2 {
			t.Errorf("%d after %d checks", got, probes)
		}
	})
}
