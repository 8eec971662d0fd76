package rest_test

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// crowd is a set of connections that keep a server waiting.
type crowd struct {
	all    []net.Conn
	slow   []net.Conn // the connections in all that send a byte from time to time
	closed atomic.Int32
	wait   sync.WaitGroup
}

// join opens n connections and counts those that the server closes.
func (w *crowd) join(t *testing.T, c resttest.Client, n int, begin string) {
	for range n {
		conn := dial(t, c, begin)
		w.all = append(w.all, conn)
		if begin != "" {
			w.slow = append(w.slow, conn)
		}
		_ = conn.SetReadDeadline(time.Now().Add(waittest.Limit))
		w.wait.Go(func() {
			// A connection with unread data ends with a reset instead of io.EOF.
			if _, err := io.Copy(io.Discard, conn); !errors.Is(err, os.ErrDeadlineExceeded) {
				w.closed.Add(1)
			}
		})
	}
}

// trickle sends a byte on each slow connection every 250 ms until stop is closed.
func (w *crowd) trickle(stop <-chan struct{}) {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			for _, conn := range w.slow {
				_, _ = io.WriteString(conn, "a") // the server may have closed it
			}
		}
	}
}

// TestSlowClientsDoNotDelayOthers opens 2,000 connections that send nothing, 100 that send
// a header slowly and 60 that send a body slowly, which is close to the limit of one
// address. With all of them open, no request waits for a timeout of theirs. In the end, the
// server closes all of them.
func TestSlowClientsDoNotDelayOthers(t *testing.T) {
	const wait = 15 * time.Second
	c := serviceWith(t, rest.Timeouts{ReadHeader: wait, Read: wait, Write: 2 * wait, Idle: 4 * wait, Transfer: wait})
	w, stop := &crowd{}, make(chan struct{})
	w.join(t, c, 2000, "")
	w.join(t, c, 100, "GET /livez HTTP/1.1\r\nHost: x\r\nX-A: ")
	w.join(t, c, 60, "POST /api/things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
	var trickle sync.WaitGroup
	trickle.Go(func() { w.trickle(stop) })
	for range 300 {
		begin, closed := time.Now(), w.closed.Load()
		c.Do("POST /api/things", `{"name":"abc"}`, "Content-Type", "application/json").Want(200, nil)
		if took := time.Since(begin); took > wait/2 && w.closed.Load() > closed {
			t.Errorf("a request took %v, until slow clients were disconnected", took)
		}
	}
	w.wait.Wait()
	close(stop)
	trickle.Wait()
	if n := int(w.closed.Load()); n != len(w.all) {
		t.Errorf("%d of %d connections were closed, want all", n, len(w.all))
	}
}
