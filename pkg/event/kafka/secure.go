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

// Security configures TLS and the login to the cluster.
type Security struct {
	TLS       bool   `envconfig:"KAFKA_TLS" default:"false" desc:"Whether to connect to the brokers with TLS."`
	CAFile    string `envconfig:"KAFKA_CA_FILE" desc:"PEM file of the certificate authorities of the brokers. Empty: those of the system."`
	CertFile  string `envconfig:"KAFKA_CERT_FILE" desc:"PEM file of the client certificate, for brokers that require one. Empty: no client certificate."`
	KeyFile   string `envconfig:"KAFKA_KEY_FILE" desc:"PEM file of the private key of KAFKA_CERT_FILE."`
	Mechanism string `envconfig:"KAFKA_SASL_MECHANISM" desc:"SASL mechanism of the login to the brokers: plain, scram-sha-256 or scram-sha-512. Empty: no login."`
	User      string `envconfig:"KAFKA_USERNAME" desc:"User name of the SASL login."`
	Password  string `envconfig:"KAFKA_PASSWORD" secret:"true" desc:"Password of the SASL login. The mechanism plain requires TLS, except for brokers on the same machine."`
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

// errors returns one error for each invalid setting, given the brokers.
func (s Security) errors(brokers []string) []error {
	var errs []error
	if _, err := s.roots(); err != nil {
		errs = append(errs, fmt.Errorf("  KAFKA_CA_FILE: %w", err))
	}
	if _, err := s.certificates(); err != nil {
		errs = append(errs, fmt.Errorf("  KAFKA_CERT_FILE: cannot be loaded with KAFKA_KEY_FILE: %w", err))
	}
	if !s.TLS && cmp.Or(s.CAFile, s.CertFile, s.KeyFile) != "" {
		errs = append(errs, errors.New("  KAFKA_TLS: must be true if KAFKA_CA_FILE, KAFKA_CERT_FILE or KAFKA_KEY_FILE is set"))
	}
	if s.Mechanism != "" && mechanisms[s.Mechanism] == nil {
		errs = append(errs, fmt.Errorf("  KAFKA_SASL_MECHANISM: must be plain, scram-sha-256 or scram-sha-512, got %q", s.Mechanism))
	}
	if s.Mechanism == "plain" && !s.TLS && !allLocal(brokers) {
		errs = append(errs, errors.New("  KAFKA_SASL_MECHANISM: plain requires KAFKA_TLS, because it sends the password unencrypted"))
	}
	if set := s.Mechanism != ""; set != (s.User != "") || set != (s.Password != "") {
		errs = append(errs, errors.New("  KAFKA_USERNAME: must be set together with KAFKA_PASSWORD and KAFKA_SASL_MECHANISM, or not at all"))
	} else if login := mechanisms[s.Mechanism]; login != nil {
		if _, err := login(s.User, s.Password); err != nil {
			errs = append(errs, errors.New("  KAFKA_USERNAME: it or KAFKA_PASSWORD contains characters that SCRAM does not allow"))
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

// roots returns the trusted certificate authorities, or nil for those of the system.
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
		return nil, fmt.Errorf("%s contains no PEM certificate", s.CAFile)
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

// secure starts TLS on a connection. On failure it closes the connection. It reads the
// certificate files each time, so that renewed files are used without a restart.
func (s Security) secure(ctx context.Context, conn net.Conn, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	roots, rootsErr := s.roots()
	certificates, certErr := s.certificates()
	if err := errors.Join(err, rootsErr, certErr); err != nil {
		return nil, errors.Join(fault.New(fault.Unavailable, "KAFKA_CA_FILE, KAFKA_CERT_FILE or KAFKA_KEY_FILE cannot be loaded").Because(err), conn.Close())
	}
	secured := tls.Client(conn, &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host, RootCAs: roots, Certificates: certificates})
	err = secured.HandshakeContext(ctx)
	if err == nil {
		return secured, nil
	}
	conn.Close()
	cause := fault.New(fault.Unavailable, "the TLS handshake with the broker failed; check KAFKA_TLS and the port in KAFKA_BROKERS")
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		cause = fault.New(fault.Unavailable, "the certificate of the broker is not trusted; check KAFKA_CA_FILE and the host names in KAFKA_BROKERS")
	}
	return nil, cause.Because(err)
}

// login returns the SASL mechanism, or nil without a login. Validate has checked the
// settings.
func (s Security) login() sasl.Mechanism {
	if s.Mechanism == "" {
		return nil
	}
	m, _ := mechanisms[s.Mechanism](s.User, s.Password)
	return m
}

// explainLogin replaces the error of a refused login by one that names the settings to
// check.
func explainLogin(err error) error {
	switch {
	case errors.Is(err, kafka.SASLAuthenticationFailed):
		return fault.New(fault.Unavailable, "the broker refused the login; check KAFKA_USERNAME and KAFKA_PASSWORD").Because(err)
	case errors.Is(err, kafka.UnsupportedSASLMechanism):
		return fault.New(fault.Unavailable, "the broker does not support the mechanism in KAFKA_SASL_MECHANISM").Because(err)
	}
	return err
}
