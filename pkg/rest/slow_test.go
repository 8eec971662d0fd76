package rest_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
)

// TestMain fails when a server that has stopped leaves something running.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// guarded is a log that is written to while it is read.
type guarded struct {
	mu   sync.Mutex
	text strings.Builder
}

func (g *guarded) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.text.Write(p)
}

func (g *guarded) String() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.text.String()
}

// impatient waits a tenth of what a service does.
var impatient = rest.Timeouts{ReadHeader: 500 * time.Millisecond, Read: time.Second, Write: 3 * time.Second, Idle: 6 * time.Second, Transfer: time.Second}

// impatientService takes JSON, forms and lines, and answers without an end.
func impatientService(t *testing.T) resttest.Client {
	t.Helper()
	return serviceWith(t, impatient)
}

func serviceWith(t *testing.T, timeouts rest.Timeouts) resttest.Client {
	t.Helper()
	c, stop := resttest.Start(t, func(ctx context.Context, cfg rest.Config) error {
		cfg.Timeouts = timeouts
		a := rest.New(rest.Options{Title: "Test Service", Log: slog.New(slog.NewJSONHandler(t.Output(), nil)), HTTP: cfg})
		rest.Handle(a, "POST /api/things", rest.Open, func(_ context.Context, in *thingInput) (*output, error) { return &output{}, nil }, "makeAThing", "Make a thing")
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
		}, "sendAFile", "Send a file")
		rest.Handle(a, "GET /api/endless", rest.Open, func(context.Context, *struct{}) (*rest.Download, error) {
			return rest.Content{Name: "x", Type: "text/plain", Size: 1 << 40, ETag: "x", Open: func(context.Context, int64, int64) (io.ReadCloser, error) {
				return io.NopCloser(zeroes{}), nil
			}}.Download(), nil
		}, "readWithoutAnEnd", "Read without an end")
		return rest.Serve(ctx, narrow{cfg.Listener}, a, cfg.Drain)
	})
	t.Cleanup(stop)
	return c
}

type slowInput struct{ Form rest.Multipart[struct{}] }

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// dial opens a connection and sends what it begins with.
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

// TestSlowClientsAreCut sends a byte now and then: each connection is answered,
// if at all, and closed within a tenth of ten seconds and a little.
func TestSlowClientsAreCut(t *testing.T) {
	c := impatientService(t)
	const length = "Content-Length: 100000\r\n"
	for name, v := range map[string]struct{ begin, piece, answer string }{
		"says nothing":              {"", "", ""},
		"head":                      {"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: ", "a", ""},
		"JSON":                      {"POST /api/things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + length + "\r\n", "a", " 408 "},
		"a form":                    {"POST /api/files HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n" + length + "\r\n--b\r\nContent-Disposition: form-data; name=file\r\n\r\n", "a", " 408 "},
		"a form at 4 KiB/s":         {"POST /api/files HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n" + length + "\r\n--b\r\nContent-Disposition: form-data; name=file\r\n\r\n", strings.Repeat("a", 200), " 408 "},
		"a form sent fast at first": {"POST /api/files HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n\r\n--b\r\nContent-Disposition: form-data; name=file\r\n\r\n" + strings.Repeat("a", 900_000), "a", " 408 "},
		"a chunked one":             {"POST /api/files HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n", " 408 "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := dial(t, c.On(t), v.begin)
			begin := time.Now()
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
			conn.SetReadDeadline(begin.Add(8 * time.Second))
			answer, err := io.ReadAll(conn)
			if took := time.Since(begin); took > 4*time.Second {
				t.Errorf("cut after %v: %q, %v", took, answer, err)
			}
			head, _, _ := strings.Cut(string(answer), "\r\n")
			ok := strings.Contains(head, v.answer)
			if v.answer == "" { // what never became a request need not be answered
				ok = head == "" || strings.Contains(head, " 408 ")
			}
			if !ok {
				t.Errorf("answer %q, want %q", head, v.answer)
			}
			conn.Close()
			<-done
		})
	}
}

