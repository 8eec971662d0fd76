package rest_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// TestMain fails if a stopped server leaves goroutines.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// syncBuffer is a buffer that is safe for concurrent use.
type syncBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// shortTimeouts are a tenth of the default timeouts.
var shortTimeouts = rest.Timeouts{ReadHeader: 500 * time.Millisecond, Read: time.Second, Write: 3 * time.Second, Idle: 6 * time.Second, Transfer: time.Second}

// shortTimeoutService starts a service that accepts JSON and forms and has an endless
// download.
func shortTimeoutService(t *testing.T) resttest.Client {
	t.Helper()
	return serviceWith(t, shortTimeouts)
}

func serviceWith(t *testing.T, timeouts rest.Timeouts) resttest.Client {
	t.Helper()
	c, stop := resttest.Start(t, func(ctx context.Context, cfg rest.Config) error {
		cfg.Timeouts = timeouts
		a := rest.New(rest.Options{Document: rest.Document{Title: "Test Service"}, Log: slog.New(slog.NewJSONHandler(t.Output(), nil)), HTTP: cfg})
		rest.Handle(a, "POST /api/things", rest.Open, func(_ context.Context, in *thingInput) (*output, error) { return &output{}, nil }, "createThing", "Create a thing")
		rest.Handle(a, "POST /api/files", rest.Open, func(_ context.Context, in *slowInput) (*output, error) {
			parts, err := in.Form.Parts(1 << 20)
			for err == nil {
				var p *rest.Part
				if p, err = parts.Next(); err == nil {
					_, err = io.Copy(io.Discard, p)
				}
			}
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return &output{}, err
		}, "uploadFile", "Upload a file")
		rest.Handle(a, "GET /api/endless", rest.Open, func(context.Context, *struct{}) (*rest.Download, error) {
			return rest.Content{Name: "x", Type: "text/plain", Size: 1 << 40, ETag: "x", Open: func(context.Context, int64, int64) (io.ReadCloser, error) {
				return io.NopCloser(zeroes{}), nil
			}}.Download(), nil
		}, "downloadEndless", "Download endlessly")
		return rest.Serve(ctx, smallBuffers{cfg.Listener}, a, cfg.Drain)
	})
	t.Cleanup(stop)
	return c
}

type slowInput struct{ Form rest.Multipart[struct{}] }

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// dial opens a connection and sends begin.
func dial(t *testing.T, c resttest.Client, begin string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(32 << 10); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, begin); err != nil {
		t.Fatal(err)
	}
	return conn
}

// TestSlowClientsAreDisconnected sends a few bytes every 50 ms. The server closes each
// connection after its timeout of about a second.
func TestSlowClientsAreDisconnected(t *testing.T) {
	c := shortTimeoutService(t)
	const length = "Content-Length: 100000\r\n"
	for name, v := range map[string]struct{ begin, piece, status string }{
		"sends nothing":         {"", "", ""},
		"header":                {"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: ", "a", ""},
		"JSON":                  {"POST /api/things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + length + "\r\n", "a", " 408 "},
		"a form":                {"POST /api/files HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n" + length + "\r\n--b\r\nContent-Disposition: form-data; name=file\r\n\r\n", "a", " 408 "},
		"a form at 4 KiB/s":     {"POST /api/files HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n" + length + "\r\n--b\r\nContent-Disposition: form-data; name=file\r\n\r\n", strings.Repeat("a", 200), " 408 "},
		"a form, fast at first": {"POST /api/files HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n\r\n--b\r\nContent-Disposition: form-data; name=file\r\n\r\n" + strings.Repeat("a", 900_000), "a", " 408 "},
		"a chunked form":        {"POST /api/files HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n", " 408 "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := dial(t, c.On(t), v.begin)
			done := make(chan struct{})
			go func() {
				defer close(done)
				if v.begin == "" {
					return
				}
				tick := time.NewTicker(50 * time.Millisecond)
				defer tick.Stop()
				for range tick.C {
					if _, err := io.WriteString(conn, v.piece); err != nil {
						return
					}
				}
			}()
			conn.SetReadDeadline(time.Now().Add(waittest.Limit))
			response, err := io.ReadAll(conn)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("not closed: %q", response)
			}
			head, _, _ := strings.Cut(string(response), "\r\n")
			ok := strings.Contains(head, v.status)
			if v.status == "" { // an incomplete header may get no response
				ok = head == "" || strings.Contains(head, " 408 ")
			}
			if !ok {
				t.Errorf("response %q, want %q", head, v.status)
			}
			conn.Close()
			<-done
		})
	}
}

