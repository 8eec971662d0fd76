package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/segmentio/kafka-go"

	"github.com/battery-passport/suite/pkg/fault"
)

// maxAnswer is more than a broker answers: a fetch asks for fetchBytes, and
// gets one batch more at most.
const maxAnswer = 64 << 20

const (
	alertType    = 21 // first byte with which a TLS server tells that it understands nothing
	versionMajor = 3  // byte after it, of all versions

	anonymousAnswers = 2 // the second is the first that a broker gives to some only
	loginAnswers     = 4 // the versions, the mechanism, and up to two of the login
)

var (
	errNoBroker = fault.New(fault.Unavailable, "what listens at KAFKA_BROKERS does not speak Kafka")
	errWantsTLS = fault.New(fault.Unavailable, "the broker wants TLS: see KAFKA_TLS")
)

// dialer is for what reads as a member of a group, or of one partition.
func (c Config) dialer() *kafka.Dialer {
	return &kafka.Dialer{Timeout: dialTimeout, DialFunc: c.Dial, SASLMechanism: c.login()}
}

// transport is for all else.
type transport struct{ *kafka.Transport }

func (c Config) transport() transport {
	return transport{&kafka.Transport{Dial: c.Dial, DialTimeout: dialTimeout, MetadataTTL: metadataTTL, SASL: c.login()}}
}

// RoundTrip implements kafka.RoundTripper.
func (t transport) RoundTrip(ctx context.Context, addr net.Addr, r kafka.Request) (kafka.Response, error) {
	res, err := t.Transport.RoundTrip(ctx, addr, r)
	return res, refused(err)
}

// Dial connects to a broker, by TLS where that is set. TLS is begun here and
// not by kafka-go, for brokerConn to see what it guards against.
func (c Config) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err == nil && c.TLS {
		conn, err = c.secure(ctx, conn, address)
	}
	if err != nil {
		return nil, err
	}
	return &brokerConn{Conn: conn, tls: c.TLS, login: c.Mechanism != ""}, nil
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
	come int     // answers that have begun

	tls, login bool // whether the connection has, or will have, the one and the other
}

// Read implements net.Conn. After a deadline it goes on where it was.
func (c *brokerConn) Read(p []byte) (int, error) {
	if c.told == len(c.head) && c.left == 0 {
		c.read, c.told = 0, 0
	}
	for c.read < len(c.head) {
		n, err := c.Conn.Read(c.head[c.read:])
		if c.read += n; err != nil {
			return 0, c.unwelcome(err)
		}
		if c.read < len(c.head) {
			continue
		}
		length := binary.BigEndian.Uint32(c.head[:])
		if c.head[0] == alertType && c.head[1] == versionMajor {
			return 0, errors.Join(errWantsTLS, c.Close())
		}
		if length > maxAnswer {
			return 0, errors.Join(errNoBroker, c.Close())
		}
		c.left = int(length)
		c.come++
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

// unwelcome tells what to change where a broker ends a connection before it has
// taken to it. The kind of the end is left out: kafka-go makes its own of EOF.
func (c *brokerConn) unwelcome(err error) error {
	op, ok := errors.AsType[*net.OpError](err)
	alert := ok && op.Op == "remote error" // of TLS, which has no type to know it by
	switch ended := alert || errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET); {
	case !ended || c.read > 0:
	case c.come == 0 && c.tls:
		return fault.New(fault.Unavailable, "the broker ends the TLS connection at once: does it want KAFKA_CERT_FILE, or another?")
	case c.come == 0:
		return fault.New(fault.Unavailable, "the broker ends the connection at once: does it want KAFKA_TLS, or KAFKA_SASL_MECHANISM?")
	case c.come < loginAnswers && c.login:
		return fault.New(fault.Unavailable, "the broker ends the login: are KAFKA_SASL_MECHANISM, KAFKA_USERNAME and KAFKA_PASSWORD right?")
	case c.come < anonymousAnswers:
		return fault.New(fault.Unavailable, "the broker tells its versions alone: does it want KAFKA_SASL_MECHANISM?")
	}
	return err
}
