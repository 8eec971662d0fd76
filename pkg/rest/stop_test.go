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
)

// TestServeFinishesWhatIsUnderWay stops the server while a request is being
// answered.
func TestServeFinishesWhatIsUnderWay(t *testing.T) {
	open, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &closing{Listener: open, closed: make(chan struct{})}
	begun, finish := make(chan struct{}), make(chan struct{})
	a := newAPI(t, io.Discard)
	rest.Handle(a, "GET /api/slow", rest.Open, func(context.Context, *struct{}) (*struct{}, error) {
		close(begun)
		<-finish
		return &struct{}{}, nil
	}, "beSlow", "Be slow", rest.Status(http.StatusNoContent))
	ctx, stop := context.WithCancel(t.Context())
	served, answered := make(chan error, 1), make(chan int, 1)
	go func() { served <- rest.Serve(ctx, l, a, 10*time.Second) }()
	c := resttest.Client{T: t, URL: "http://" + l.Addr().String()}
	go func() { answered <- c.Do("GET /api/slow", "").Status }()
	<-begun
	stop()
	<-l.closed // the server has heard
	close(finish)
	if status, err := <-answered, <-served; status != 204 || err != nil {
		t.Errorf("request under way = %d, Serve = %v", status, err)
	}
}

// TestReadinessEndsFirst: who asks whether requests can be served is told no while
// new ones are still taken, so that a balancer sends them elsewhere in time.
func TestReadinessEndsFirst(t *testing.T) {
	open, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &closing{Listener: open, closed: make(chan struct{})}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- rest.Serve(ctx, l, newAPI(t, io.Discard), 10*time.Second) }()
	c := resttest.Client{T: t, URL: "http://" + l.Addr().String()}
	c.Do("GET /readyz", "").Want(200, nil)
	dial(t, c, "") // is open when the server is told to stop
	stop()
	for {
		a := c.Do("GET /readyz", "") // fails where no connection is taken
		select {
		case <-l.closed:
			t.Error("new requests are refused before anybody was told")
		default:
		}
		if a.Status == http.StatusOK && !t.Failed() {
			continue // it has not heard
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

// closing tells when it is closed.
type closing struct {
	net.Listener
	once   sync.Once
	closed chan struct{}
}

func (c *closing) Close() error {
	defer c.once.Do(func() { close(c.closed) })
	return c.Listener.Close()
}

// TestStopUnderLoad stops a server that is asked as fast as it answers: every
// request that was taken is answered, none is sent on a connection that is being
// closed, and it ends soon. Who comes to a closed door may be refused, or find
// that nobody took the connection.
func TestStopUnderLoad(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	_, a := bounded(t, rest.Config{})
	var taken, answered atomic.Int64
	rest.Handle(a, "POST /api/taken", rest.Open, func(context.Context, *struct{}) (*struct{ Body string }, error) {
		if taken.Add(1) == 1000 {
			stop()
		}
		return &struct{ Body string }{"yes"}, nil
	}, "beCounted", "Be counted")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- rest.Serve(ctx, l, a, 4*time.Second) }()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			for {
				reused, err := postOnce(t.Context(), transport, "http://"+l.Addr().String()+"/api/taken")
				if err == nil {
					answered.Add(1)
					continue
				}
				if reused {
					t.Errorf("on a connection in use: %v", err)
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
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %v to end", took)
	}
	wg.Wait()
	if taken.Load() != answered.Load() {
		t.Errorf("%d requests were taken, %d answered", taken.Load(), answered.Load())
	}
}

// postOnce sends what a client may not send again by itself, and tells whether
// that was on a connection which was used before.
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
