package rest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	maxHeaderBytes = 16 << 10
	maxStreams     = 100 // of an HTTP/2 connection; RFC 9113 wants no fewer
	leaveTimeout   = time.Second
	leavePoll      = 5 * time.Millisecond
)

// Serve answers requests until ctx is done. Then /readyz says so, and each
// connection is closed with its next response: that is better than closing one on
// which a request was just sent. When none is open, or after a second, no new ones
// are accepted, and the requests under way get the drain timeout.
//
// The background functions run until the last request is answered. When one
// fails, Serve ends too.
func Serve(ctx context.Context, l net.Listener, a *API, drain time.Duration, background ...func(context.Context) error) error {
	g, ctx := errgroup.WithContext(ctx)
	backgroundCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	for _, f := range background {
		g.Go(func() error { return f(backgroundCtx) })
	}
	g.Go(func() error {
		defer stop()
		return a.serve(ctx, l, drain)
	})
	return g.Wait()
}

func (a *API) serve(ctx context.Context, l net.Listener, drain time.Duration) error {
	var open atomic.Int64 // connections
	srv := &http.Server{
		Handler:           a,
		ReadHeaderTimeout: a.timeouts.ReadHeader,
		ReadTimeout:       a.timeouts.Read,
		WriteTimeout:      a.timeouts.Write,
		IdleTimeout:       a.timeouts.Idle,
		MaxHeaderBytes:    maxHeaderBytes,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams,
			WriteByteTimeout:     a.timeouts.Transfer,
			SendPingTimeout:      a.timeouts.Transfer,
			PingTimeout:          a.timeouts.Transfer,
		},
		ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				open.Add(1)
			case http.StateClosed, http.StateHijacked:
				open.Add(-1)
			}
		},
	}
	if a.config.CertFile != "" {
		settings, err := newTLS(a.config.CertFile, a.config.KeyFile, a.log)
		if err != nil {
			return err
		}
		l = tls.NewListener(l, settings)
	}
	drained := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		a.draining.Store(true)
		for end := time.Now().Add(leaveTimeout); open.Load() > 0 && time.Now().Before(end); {
			time.Sleep(leavePoll)
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
		defer cancel()
		drained <- srv.Shutdown(ctx)
	})
	a.log.InfoContext(ctx, "listening", "addr", l.Addr().String())
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		stop()
		return err
	}
	if err := <-drained; err != nil {
		return errors.Join(fmt.Errorf("requests under way were cut off after %v: %w", drain, err), srv.Close())
	}
	return nil
}
