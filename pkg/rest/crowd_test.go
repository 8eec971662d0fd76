package rest_test

import (
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
)

// A crowd is connections that keep a server waiting.
type crowd struct {
	all  []net.Conn
	slow []net.Conn // of these, those that send a byte now and then
	cut  atomic.Int32
	wait sync.WaitGroup
}

// join opens n connections and sees when each is cut.
func (w *crowd) join(t *testing.T, c resttest.Client, n int, begin string) {
	for range n {
		conn := dial(t, c, begin)
		w.all = append(w.all, conn)
		if begin != "" {
			w.slow = append(w.slow, conn)
		}
		_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
		w.wait.Go(func() {
			// What was sent and not read makes of an end a reset.
			if _, err := io.Copy(io.Discard, conn); !errors.Is(err, os.ErrDeadlineExceeded) {
				w.cut.Add(1)
			}
		})
	}
}

// trickle sends a byte on each slow connection now and then, until stop is closed.
func (w *crowd) trickle(stop <-chan struct{}) {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			for _, conn := range w.slow {
				_, _ = io.WriteString(conn, "a") // it may be cut
			}
		}
	}
}

// p99 is within which time 99 of 100 are answered.
func p99(c resttest.Client) time.Duration {
	took := make([]time.Duration, 300)
	for i := range took {
		begin := time.Now()
		c.Do("POST /api/things", `{"name":"abc"}`, "Content-Type", "application/json").Want(200, nil)
		took[i] = time.Since(begin)
	}
	slices.Sort(took)
	return took[len(took)*99/100-1]
}

// TestSlowClientsHoldUpNobody has two thousand say nothing, a hundred send a head
// and sixty a body, as many as one address may nearly have, a byte at a time. While all are there, others wait no
// longer than twice as long as before, or 20 ms; and all are cut in the end. The
// best of three rounds counts, as the machine may be busy with something else.
func TestSlowClientsHoldUpNobody(t *testing.T) {
	const enough = 20 * time.Millisecond
	wait := 15 * time.Second
	c := serviceWith(t, rest.Timeouts{ReadHeader: wait, Read: wait, Write: 2 * wait, Idle: 4 * wait, Transfer: wait})
	before := p99(c)

	w, stop := &crowd{}, make(chan struct{})
	w.join(t, c, 2000, "")
	w.join(t, c, 100, "GET /livez HTTP/1.1\r\nHost: x\r\nX-A: ")
	w.join(t, c, 60, "POST /api/things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
	var trickle sync.WaitGroup
	trickle.Go(func() { w.trickle(stop) })

	limit, rounds := max(2*before, enough), []time.Duration{}
	for len(rounds) < 3 {
		took := p99(c)
		if w.cut.Load() > 0 {
			break // it was timed without some of them
		}
		if rounds = append(rounds, took); took <= limit {
			break
		}
	}
	if len(rounds) == 0 {
		t.Errorf("some were cut before 300 requests were answered")
	} else if best := slices.Min(rounds); best > limit {
		t.Errorf("99 of 100 took %v, and %v before", best, before)
	}
	w.wait.Wait()
	close(stop)
	trickle.Wait()
	if n := int(w.cut.Load()); n != len(w.all) {
		t.Errorf("%d of %d were cut", n, len(w.all))
	}
}
