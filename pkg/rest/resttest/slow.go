package resttest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"time"
)

// SlowRequest is a request whose client sends the body and reads the response slowly.
type SlowRequest struct {
	Head    string // everything before the part of the body that is sent slowly
	HasBody bool   // send a body without end
	Began   func() // called after each step; may be nil
}

const (
	slowStep  = 100 * time.Millisecond
	slowBytes = 6800 // per step: 68 kB/s
)

// Repeat sends the request at 68 kB/s and reads the response at that rate. It repeats the
// request whenever the connection is closed, until ctx is done.
func (s SlowRequest) Repeat(ctx context.Context, c Client) {
	piece := bytes.Repeat([]byte("x"), slowBytes)
	tick := time.NewTicker(slowStep)
	defer tick.Stop()
	var conn net.Conn
	for ctx.Err() == nil {
		if conn == nil {
			var err error
			if conn, err = s.connect(c); err != nil {
				return
			}
			defer conn.Close()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		if s.step(conn, piece) != nil {
			conn.Close()
			conn = nil
		}
		if s.Began != nil {
			s.Began()
		}
	}
}

func (s SlowRequest) connect(c Client) (net.Conn, error) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.URL, "http://"))
	if err == nil {
		conn.(*net.TCPConn).SetReadBuffer(16 << 10)
		io.WriteString(conn, s.Head) // a failure is found by the next step
	}
	return conn, err
}

// step sends and reads one piece. It fails if the server has closed the connection.
func (s SlowRequest) step(conn net.Conn, piece []byte) error {
	if s.HasBody {
		conn.SetWriteDeadline(time.Now().Add(time.Second))
		if _, err := conn.Write(piece); err != nil {
			return err
		}
	}
	conn.SetReadDeadline(time.Now().Add(time.Millisecond))
	if _, err := io.CopyN(io.Discard, conn, slowBytes); !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return nil
}