// TestStalledReaderIsDisconnected stops reading a response.
func TestStalledReaderIsDisconnected(t *testing.T) {
	c := shortTimeoutService(t)
	conn := dial(t, c, "GET /api/endless HTTP/1.1\r\nHost: x\r\n\r\n")
	first := make([]byte, 1)
	if _, err := io.ReadFull(conn, first); err != nil {
		t.Fatal(err)
	}
	waitUntilClosed(t, conn)
}

// TestSteadyReaderIsNotDisconnected reads a response slowly for six times the transfer
// timeout.
func TestSteadyReaderIsNotDisconnected(t *testing.T) {
	c := shortTimeoutService(t)
	conn := dial(t, c, "GET /api/endless HTTP/1.1\r\nHost: x\r\n\r\n")
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	piece := make([]byte, 16<<10)
	for begin, n := time.Now(), 0; time.Since(begin) < 6*shortTimeouts.Transfer; <-tick.C {
		m, err := io.ReadFull(conn, piece)
		if n += m; err != nil {
			t.Fatalf("closed after %v and %d bytes: %v", time.Since(begin), n, err)
		}
	}
}

// smallBuffers is a listener whose connections have small send buffers, like a slow line.
type smallBuffers struct{ net.Listener }

func (l smallBuffers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if tcp, ok := conn.(*net.TCPConn); ok {
		err = errors.Join(err, tcp.SetWriteBuffer(32<<10))
	}
	return conn, err
}

// waitUntilClosed waits until the server closes a connection from which nothing is read.
// It writes to the connection, because writes fail after the server has closed it.
func waitUntilClosed(t *testing.T, conn net.Conn) {
	t.Helper()
	waittest.Until(t, "the connection is closed", func() bool {
		_, err := io.WriteString(conn, "x")
		return err != nil
	})
}

// TestWrongLengths: the body is shorter or longer than announced, or too large.
func TestWrongLengths(t *testing.T) {
	c := serviceWith(t, rest.Timeouts{ReadHeader: time.Minute, Read: 5 * time.Second, Write: time.Minute, Idle: time.Minute, Transfer: time.Minute})
	const json, form = "POST /api/things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n", "POST /api/files HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
	for name, v := range map[string]struct{ send, want string }{
		"shorter than announced":    {json + "Content-Length: 1000\r\nConnection: close\r\n\r\n{}", "400"},
		"announced but empty":       {form + "Content-Length: 1000\r\nConnection: close\r\n\r\n", "400"},
		"announced too large":       {form + "Content-Length: 10000000\r\n\r\n", "413"},
		"JSON announced too large":  {json + "Content-Length: 10000000\r\n\r\n{\"name\":\"" + strings.Repeat("x", 100_000), "413"},
		"length not a number":       {json + "Content-Length: many\r\n\r\n{}", "400"},
		"two lengths":               {json + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "400"},
		"chunked wins over length":  {json + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{\"name\":\"abcde\"}\r\n0\r\n\r\n", "200"},
		"invalid chunk":             {json + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\nnonsense\r\n", "400"},
		"chunks too large":          {json + "Transfer-Encoding: chunked\r\n\r\n20000\r\n{\"name\":\"" + strings.Repeat("x", 0x20000-9), "413"},
		"form too large":            {form + "Transfer-Encoding: chunked\r\n\r\n200000\r\n--b\r\nContent-Disposition: form-data; name=file\r\n\r\n" + strings.Repeat("x", 0x200000-57), "413"},
		"header of 20 KiB":          {"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("x", 20<<10) + "\r\n\r\n", "431"},
		"path of 20 KiB":            {"GET /" + strings.Repeat("x", 20<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n", "431"},
		"unknown transfer encoding": {json + "Transfer-Encoding: gzip\r\n\r\nx", "501"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, c.On(t), "")
			go func() {
				_, _ = io.WriteString(conn, v.send) // the server may close it before the end
				if v.want == "400" {
					conn.(*net.TCPConn).CloseWrite()
				}
			}()
			conn.SetReadDeadline(time.Now().Add(waittest.Limit))
			head := make([]byte, 12)
			if _, err := io.ReadFull(conn, head); err != nil || string(head[9:]) != v.want {
				t.Errorf("response %q, %v, want %s", head, err, v.want)
			}
		})
	}
}
