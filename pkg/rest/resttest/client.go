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
	"github.com/battery-passport/suite/pkg/waittest"
)

// Client calls a service over HTTP.
type Client struct {
	T   *testing.T
	URL string
}

// On returns the client for a subtest.
func (c Client) On(t *testing.T) Client { return Client{t, c.URL} }

// Response is the response to a request.
type Response struct {
	t      *testing.T
	Route  string
	Status int
	Header http.Header
	Text   string
}

// Call sends a request with an access token. The body is a string, or a value that is
// sent as JSON. Call repeats the request for two minutes while the response is 503, because the
// service may be starting: use Do to expect 503.
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
	for pause, deadline := waittest.Pauses(), time.Now().Add(waittest.Limit); ; pause() {
		if a := c.Do(route, text, headers...); a.Status != http.StatusServiceUnavailable || time.Now().After(deadline) {
			return a
		}
	}
}

// Do sends a request. The route is a method and a path, such as "GET /health"; headers
// alternate names and values.
func (c Client) Do(route, body string, headers ...string) Response {
	c.T.Helper()
	return c.DoReader(route, strings.NewReader(body), headers...)
}

// DoReader is Do with a body from a reader.
func (c Client) DoReader(route string, body io.Reader, headers ...string) Response {
	c.T.Helper()
	a, err := c.send(route, body, headers)
	if err != nil {
		c.T.Fatal(err)
	}
	return a
}

// Persist is Do for a client that may be cancelled because it looks as slow as an attacker. It
// repeats the request while the response is 503 or the connection ends early, and stops the test
// if it gets no other response within the bound.
func (c Client) Persist(bound time.Duration, route, body string, headers ...string) Response {
	c.T.Helper()
	for pause, end := waittest.Pauses(), time.Now().Add(bound); ; pause() {
		a, err := c.send(route, strings.NewReader(body), headers)
		if time.Now().After(end) {
			c.T.Fatalf("%s = %d, %v, after more than %v: %.300s", route, a.Status, err, bound, a.Text)
		}
		if err == nil && a.Status != http.StatusServiceUnavailable {
			return a
		}
	}
}

func (c Client) send(route string, body io.Reader, headers []string) (Response, error) {
	method, path, _ := strings.Cut(route, " ")
	req, err := http.NewRequestWithContext(c.T.Context(), method, c.URL+path, body)
	if err != nil {
		return Response{}, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return Response{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return Response{c.T, route, res.StatusCode, res.Header, string(text)}, err
}

// Want stops the test unless the response has the status. If out is not nil, it decodes
// the JSON body into out.
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

// WantProblem fails the test unless the response is a complete problem with the status and
// exactly these errors. Each error is a path and a code, such as "/name required".
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
			a.t.Errorf("%s: the error at %s has no message", a.Route, e.Path)
		}
	}
	want := append([]string{}, errors...)
	sort.Strings(got)
	sort.Strings(want)
	if diff := cmp.Diff(want, got); diff != "" {
		a.t.Errorf("%s: errors (-want +got)\n%s", a.Route, diff)
	}
}

// drain is longer than http.Server.Shutdown waits for connections without a request, which
// is five to seven seconds.
const drain = 10 * time.Second

// Start runs a service on a free port until stop is called or the test ends. run gets the
// configuration with the listener.
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

// UnusedAddress returns an address on which nothing listens. No other test gets it by
// chance.
func UnusedAddress(t *testing.T) string {
	t.Helper()
	l := Listen(t)
	defer l.Close()
	return l.Addr().String()
}

// Listen opens a port below the range from which systems assign ports (32768 and above), so
// that no other test gets the same port by chance after it is closed.
func Listen(t *testing.T) net.Listener {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000)))
		if err == nil {
			return l
		}
	}
	t.Fatal("no free port in 100 attempts")
	return nil
}

// CloseIdle closes the idle connections of http.DefaultClient. Otherwise, a stopping server
// waits five seconds for connections without a request.
func CloseIdle() { http.DefaultClient.CloseIdleConnections() }
