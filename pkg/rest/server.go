package rest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	maxHeaderBytes = 16 << 10
	maxStreams     = 100 // per HTTP/2 connection; RFC 9113 recommends at least 100
	leaveTimeout   = time.Second
	leavePoll      = 5 * time.Millisecond
)

// Serve handles requests until ctx is done. It then shuts down in two steps. For up to a
// second, /readyz responds with 503 and each connection is closed with its next response,
// so that no client loses a request that it has just sent. After that, Serve accepts no
// connections and waits for running requests, at most for the drain timeout.
//
// The background functions run until the last request has been handled. If one of them
// fails, Serve stops and returns its error.
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
	conns := &connections{unused: map[net.Conn]time.Time{}}
	srv := a.newServer(conns)
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
		for end := time.Now().Add(leaveTimeout); conns.open() > 0 && time.Now().Before(end); {
			time.Sleep(leavePoll)
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
		defer cancel()
		drained <- shutDown(ctx, srv, conns, min(leaveTimeout, drain/2))
	})
	a.log.InfoContext(ctx, "listening", "addr", l.Addr().String())
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		stop()
		return err
	}
	if err := <-drained; err != nil {
		return errors.Join(fmt.Errorf("running requests were cancelled after %v: %w", drain, err), srv.Close())
	}
	return nil
}

// shutDown waits until all requests have been handled. It closes connections that have
// been open for longer than unusedTimeout without a request, for example those that a
// browser opened in advance: http.Server would wait for them for up to 5 seconds.
func shutDown(ctx context.Context, srv *http.Server, conns *connections, unusedTimeout time.Duration) error {
	done := make(chan error, 1)
	go func() { done <- srv.Shutdown(ctx) }()
	for {
		conns.closeUnused(unusedTimeout)
		select {
		case err := <-done:
			return err
		case <-time.After(leavePoll):
		}
	}
}

// newServer returns a server that tracks its connections.
func (a *API) newServer(conns *connections) *http.Server {
	return &http.Server{
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
		ErrorLog:  slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
		ConnState: conns.update,
	}
}

// connections are the open connections of a server.
type connections struct {
	mu     sync.Mutex
	count  int
	unused map[net.Conn]time.Time // those without a complete request header, with the time they were opened
}

// update implements http.Server.ConnState.
func (c *connections) update(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.unused, conn)
	switch state {
	case http.StateNew:
		c.count++
		c.unused[conn] = time.Now()
	case http.StateClosed, http.StateHijacked:
		c.count--
	}
}

func (c *connections) open() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}

// closeUnused closes the unused connections that were opened longer ago than age.
func (c *connections) closeUnused(age time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn, opened := range c.unused {
		if time.Since(opened) > age {
			conn.Close()
		}
	}
}

// reloadAfter is the minimum time between two reads of the certificate files.
const reloadAfter = time.Second

// certificate loads a certificate and its key from files, and reloads them when they
// change. It is safe for concurrent use.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu     sync.Mutex
	pair   tls.Certificate
	loaded time.Time
	failed string // last error; logged once
}

func newTLS(certFile, keyFile string, log *slog.Logger) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("TLS_CERT_FILE, TLS_KEY_FILE: %w", err)
	}
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log, pair: pair, loaded: time.Now()}
	var suites []uint16 // for TLS 1.2: authenticated encryption only; TLS 1.3 has nothing else
	for _, s := range tls.CipherSuites() {
		if !strings.Contains(s.Name, "_CBC_") {
			suites = append(suites, s.ID)
		}
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: suites, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: c.get}, nil
}

// get returns the previous certificate while the files are missing or incomplete.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	pair := c.pair
	if time.Since(c.loaded) < reloadAfter {
		return &pair, nil
	}
	c.loaded = time.Now()
	next, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err == nil {
		c.pair, c.failed = next, ""
		return &next, nil
	}
	if c.failed != err.Error() {
		c.failed = err.Error()
		c.log.Error("loading the new certificate failed, keeping the old one", "file", c.certFile, "err", err)
	}
	return &pair, nil
}
