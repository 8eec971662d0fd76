package rest_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// TestServeFinishesRunningRequests stops the server while a request is running.
func TestServeFinishesRunningRequests(t *testing.T) {
	open, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &watchedListener{Listener: open, closed: make(chan struct{})}
	begun, finish := make(chan struct{}), make(chan struct{})
	a := newAPI(t, io.Discard)
	rest.Handle(a, "GET /api/slow", rest.Open, func(context.Context, *struct{}) (*struct{}, error) {
		close(begun)
		<-finish
		return &struct{}{}, nil
	}, "getSlow", "Get slowly", rest.Status(http.StatusNoContent))
	ctx, stop := context.WithCancel(t.Context())
	served, answered := make(chan error, 1), make(chan int, 1)
	go func() { served <- rest.Serve(ctx, l, a, 10*time.Second) }()
	c := resttest.Client{T: t, URL: "http://" + l.Addr().String()}
	go func() { answered <- c.Do("GET /api/slow", "").Status }()
	<-begun
	stop()
	<-l.closed // the server accepts no more connections
	close(finish)
	if status, err := <-answered, <-served; status != 204 || err != nil {
		t.Errorf("running request = %d, Serve = %v", status, err)
	}
}

// TestUnusedConnectionsDoNotDelayShutdown stops the server while a client holds a
// connection on which it has sent nothing, as browsers and proxies do.
func TestUnusedConnectionsDoNotDelayShutdown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	a := newAPI(t, io.Discard)
	go func() { served <- rest.Serve(ctx, l, a, 4*time.Second) }()
	unused, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer unused.Close()
	// Connections are accepted in order, so a response shows that the server has the unused one too.
	c := resttest.Client{T: t, URL: "http://" + l.Addr().String()}
	c.Call("GET /livez", "", nil).Want(200, nil)
	stop()
	if err := <-served; err != nil {
		t.Errorf("Serve = %v, want nil", err)
	}
}

// TestReadinessFailsBeforeListenerCloses: /readyz responds with 503 while the server still
// accepts connections, so that a load balancer can stop sending requests in time.
func TestReadinessFailsBeforeListenerCloses(t *testing.T) {
	open, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &watchedListener{Listener: open, closed: make(chan struct{})}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- rest.Serve(ctx, l, newAPI(t, io.Discard), 10*time.Second) }()
	c := resttest.Client{T: t, URL: "http://" + l.Addr().String()}
	c.Do("GET /readyz", "").Want(200, nil)
	dial(t, c, "") // keeps a connection open while the server stops
	stop()
	for {
		a := c.Do("GET /readyz", "") // fails the test if the connection is refused
		select {
		case <-l.closed:
			t.Error("the listener was closed before /readyz responded with 503")
		default:
		}
		if a.Status == http.StatusOK && !t.Failed() {
			continue // the server has not begun to stop
		}
		if a.Status != http.StatusServiceUnavailable || !strings.Contains(a.Text, `"stopping"`) {
			t.Errorf("readyz = %d %s", a.Status, a.Text)
		}
		break
	}
	if err := <-served; err != nil {
		t.Errorf("Serve = %v", err)
	}
}

// watchedListener closes a channel when it is closed.
type watchedListener struct {
	net.Listener
	once   sync.Once
	closed chan struct{}
}

func (l *watchedListener) Close() error {
	defer l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// TestStopUnderLoad stops a server under full load. Every request that reached a handler
// gets its response, no request fails on a connection that was used before, and the server
// stops soon. A new connection may be refused.
func TestStopUnderLoad(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	_, a := newLimitedAPI(t, rest.Config{})
	var handled, finished atomic.Int64
	rest.Handle(a, "POST /api/count", rest.Open, func(context.Context, *struct{}) (*struct{ Body string }, error) {
		if handled.Add(1) == 1000 {
			stop()
		}
		return &struct{ Body string }{"yes"}, nil
	}, "countRequest", "Count")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- rest.Serve(ctx, l, a, waittest.Limit) }()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			for {
				reused, err := postOnce(t.Context(), transport, "http://"+l.Addr().String()+"/api/count")
				if err == nil {
					finished.Add(1)
					continue
				}
				if reused {
					t.Errorf("request on a reused connection failed: %v", err)
				}
				return
			}
		})
	}
	<-ctx.Done()
	begin := time.Now()
	if err := <-served; err != nil {
		t.Errorf("Serve = %v", err)
	}
	if took := time.Since(begin); took > waittest.Limit/2 {
		t.Errorf("stopping took %v, want less than the time to drain", took)
	}
	wg.Wait()
	if handled.Load() != finished.Load() {
		t.Errorf("%d requests were handled, %d got their response", handled.Load(), finished.Load())
	}
}

// postOnce sends a POST, which the transport does not repeat, and reports whether the
// connection was used before.
func postOnce(ctx context.Context, transport http.RoundTripper, url string) (reused bool, err error) {
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { reused = c.Reused }})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err != nil {
		return false, err
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return reused, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return reused, errors.New(res.Status)
	}
	_, err = io.Copy(io.Discard, res.Body)
	return reused, err
}
