package kafka

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"github.com/battery-passport/suite/pkg/fault"
)

// Security is how to connect and log in to the cluster.
type Security struct {
	TLS       bool   `envconfig:"KAFKA_TLS" default:"false" desc:"whether the brokers are reached by TLS"`
	CAFile    string `envconfig:"KAFKA_CA_FILE" desc:"PEM file of the authorities that vouch for the brokers; empty: those of the system"`
	CertFile  string `envconfig:"KAFKA_CERT_FILE" desc:"PEM file of the certificate that brokers may ask for"`
	KeyFile   string `envconfig:"KAFKA_KEY_FILE" desc:"PEM file of its key"`
	Mechanism string `envconfig:"KAFKA_SASL_MECHANISM" desc:"how to log in to the brokers: plain, scram-sha-256 or scram-sha-512; empty: not at all"`
	User      string `envconfig:"KAFKA_USERNAME" desc:"user at the brokers"`
	Password  string `envconfig:"KAFKA_PASSWORD" secret:"true" desc:"password of that user; plain sends it only over TLS, or to this machine"`
}

// mechanisms are the supported SASL mechanisms.
var mechanisms = map[string]func(user, password string) (sasl.Mechanism, error){
	"plain": func(user, password string) (sasl.Mechanism, error) {
		return plain.Mechanism{Username: user, Password: password}, nil
	},
	"scram-sha-256": func(user, password string) (sasl.Mechanism, error) {
		return scram.Mechanism(scram.SHA256, user, password)
	},
	"scram-sha-512": func(user, password string) (sasl.Mechanism, error) {
		return scram.Mechanism(scram.SHA512, user, password)
	},
}

// errors returns what is wrong with s for the given brokers.
func (s Security) errors(brokers []string) []error {
	var errs []error
	if _, err := s.roots(); err != nil {
		errs = append(errs, fmt.Errorf("  KAFKA_CA_FILE: %w", err))
	}
	if _, err := s.certificates(); err != nil {
		errs = append(errs, fmt.Errorf("  KAFKA_CERT_FILE: does not go with KAFKA_KEY_FILE: %w", err))
	}
	if !s.TLS && cmp.Or(s.CAFile, s.CertFile, s.KeyFile) != "" {
		errs = append(errs, errors.New("  KAFKA_TLS: is not true, and the files of certificates need it"))
	}
	if s.Mechanism != "" && mechanisms[s.Mechanism] == nil {
		errs = append(errs, fmt.Errorf("  KAFKA_SASL_MECHANISM: %q is not right: has to be plain, scram-sha-256 or scram-sha-512", s.Mechanism))
	}
	if s.Mechanism == "plain" && !s.TLS && !allLocal(brokers) {
		errs = append(errs, errors.New("  KAFKA_SASL_MECHANISM: plain needs KAFKA_TLS: it sends the password as it is"))
	}
	if set := s.Mechanism != ""; set != (s.User != "") || set != (s.Password != "") {
		errs = append(errs, errors.New("  KAFKA_USERNAME: goes with KAFKA_PASSWORD and KAFKA_SASL_MECHANISM; set all or none"))
	} else if login := mechanisms[s.Mechanism]; login != nil {
		if _, err := login(s.User, s.Password); err != nil {
			errs = append(errs, errors.New("  KAFKA_USERNAME: it or KAFKA_PASSWORD has characters that SCRAM does not take"))
		}
	}
	return errs
}

// allLocal reports whether all brokers are on this machine.
func allLocal(brokers []string) bool {
	return !slices.ContainsFunc(brokers, func(broker string) bool {
		host, _, _ := net.SplitHostPort(broker)
		ip, err := netip.ParseAddr(host)
		return host != "localhost" && (err != nil || !ip.IsLoopback())
	})
}

// roots returns the trusted authorities, or nil for those of the system.
func (s Security) roots() (*x509.CertPool, error) {
	if s.CAFile == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(s.CAFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", s.CAFile)
	}
	return pool, nil
}

func (s Security) certificates() ([]tls.Certificate, error) {
	if s.CertFile == "" && s.KeyFile == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(s.CertFile, s.KeyFile)
	return []tls.Certificate{pair}, err
}

// secure starts TLS on a connection, or closes it. It reads the files each time,
// so that the next connection uses renewed ones.
func (s Security) secure(ctx context.Context, conn net.Conn, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	roots, rootsErr := s.roots()
	own, ownErr := s.certificates()
	if err := errors.Join(err, rootsErr, ownErr); err != nil {
		return nil, errors.Join(fault.New(fault.Unavailable, "the files of KAFKA_CA_FILE, KAFKA_CERT_FILE and KAFKA_KEY_FILE cannot be used").Because(err), conn.Close())
	}
	secured := tls.Client(conn, &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host, RootCAs: roots, Certificates: own})
	err = secured.HandshakeContext(ctx)
	if err == nil {
		return secured, nil
	}
	conn.Close()
	why := fault.New(fault.Unavailable, "the broker does not speak TLS as it should: is KAFKA_TLS right for this port?")
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		why = fault.New(fault.Unavailable, "the certificate of the broker is not to be trusted: see KAFKA_CA_FILE, and the names in KAFKA_BROKERS")
	}
	return nil, why.Because(err)
}

// login returns the mechanism, or nil without one. Validate has checked it.
func (s Security) login() sasl.Mechanism {
	if s.Mechanism == "" {
		return nil
	}
	m, _ := mechanisms[s.Mechanism](s.User, s.Password)
	return m
}

// refused says which setting to change when a broker refuses a login.
func refused(err error) error {
	switch {
	case errors.Is(err, kafka.SASLAuthenticationFailed):
		return fault.New(fault.Unavailable, "the broker refuses KAFKA_USERNAME or KAFKA_PASSWORD").Because(err)
	case errors.Is(err, kafka.UnsupportedSASLMechanism):
		return fault.New(fault.Unavailable, "the broker does not know the login of KAFKA_SASL_MECHANISM").Because(err)
	}
	return err
}
