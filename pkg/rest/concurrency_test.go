package rest_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// proxied returns cfg with 127.0.0.1 as a trusted proxy, so that a test can choose the
// client address in X-Forwarded-For.
func proxied(t *testing.T, cfg rest.Config) rest.Config {
	t.Helper()
	if err := cfg.TrustedProxies.Decode("127.0.0.1"); err != nil {
		t.Fatal(err)
	}
	return cfg
}

const client1, client2, client3 = "198.51.100.1", "198.51.100.2", "198.51.100.3"

// TestCallerGetsQuarterOfSlots: with eight slots, a caller may have two requests in
// flight. Others are not affected.
func TestCallerGetsQuarterOfSlots(t *testing.T) {
	_, a := newLimitedAPI(t, proxied(t, rest.Config{MaxRequests: 8}))
	h := newBlocker()
	rest.Handle(a, "GET /api/wait", rest.Open, h.handle, "wait", "Wait", rest.Status(204))
	rest.Handle(a, "GET /api/wait/own", rest.SignedIn(users), h.handle, "waitAsAUser", "Wait as a user", rest.Status(204))
	c := serve(t, a)
	var wg sync.WaitGroup
	hold := func(route, address, user string) {
		wg.Go(func() { c.Do(route, "", "X-Forwarded-For", address, "Authorization", user).Want(204, nil) })
		<-h.started
	}
	refused := func(address, user string) {
		t.Helper()
		route := "GET /api/open"
		if user != "" {
			route = "GET /api/own"
		}
		a := c.Do(route, "", "X-Forwarded-For", address, "Authorization", user)
		if a.WantProblem(503); a.Header.Get("Retry-After") != "1" {
			t.Errorf("Retry-After: %q", a.Header.Get("Retry-After"))
		}
	}
	for range 2 {
		hold("GET /api/wait/own", client1, "ann")
	}
	refused(client2, "ann")                                                                     // from any address
	c.Do("GET /api/own", "", "X-Forwarded-For", client1, "Authorization", "bob").Want(200, nil) // other users of the address
	for range 2 {
		hold("GET /api/wait", client1, "")
	}
	refused(client1, "")
	c.Do("GET /api/open", "", "X-Forwarded-For", client2).Want(200, nil)
	close(h.finish)
	wg.Wait()
	for _, user := range []string{"ann", ""} { // all slots are free again
		for range 3 {
			c.Do("GET /api/own", "", "X-Forwarded-For", client1, "Authorization", "ann").Want(200, nil)
			c.Do("GET /api/open", "", "X-Forwarded-For", client1, "Authorization", user).Want(200, nil)
		}
	}
}

// TestOwnLimits: a route with its own slots and rate limit works while the shared slots
// are taken and the shared rate limit is exhausted.
func TestOwnLimits(t *testing.T) {
	_, a := newLimitedAPI(t, rest.Config{MaxRequests: 1, RateLimit: 2})
	h := newBlocker()
	rest.Handle(a, "GET /api/wait", rest.Open, h.handle, "wait", "Wait", rest.Status(204))
	feed := rest.Open
	feed.RateLimit, feed.Concurrency = rest.RateLimit{Class: rest.NoRate, PerMinute: 5}, rest.OwnSlots
	rest.Handle(a, "GET /api/feed", feed, func(context.Context, *struct{}) (*struct{}, error) { return nil, nil }, "feed", "Feed", rest.Status(204))
	c := serve(t, a)
	var wg sync.WaitGroup
	wg.Go(func() { c.Do("GET /api/wait", "").Want(204, nil) })
	<-h.started
	c.Do("GET /api/open", "").WantProblem(503)
	for range 5 {
		c.Do("GET /api/feed", "").Want(204, nil)
	}
	c.Do("GET /api/feed", "").WantProblem(429)
	close(h.finish)
	wg.Wait()
	c.Do("GET /api/open", "").WantProblem(429)
}

// TestUnreadResponsesHoldNoSlots: an HTTP/2 client sends many requests and never reads the
// responses. Its next requests, and those of other clients, are served.
func TestUnreadResponsesHoldNoSlots(t *testing.T) {
	dir := t.TempDir()
	cfg := proxied(t, rest.Config{CertFile: filepath.Join(dir, "c.pem"), KeyFile: filepath.Join(dir, "k.pem"), MaxRequests: 8})
	cfg.Timeouts = rest.Timeouts{ReadHeader: time.Minute, Read: time.Minute, Write: time.Minute, Idle: time.Minute, Transfer: 2 * time.Second}
	writeCertificate(t, cfg, time.Now())
	a := rest.New(rest.Options{Document: rest.Document{Title: "Test Service"}, Log: slog.New(slog.DiscardHandler), HTTP: cfg})
	started := make(chan struct{}, 10_000)
	rest.Handle(a, "GET /api/public/long", rest.Public, func(context.Context, *struct{}) (*struct{ Body string }, error) {
		started <- struct{}{}
		return &struct{ Body string }{strings.Repeat("x", 6000)}, nil // more than the server buffers
	}, "read", "Read")
	c, stop := resttest.Start(t, func(ctx context.Context, own rest.Config) error { return rest.Serve(ctx, own.Listener, a, own.Drain) })
	defer stop()
	address := strings.TrimPrefix(c.URL, "http://")
	insecure := &tls.Config{InsecureSkipVerify: true}
	transport := &http.Transport{TLSClientConfig: insecure}
	defer transport.CloseIdleConnections()
	get := func(from string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/api/public/long", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Forwarded-For", from)
		res, err := (&http.Client{Transport: transport}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		io.Copy(io.Discard, res.Body)
		return res.StatusCode
	}
	send := func() bool {
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if _, err := conn.Write(unreadStreams(20, "/api/public/long", client1)); err != nil {
			t.Fatal(err)
		}
		return len(started) >= 4 // twice as many as the client has slots
	}
	waittest.Until(t, "four requests are served", send)
	for _, from := range []string{client1, client2} {
		for range 10 {
			waittest.Until(t, "a request of "+from+" is served", func() bool { return get(from) == 200 })
		}
	}
}

// unreadStreams returns the bytes of an HTTP/2 client that sends n requests with a flow
// control window of 0, so that the server cannot send a response body (RFC 9113, 6.5.2;
// RFC 7541).
func unreadStreams(n int, path, from string) []byte {
	const settings, headers, initialWindowSize, endStreamAndHeaders = 4, 1, 4, 0x1 | 0x4
	var b bytes.Buffer
	b.WriteString("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	frame := func(kind, flags byte, stream int, payload []byte) {
		b.Write([]byte{0, 0, byte(len(payload)), kind, flags})
		binary.Write(&b, binary.BigEndian, uint32(stream))
		b.Write(payload)
	}
	text := func(s string) string { return string(rune(len(s))) + s }
	frame(settings, 0, 0, []byte{0, initialWindowSize, 0, 0, 0, 0})
	block := "\x82\x87" + "\x01" + text("x") + "\x04" + text(path) + "\x00" + text("x-forwarded-for") + text(from) // GET, https, authority, path
	for i := range n {
		frame(headers, endStreamAndHeaders, 2*i+1, []byte(block))
	}
	return b.Bytes()
}
