package rest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/waittest"
)

type rowsInput struct {
	Rows rest.Rows[thing, thing]
}

// rowsService starts a service with a route that reads rows with run.
func rowsService(t *testing.T, log io.Writer, run func(body io.Reader, abort func(), send func(any) error) (any, error)) resttest.Client {
	t.Helper()
	c, stop := resttest.Start(t, func(ctx context.Context, cfg rest.Config) error {
		a := rest.New(rest.Options{Document: rest.Document{Title: "Test Service"}, Log: slog.New(slog.NewJSONHandler(log, nil)), HTTP: cfg})
		rest.Handle(a, "POST /api/rows", rest.Open, func(ctx context.Context, in *rowsInput) (*rest.Stream, error) {
			body, err := in.Rows.Open(1 << 30)
			return in.Rows.Respond(func(_ context.Context, abort func(), send func(any) error) (any, error) {
				return run(body, abort, send)
			}), err
		}, "importRows", "Import rows")
		return rest.Serve(ctx, cfg.Listener, a, cfg.Drain)
	})
	t.Cleanup(stop)
	return c
}

// spools returns how many spools of responses are open.
func spools(t *testing.T) (n int) {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if name, err := os.Readlink(link); err == nil && strings.Contains(name, "/response-") {
			n++
		}
	}
	return n
}

// TestPanicEndsOneResponse panics after lines that do not fit into the memory of the spool. The client
// gets them without a last line, the log gets the stack, and the spool is closed. TestMain finds
// goroutines that remain.
func TestPanicEndsOneResponse(t *testing.T) {
	var log syncBuffer
	const lines = 3000
	c := rowsService(t, &log, func(body io.Reader, _ func(), send func(any) error) (any, error) {
		for range lines {
			if err := send(strings.Repeat("x", 1000)); err != nil {
				t.Error(err)
			}
		}
		panic("broken row")
	})
	res := c.Do("POST /api/rows", "")
	if n := strings.Count(res.Text, "\n"); res.Status != 200 || n != lines {
		t.Errorf("status %d with %d lines, want the %d lines before the panic", res.Status, n, lines)
	}
	c.Do("GET /livez", "").Want(200, nil)
	waittest.Until(t, "the spool is closed", func() bool { return spools(t) == 0 })
	if text := log.String(); !strings.Contains(text, `"level":"ERROR"`) || !strings.Contains(text, "panic: broken row") || !strings.Contains(text, "rows_test.go") {
		t.Errorf("the log has no error with the stack: %s", text)
	}
}

// TestErrorOfRowsIsLogged: the handler ends with a last line, and an error for the log.
func TestErrorOfRowsIsLogged(t *testing.T) {
	for _, c := range []struct {
		err         error
		level, text string
	}{
		{errors.New("disk on fire"), "ERROR", "disk on fire"},
		{fault.New(fault.Unavailable, "later").Because(errors.New("no space")), "INFO", "no space"},
		{fault.New(fault.Malformed, "bad file"), "INFO", ""},
		{errors.Join(context.Canceled, errors.New("reset by peer")), "INFO", ""},
	} {
		var log syncBuffer
		s := rowsService(t, &log, func(io.Reader, func(), func(any) error) (any, error) { return "end", c.err })
		if res := s.Do("POST /api/rows", ""); res.Text != "\"end\"\n" {
			t.Errorf("response %q", res.Text)
		}
		waittest.Until(t, "the request is logged", func() bool { return strings.Contains(log.String(), `"request"`) })
		if text := log.String(); !strings.Contains(text, `"level":"`+c.level) || !strings.Contains(text, c.text) || strings.Contains(text, `"err"`) != (c.text != "") {
			t.Errorf("%v: logged %s", c.err, text)
		}
	}
}

// TestAbortEndsRead aborts at random times, while another goroutine reads.
func TestAbortEndsRead(t *testing.T) {
	c := rowsService(t, io.Discard, func(body io.Reader, abort func(), _ func(any) error) (any, error) {
		ended := make(chan error)
		go func() {
			var err error
			for b := make([]byte, 1); err == nil; {
				_, err = body.Read(b)
			}
			ended <- err
		}()
		time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond)
		abort()
		select {
		case err := <-ended:
			return "ended", err
		case <-time.After(waittest.Limit):
			t.Error("the abort did not end the read")
			abort()
			<-ended
			return "waits", nil
		}
	})
	var clients sync.WaitGroup
	for range 150 {
		clients.Go(func() {
			body, client := io.Pipe()
			defer body.Close()
			// If the server closes the connection, http.Post waits for the end of the body.
			defer time.AfterFunc(2*time.Second, func() { client.Close() }).Stop()
			go func() {
				for range rand.IntN(50) {
					_, _ = client.Write([]byte(strings.Repeat("x", 1000))) // fails after the response
				}
			}()
			res, err := http.Post(c.URL+"/api/rows", "application/x-ndjson", body)
			if err != nil {
				return // the server closed the connection while the client was sending
			}
			defer res.Body.Close()
			if text, err := io.ReadAll(res.Body); fmt.Sprint(string(text), err) != "\"ended\"\n<nil>" {
				t.Errorf("got %q, %v, want the abort to end the read", text, err)
			}
		})
	}
	clients.Wait()
}

// TestRestOfBodyIsNoRequest ends a response before the body has arrived. The rest of it looks like a request.
func TestRestOfBodyIsNoRequest(t *testing.T) {
	c := rowsService(t, io.Discard, func(_ io.Reader, abort func(), _ func(any) error) (any, error) {
		abort()
		return "end", nil
	})
	const inner = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
	conn := dial(t, c, fmt.Sprintf("POST /api/rows HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nContent-Length: %d\r\n\r\n", len(inner)))
	conn.SetDeadline(time.Now().Add(waittest.Limit))
	in := bufio.NewReader(conn)
	for line := ""; line != "0\r\n"; {
		var err error
		if line, err = in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	io.WriteString(conn, inner)
	if rest, err := io.ReadAll(in); strings.Contains(string(rest), "HTTP/1.1") {
		t.Errorf("a second response: %q, %v", rest, err)
	}
}
