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

// maxResponse is larger than any response of a broker, in bytes: a response to a fetch
// contains fetchBytes and at most one more batch.
const maxResponse = 64 << 20

const (
	tlsAlert        = 21 // first byte of the alert of a TLS server that received no TLS
	tlsMajorVersion = 3  // second byte of the alert, in all versions of TLS

	anonymousResponses = 2 // a broker that requires a login closes the connection before the second
	loginResponses     = 4 // versions, mechanism and up to two responses of the login
)

var (
	errNotKafka = fault.New(fault.Unavailable, "the server at KAFKA_BROKERS does not speak the Kafka protocol")
	errTLSOnly  = fault.New(fault.Unavailable, "the broker requires TLS; set KAFKA_TLS")
)

// dialer returns the dialer for readers, that is for members of a consumer group.
func (c Config) dialer() *kafka.Dialer {
	return &kafka.Dialer{Timeout: dialTimeout, DialFunc: c.Dial, SASLMechanism: c.login()}
}

// transport is the transport for all other requests.
type transport struct{ *kafka.Transport }

func (c Config) transport() transport {
	return transport{&kafka.Transport{Dial: c.Dial, DialTimeout: dialTimeout, MetadataTTL: metadataTTL, SASL: c.login()}}
}

// RoundTrip implements kafka.RoundTripper.
func (t transport) RoundTrip(ctx context.Context, addr net.Addr, r kafka.Request) (kafka.Response, error) {
	res, err := t.Transport.RoundTrip(ctx, addr, r)
	return res, explainLogin(err)
}

// Dial connects to a broker, with TLS if configured. TLS is started here and not by
// kafka-go, so that brokerConn reads the decrypted responses.
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

// brokerConn refuses responses that are too long to come from a broker. kafka-go
// allocates memory for the length in the first bytes before it reads the rest. The bytes
// "HTTP" of a web server would be a length of 1.2 GB.
type brokerConn struct {
	net.Conn
	length     [4]byte // length of the current response, big endian
	lengthRead int     // bytes of length that have been received
	lengthSent int     // bytes of length that have been returned by Read
	bodyLeft   int     // bytes of the current response that have not been received
	responses  int     // responses that have started

	tls, login bool // whether TLS and a login are configured
}

// Read implements net.Conn. After a timeout it can be called again.
func (c *brokerConn) Read(p []byte) (int, error) {
	if c.lengthSent == len(c.length) && c.bodyLeft == 0 {
		c.lengthRead, c.lengthSent = 0, 0
	}
	for c.lengthRead < len(c.length) {
		n, err := c.Conn.Read(c.length[c.lengthRead:])
		if c.lengthRead += n; err != nil {
			return 0, c.explainClose(err)
		}
		if c.lengthRead < len(c.length) {
			continue
		}
		length := binary.BigEndian.Uint32(c.length[:])
		if c.length[0] == tlsAlert && c.length[1] == tlsMajorVersion {
			return 0, errors.Join(errTLSOnly, c.Close())
		}
		if length > maxResponse {
			return 0, errors.Join(errNotKafka, c.Close())
		}
		c.bodyLeft = int(length)
		c.responses++
	}
	if c.lengthSent < len(c.length) {
		n := copy(p, c.length[c.lengthSent:])
		c.lengthSent += n
		return n, nil
	}
	n, err := c.Conn.Read(p[:min(len(p), c.bodyLeft)])
	c.bodyLeft -= n
	return n, err
}

// explainClose returns an error that names the settings to check if the broker closed
// the connection during the setup. It does not wrap err: kafka-go would replace an EOF
// by an error of its own.
func (c *brokerConn) explainClose(err error) error {
	op, ok := errors.AsType[*net.OpError](err)
	alert := ok && op.Op == "remote error" // an alert of TLS, which has no error type
	switch closed := alert || errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET); {
	case !closed || c.lengthRead > 0:
	case c.responses == 0 && c.tls:
		return fault.New(fault.Unavailable, "the broker closed the TLS connection; check whether it requires a client certificate in KAFKA_CERT_FILE")
	case c.responses == 0:
		return fault.New(fault.Unavailable, "the broker closed the connection; check KAFKA_TLS and KAFKA_SASL_MECHANISM")
	case c.responses < loginResponses && c.login:
		return fault.New(fault.Unavailable, "the broker closed the connection during the login; check KAFKA_SASL_MECHANISM, KAFKA_USERNAME and KAFKA_PASSWORD")
	case c.responses < anonymousResponses:
		return fault.New(fault.Unavailable, "the broker closed the connection before any login; set KAFKA_SASL_MECHANISM if it requires one")
	}
	return err
}
