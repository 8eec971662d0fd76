package rest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Serve answers requests until ctx is done. Then it tells so on /readyz and
// closes each connection with its next answer: to be told so is better than to
// find a connection closed that a request was just sent on. When the last is
// closed, or after a second, it takes no new ones, and waits for the requests
// under way as long as drain.
// What runs beside is told to end when the last of them is answered; when it
// fails, Serve ends too.
func Serve(ctx context.Context, l net.Listener, a *API, drain time.Duration, beside ...func(context.Context) error) error {
	g, ctx := errgroup.WithContext(ctx)
	later, stop := context.WithCancel(context.WithoutCancel(ctx))
	for _, f := range beside {
		g.Go(func() error { return f(later) })
	}
	g.Go(func() error {
		defer stop()
		return a.serve(ctx, l, drain)
	})
	return g.Wait()
}

func (a *API) serve(ctx context.Context, l net.Listener, drain time.Duration) error {
	srv := &http.Server{
		Handler:           a,
		ReadHeaderTimeout: a.patience.Header,
		ReadTimeout:       a.patience.Body,
		WriteTimeout:      a.patience.Answer,
		IdleTimeout:       a.patience.Idle,
		MaxHeaderBytes:    maxHeaderBytes,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams,
			WriteByteTimeout:     a.patience.Stall,
			SendPingTimeout:      a.patience.Stall, // of silence; who does not answer it is gone
			PingTimeout:          a.patience.Stall,
		},
		ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
	}
	l = lean{l}
	if a.config.CertFile != "" {
		settings, err := newTLS(a.config.CertFile, a.config.KeyFile, a.log)
		if err != nil {
			return err
		}
		l = tls.NewListener(l, settings)
	}
	var open connections
	srv.ConnState = open.track
	drained := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		a.draining.Store(true)
		open.wait(leaveTimeout)
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

// connections counts those that are open.
type connections struct {
	mu    sync.Mutex
	n     int
	ended chan struct{} // closed when n is 0, where somebody waits for it
}

func (c *connections) track(_ net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		c.n++
	case http.StateClosed, http.StateHijacked:
		if c.n--; c.n == 0 && c.ended != nil {
			close(c.ended)
			c.ended = nil
		}
	}
}

// wait waits until no connection is open, or for d.
func (c *connections) wait(d time.Duration) {
	c.mu.Lock()
	if c.n == 0 {
		c.mu.Unlock()
		return
	}
	ended := make(chan struct{})
	c.ended = ended
	c.mu.Unlock()
	select {
	case <-ended:
	case <-time.After(d):
	}
}
