package resttest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/pkg/rest"
)

// Client calls a service over HTTP.
type Client struct {
	T   *testing.T
	URL string
}

// On returns the client for a subtest.
func (c Client) On(t *testing.T) Client { return Client{t, c.URL} }

// Response is what came back.
type Response struct {
	t      *testing.T
	Route  string
	Status int
	Header http.Header
	Text   string
}

// patience is how long a service may say 503 at its start.
const patience = 20 * time.Second

// Call sends a request with a token. A body that is no string is sent as JSON.
// While the service is not ready it is asked again.
func (c Client) Call(route, token string, body any, headers ...string) Response {
	c.T.Helper()
	text, ok := body.(string)
	if !ok && body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			c.T.Fatal(err)
		}
		text = string(data)
	}
	headers = append([]string{"Authorization", "Bearer " + token, "Content-Type", "application/json"}, headers...)
	for deadline := time.Now().Add(patience); ; {
		if a := c.Do(route, text, headers...); a.Status != http.StatusServiceUnavailable || time.Now().After(deadline) {
			return a
		}
	}
}

// Do sends a request once. The route is a method and a path; headers are
// names and values in turn.
func (c Client) Do(route, body string, headers ...string) Response {
	c.T.Helper()
	return c.DoReader(route, strings.NewReader(body), headers...)
}

// DoReader is Do with a body that is read while it is sent.
func (c Client) DoReader(route string, body io.Reader, headers ...string) Response {
	c.T.Helper()
	method, path, _ := strings.Cut(route, " ")
	req, err := http.NewRequestWithContext(c.T.Context(), method, c.URL+path, body)
	if err != nil {
		c.T.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.T.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		c.T.Fatal(err)
	}
	return Response{c.T, route, res.StatusCode, res.Header, string(text)}
}

// Want fails the test unless the status is right, and reads the body into out
// where that is not nil.
func (a Response) Want(status int, out any) Response {
	a.t.Helper()
	if a.Status != status {
		a.t.Fatalf("%s = %d, want %d: %s", a.Route, a.Status, status, a.Text)
	}
	if out != nil {
		if err := json.Unmarshal([]byte(a.Text), out); err != nil {
			a.t.Fatalf("%s: %v: %s", a.Route, err, a.Text)
		}
	}
	return a
}

// WantProblem fails the test unless the answer is a problem of the status, of
// the shape all have, with exactly these errors, each a path and a code.
func (a Response) WantProblem(status int, errors ...string) {
	a.t.Helper()
	var p rest.Problem
	a.Want(status, &p)
	if p.Status != status || p.Title == "" || p.Detail == "" || !strings.HasPrefix(p.Type, "/problems/") ||
		p.RequestID != a.Header.Get("X-Request-Id") || p.Instance != "urn:uuid:"+p.RequestID || a.Header.Get("Content-Type") != "application/problem+json" {
		a.t.Errorf("%s: problem %+v, header %v", a.Route, p, a.Header)
	}
	got := []string{}
	for _, e := range p.Errors {
		got = append(got, e.Path+" "+e.Code)
		if e.Message == "" {
			a.t.Errorf("%s: no message at %s", a.Route, e.Path)
		}
	}
	want := append([]string{}, errors...)
	sort.Strings(got)
	sort.Strings(want)
	if diff := cmp.Diff(want, got); diff != "" {
		a.t.Errorf("%s: errors (-want +got)\n%s", a.Route, diff)
	}
}

// drain is longer than a server that stops waits for a connection on which no
// request has come yet: that is five to seven seconds, as it counts whole ones.
const drain = 10 * time.Second

// Start runs a service on a port of its own until stop is called, or the test
// ends. run is told where to listen.
func Start(t *testing.T, run func(context.Context, rest.Config) error) (c Client, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx, rest.Config{Listener: l, Drain: drain}) }()
	stop = sync.OnceFunc(func() {
		CloseIdle()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	t.Cleanup(stop)
	return Client{t, "http://" + l.Addr().String()}, stop
}

// UnusedAddress returns an address of this machine at which nobody listens, and at
// which nobody will by chance.
func UnusedAddress(t *testing.T) string {
	t.Helper()
	l := Listen(t)
	defer l.Close()
	return l.Addr().String()
}

// Listen opens a port that nobody takes by chance when it is closed again:
// systems take a free port, and the port of a client, from 32768 on.
func Listen(t *testing.T) net.Listener {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000)))
		if err == nil {
			return l
		}
	}
	t.Fatal("no free port among a hundred")
	return nil
}

// CloseIdle closes connections that no request uses: a server that stops waits
// five seconds for one that never sent any.
func CloseIdle() { http.DefaultClient.CloseIdleConnections() }
