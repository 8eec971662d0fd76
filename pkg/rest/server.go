package rest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// Config says where a service listens.
type Config struct {
	Host  string        `envconfig:"HOST" default:"127.0.0.1" desc:"address to listen on; 0.0.0.0 in a container"`
	Drain time.Duration `envconfig:"DRAIN_TIMEOUT" default:"10s" desc:"longest wait for requests under way when the service stops"`

	// Listener is used instead of an address where it is set.
	Listener net.Listener
}

const (
	headerTimeout  = 5 * time.Second
	readTimeout    = 10 * time.Second
	writeTimeout   = 30 * time.Second
	idleTimeout    = 60 * time.Second
	maxHeaderBytes = 16 << 10
	leaveTimeout   = time.Second // for clients to take their leave
)

// Validate tells what is wrong with c.
func (c Config) Validate() error {
	var errs []error
	if _, err := netip.ParseAddr(c.Host); err != nil && c.Host != "" && c.Host != "localhost" {
		errs = append(errs, errors.New("  HOST: is no IP address of this machine"))
	}
	if c.Drain < 0 {
		errs = append(errs, errors.New("  DRAIN_TIMEOUT: is less than nothing"))
	}
	return errors.Join(errs...)
}

// Port is a TCP port; 0 is a free one.
type Port uint16

// Decode implements envconfig.Decoder.
func (p *Port) Decode(value string) error {
	n, err := strconv.ParseUint(value, 10, 16)
	*p = Port(n)
	if err != nil {
		return errors.New("has to be 0 to 65535")
	}
	return nil
}

// Listen opens the port of a service. When it is taken the error names the
// variable that moves the service elsewhere.
func (c Config) Listen(port Port, variable string) (net.Listener, error) {
	if c.Listener != nil {
		return c.Listener, nil
	}
	l, err := net.Listen("tcp", net.JoinHostPort(c.Host, strconv.Itoa(int(port))))
	switch {
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("this machine has no address %s; set HOST to one of its own: %w", c.Host, err)
	case err != nil:
		return nil, fmt.Errorf("port %d cannot be used; set %s to another: %w", port, variable, err)
	}
	return l, nil
}

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
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
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
