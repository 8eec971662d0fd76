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

// TestMain fails when something is left running.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// body gives a byte after a time, unless its request was cancelled before.
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

// TestWhoKeepsStill: a download is cut when S3 keeps still, and not when it is
// the client that takes its time.
func TestWhoKeepsStill(t *testing.T) {
	for name, v := range map[string]struct {
		storage, client time.Duration
		want            error
	}{
		"nobody":          {time.Second, time.Second, nil},
		"the client":      {time.Second, time.Hour, nil},
		"the storage":     {stall + time.Second, 0, context.Canceled},
		"both, by halves": {stall / 2, stall - time.Second, nil},
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
