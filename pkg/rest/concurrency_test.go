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
)

// proxied believes what a test says of where it asks from.
func proxied(t *testing.T, cfg rest.Config) rest.Config {
	t.Helper()
	if err := cfg.TrustedProxies.Decode("127.0.0.1"); err != nil {
		t.Fatal(err)
	}
	return cfg
}

const here, there, elsewhere = "198.51.100.1", "198.51.100.2", "198.51.100.3"

// TestTooMuchOfOneCaller: of eight turns one caller has two, whatever else it is
// that it sends.
func TestTooMuchOfOneCaller(t *testing.T) {
	_, a := bounded(t, proxied(t, rest.Config{MaxRequests: 8}))
	h := newHeld()
	rest.Handle(a, "GET /api/held", rest.Open, h.handle, "wait", "Wait", rest.Status(204))
	rest.Handle(a, "GET /api/held/own", rest.SignedIn(users), h.handle, "waitAsAUser", "Wait as a user", rest.Status(204))
	c := serve(t, a)
	var wg sync.WaitGroup
	hold := func(route, address, user string) {
		wg.Go(func() { c.Do(route, "", "X-Forwarded-For", address, "Authorization", user).Want(204, nil) })
		<-h.came
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
		hold("GET /api/held/own", here, "ann")
	}
	refused(there, "ann")                                                                    // wherever she is
	c.Do("GET /api/own", "", "X-Forwarded-For", here, "Authorization", "bob").Want(200, nil) // others from there
	for range 2 {
		hold("GET /api/held", here, "")
	}
	refused(here, "")
	c.Do("GET /api/open", "", "X-Forwarded-For", there).Want(200, nil)
	close(h.finish)
	wg.Wait()
	for _, user := range []string{"ann", ""} { // all have been given back
		for range 3 {
			c.Do("GET /api/own", "", "X-Forwarded-For", here, "Authorization", "ann").Want(200, nil)
			c.Do("GET /api/open", "", "X-Forwarded-For", here, "Authorization", user).Want(200, nil)
		}
	}
}

// TestOwnLimits: what services ask for is answered while all turns are taken, and
// what else comes from their address is used up.
func TestOwnLimits(t *testing.T) {
	_, a := bounded(t, rest.Config{MaxRequests: 1, RateLimit: 1})
	h := newHeld()
	rest.Handle(a, "GET /api/held", rest.Open, h.handle, "wait", "Wait", rest.Status(204))
	feed := rest.Open
	feed.RateLimit, feed.Concurrency = rest.RateLimit{Class: rest.NoRate, PerMinute: 5}, rest.OwnSlots
	rest.Handle(a, "GET /api/feed", feed, func(context.Context, *struct{}) (*struct{}, error) { return nil, nil }, "feed", "Feed", rest.Status(204))
	c := serve(t, a)
	var wg sync.WaitGroup
	wg.Go(func() { c.Do("GET /api/held", "").Want(204, nil) })
	<-h.came
	c.Do("GET /api/open", "").WantProblem(503)
	for range 5 {
		c.Do("GET /api/feed", "").Want(204, nil)
	}
	c.Do("GET /api/feed", "").WantProblem(429)
	close(h.finish)
	wg.Wait()
	c.Do("GET /api/open", "").WantProblem(429)
}

// TestAnswersThatNobodyTakes: over HTTP/2 a client may ask on many streams and
// let none of the answers come. It keeps nobody else waiting, and itself no
// longer than an answer may lie.
func TestAnswersThatNobodyTakes(t *testing.T) {
	dir := t.TempDir()
	cfg := proxied(t, rest.Config{CertFile: filepath.Join(dir, "c.pem"), KeyFile: filepath.Join(dir, "k.pem"), MaxRequests: 8})
	cfg.Timeouts = rest.Timeouts{ReadHeader: time.Minute, Read: 2 * time.Second, Write: time.Minute, Idle: time.Minute, Transfer: 2 * time.Second}
	pair(t, cfg, time.Now())
	a := rest.New(rest.Options{Title: "Test Service", Log: slog.New(slog.DiscardHandler), HTTP: cfg})
	rest.Handle(a, "GET /api/public/long", rest.Public, func(context.Context, *struct{}) (*struct{ Body string }, error) {
		return &struct{ Body string }{strings.Repeat("x", 6000)}, nil // more than the server holds back
	}, "read", "Read")
	c, stop := resttest.Start(t, func(ctx context.Context, own rest.Config) error { return rest.Serve(ctx, own.Listener, a, own.Drain) })
	defer stop()
	address := strings.TrimPrefix(c.URL, "http://")
	insecure := &tls.Config{InsecureSkipVerify: true}
	transport := &http.Transport{TLSClientConfig: insecure}
	defer transport.CloseIdleConnections()
	ask := func(from string) int {
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
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(streamsThatTakeNothing(20, "/api/public/long", here)); err != nil {
		t.Fatal(err)
	}
	until := func(from string, status int) {
		t.Helper()
		for deadline := time.Now().Add(8 * time.Second); ask(from) != status; {
			if time.Now().After(deadline) {
				t.Fatalf("%s is not answered %d", from, status)
			}
		}
	}
	until(here, 503)
	if got := ask(there); got != 200 {
		t.Errorf("somebody else is answered %d", got)
	}
	until(here, 200)
}

// streamsThatTakeNothing is what a client of HTTP/2 sends that asks n times, and
// has the window of each stream be 0 (RFC 9113, 6.5.2; RFC 7541).
func streamsThatTakeNothing(n int, path, from string) []byte {
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
