package s3store

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

// TestMain fails when a test leaks a goroutine.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// body returns one byte after wait, or fails when its request is cancelled.
type body struct {
	ctx  context.Context
	wait time.Duration
}

func (b body) Read(p []byte) (int, error) {
	select {
	case <-time.After(b.wait):
		return copy(p, "x"), nil
	case <-b.ctx.Done():
		return 0, b.ctx.Err()
	}
}

func TestDownloadFailsOnlyWhenStorageStalls(t *testing.T) {
	for name, v := range map[string]struct {
		storage, client time.Duration
		want            error
	}{
		"both are fast":                   {time.Second, time.Second, nil},
		"client is slow":                  {time.Second, time.Hour, nil},
		"storage stalls":                  {readTimeout + time.Second, 0, context.Canceled},
		"both are slow within the limits": {readTimeout / 2, readTimeout - time.Second, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				d := &download{io.NopCloser(body{ctx, v.storage}), cancel}
				defer d.Close()
				for range 5 {
					if _, err := d.Read(make([]byte, 1)); !errors.Is(err, v.want) {
						t.Fatalf("Read = %v, want %v", err, v.want)
					}
					time.Sleep(v.client)
				}
			})
		})
	}
}