// TestSlowReaderIsCut takes nothing of an answer.
func TestSlowReaderIsCut(t *testing.T) {
	c := impatientService(t)
	conn := dial(t, c, "GET /api/endless HTTP/1.1\r\nHost: x\r\n\r\n")
	first := make([]byte, 1)
	if _, err := io.ReadFull(conn, first); err != nil {
		t.Fatal(err)
	}
	waitForCut(t, conn)
}

// TestSteadyReaderIsNotCut takes a little at a time, for several times as long as
// it may stand still.
func TestSteadyReaderIsNotCut(t *testing.T) {
	c := impatientService(t)
	conn := dial(t, c, "GET /api/endless HTTP/1.1\r\nHost: x\r\n\r\n")
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	piece := make([]byte, 16<<10)
	for begin, n := time.Now(), 0; time.Since(begin) < 6*impatient.Transfer; <-tick.C {
		m, err := io.ReadFull(conn, piece)
		if n += m; err != nil {
			t.Fatalf("cut after %v and %d bytes: %v", time.Since(begin), n, err)
		}
	}
}

// narrow has little lie between a server and its clients, as on a slow line.
type narrow struct{ net.Listener }

func (n narrow) Accept() (net.Conn, error) {
	conn, err := n.Listener.Accept()
	if tcp, ok := conn.(*net.TCPConn); ok {
		err = errors.Join(err, tcp.SetWriteBuffer(32<<10))
	}
	return conn, err
}

// waitForCut waits until a connection is closed that nothing is read from: what
// the kernel holds fills up, then the server waits, and what it has closed takes
// no more.
func waitForCut(t *testing.T, conn net.Conn) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for begin := time.Now(); time.Since(begin) < 8*time.Second; <-tick.C {
		if _, err := io.WriteString(conn, "x"); err != nil {
			return
		}
	}
	t.Error("it is not cut")
}

// TestLyingLengths: what is said of a body and what comes differ.
func TestLyingLengths(t *testing.T) {
	c := impatientService(t)
	const json, form = "POST /api/things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n", "POST /api/files HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
	for name, v := range map[string]struct{ send, want string }{
		"less than said":           {json + "Content-Length: 1000\r\nConnection: close\r\n\r\n{}", "400"},
		"none of what is said":     {form + "Content-Length: 1000\r\nConnection: close\r\n\r\n", "400"},
		"said to be too much":      {form + "Content-Length: 10000000\r\n\r\n", "413"},
		"a JSON said to be much":   {json + "Content-Length: 10000000\r\n\r\n{\"name\":\"" + strings.Repeat("x", 100_000), "413"},
		"no number":                {json + "Content-Length: many\r\n\r\n{}", "400"},
		"two lengths":              {json + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "400"},
		"chunks count, no length":  {json + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{\"name\":\"abcde\"}\r\n0\r\n\r\n", "200"},
		"chunks without an end":    {json + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\nnonsense\r\n", "400"},
		"chunks of too much":       {json + "Transfer-Encoding: chunked\r\n\r\n20000\r\n{\"name\":\"" + strings.Repeat("x", 0x20000-9), "413"},
		"a form of too much":       {form + "Transfer-Encoding: chunked\r\n\r\n200000\r\n--b\r\nContent-Disposition: form-data; name=file\r\n\r\n" + strings.Repeat("x", 0x200000-57), "413"},
		"a head of 20 kB":          {"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("x", 20<<10) + "\r\n\r\n", "431"},
		"a path of 20 kB":          {"GET /" + strings.Repeat("x", 20<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n", "431"},
		"another coding of a body": {json + "Transfer-Encoding: gzip\r\n\r\nx", "501"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, c.On(t), "")
			go func() {
				_, _ = io.WriteString(conn, v.send) // it may be cut before the end
				if v.want == "400" {
					conn.(*net.TCPConn).CloseWrite()
				}
			}()
			conn.SetReadDeadline(time.Now().Add(8 * time.Second))
			head := make([]byte, 12)
			if _, err := io.ReadFull(conn, head); err != nil || string(head[9:]) != v.want {
				t.Errorf("answer %q, %v, want %s", head, err, v.want)
			}
		})
	}
}
