package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
)

// maxAnswer is more than a broker answers: a fetch asks for fetchBytes, and
// gets one batch more at most.
const maxAnswer = 64 << 20

var errNoBroker = errors.New("what listens there does not speak Kafka")

// dial connects to a broker.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &brokerConn{Conn: c}, nil
}

// brokerConn reads answers of a length that a broker may send. kafka-go makes
// room for whatever the first bytes say, before it looks at the rest: those of
// a web server at the port of a broker would be a thousand million elements.
type brokerConn struct {
	net.Conn
	head [4]byte // length of the answer
	read int     // bytes of head that have come
	told int     // bytes of head that have been passed on
	left int     // bytes of the answer that are to come
}

// Read implements net.Conn. After a deadline it goes on where it was.
func (c *brokerConn) Read(p []byte) (int, error) {
	if c.told == len(c.head) && c.left == 0 {
		c.read, c.told = 0, 0
	}
	for c.read < len(c.head) {
		n, err := c.Conn.Read(c.head[c.read:])
		if c.read += n; err != nil {
			return 0, err
		}
		if c.read < len(c.head) {
			continue
		}
		length := binary.BigEndian.Uint32(c.head[:])
		if length > maxAnswer {
			return 0, errors.Join(errNoBroker, c.Close())
		}
		c.left = int(length)
	}
	if c.told < len(c.head) {
		n := copy(p, c.head[c.told:])
		c.told += n
		return n, nil
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}
