package kafka_test

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/tlstest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// mechanisms maps the values of KAFKA_SASL_MECHANISM to the names in the protocol.
var mechanisms = map[string]string{"plain": "PLAIN", "scram-sha-256": "SCRAM-SHA-256", "scram-sha-512": "SCRAM-SHA-512"}

const user, password = "suite", "an owl, 3 keys & a lamp"

// secureBroker starts a broker that requires TLS and a login.
func secureBroker(t *testing.T, authority *tlstest.Authority, mechanism string, opts ...kfake.Opt) kafka.Config {
	t.Helper()
	_, cfg := startBroker(t, append(opts, kfake.TLS(authority.ServerConfig(t)), kfake.EnableSASL(), kfake.Superuser(mechanisms[mechanism], user, password))...)
	cfg.Partitions = 1
	cfg.Security = kafka.Security{TLS: true, CAFile: authority.File, Mechanism: mechanism, User: user, Password: password}
	return cfg
}

// roundTrip publishes an event and consumes it in two groups.
func roundTrip(t *testing.T, cfg kafka.Config) {
	t.Helper()
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	topic := newTopic()
	p := publisher(t, cfg, topic)
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got recorder
	consume(t, cfg, topic, got.handle)
	want := envelope(topic, "0193-p", 7)
	publish(t, p, want)
	if all := got.waitFor(t, 1); all[0].ID != want.ID {
		t.Errorf("handled %+v, want %s", all, want.ID)
	}
	if all := readEvents(t, cfg, 1, topic); all[0].ID != want.ID {
		t.Errorf("read %+v, want %s", all, want.ID)
	}
	if err := p.Ping(t.Context()); err != nil {
		t.Errorf("Ping = %v", err)
	}
}

func TestEventsOverTLSWithLogin(t *testing.T) {
	authority := tlstest.NewAuthority(t)
	for mechanism := range mechanisms {
		t.Run(mechanism, func(t *testing.T) { roundTrip(t, secureBroker(t, authority, mechanism)) })
	}
	t.Run("TLS without login", func(t *testing.T) {
		_, cfg := startBroker(t, kfake.TLS(authority.ServerConfig(t)))
		cfg.Security = kafka.Security{TLS: true, CAFile: authority.File}
		cfg.Partitions = 1
		roundTrip(t, cfg)
	})
	t.Run("client certificate", func(t *testing.T) {
		server := authority.ServerConfig(t)
		server.ClientAuth, server.ClientCAs = tls.RequireAndVerifyClientCert, authority.CertPool()
		_, cfg := startBroker(t, kfake.TLS(server))
		cfg.Security = kafka.Security{TLS: true, CAFile: authority.File}
		wantPingError(t, cfg, "KAFKA_CERT_FILE")
		cfg.CertFile, cfg.KeyFile = authority.ClientCertificate(t)
		cfg.Partitions = 1
		roundTrip(t, cfg)
	})
	t.Run("login without TLS", func(t *testing.T) { // allowed on the same machine
		_, cfg := startBroker(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", user, password))
		cfg.Security = kafka.Security{Mechanism: "plain", User: user, Password: password}
		cfg.Partitions = 1
		roundTrip(t, cfg)
	})
}

// wantPingError checks that Ping fails with an error that contains the words but not the
// password.
func wantPingError(t *testing.T, cfg kafka.Config, words ...string) {
	t.Helper()
	c := kafka.NewConsumer(cfg, "group", []string{"topic"}, nil, slog.New(slog.DiscardHandler))
	for name, ping := range map[string]func(context.Context) error{"Publisher": publisher(t, cfg, "topic").Ping, "Consumer": c.Ping} {
		err := ping(t.Context())
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Kind != fault.Unavailable {
			t.Errorf("%s.Ping = %v, want %s", name, err, fault.Unavailable)
			continue
		}
		for _, word := range words {
			if !strings.Contains(f.Message, word) {
				t.Errorf("%s.Ping = %q, want it to contain %s", name, f.Message, word)
			}
		}
		if strings.Contains(err.Error(), password) {
			t.Errorf("%s.Ping = %v, which contains the password", name, err)
		}
	}
}

func TestConnectionErrorsNameTheSetting(t *testing.T) {
	authority, other := tlstest.NewAuthority(t), tlstest.NewAuthority(t)
	for name, test := range map[string]struct {
		change func(*kafka.Config)
		words  string
	}{
		"wrong password":    {func(c *kafka.Config) { c.Password = "a guess" }, "KAFKA_PASSWORD"},
		"wrong user":        {func(c *kafka.Config) { c.User = "a guess" }, "KAFKA_USERNAME"},
		"other mechanism":   {func(c *kafka.Config) { c.Mechanism = "scram-sha-256" }, "KAFKA_"},
		"no login":          {func(c *kafka.Config) { c.Mechanism = "" }, "KAFKA_SASL_MECHANISM"},
		"unknown authority": {func(c *kafka.Config) { c.CAFile = other.File }, "KAFKA_CA_FILE"},
		"other name": {func(c *kafka.Config) {
			c.Brokers = []string{strings.Replace(c.Brokers[0], "127.0.0.1", "localhost", 1)}
		}, "KAFKA_BROKERS"},
		"missing file":     {func(c *kafka.Config) { c.CAFile = "gone.pem" }, "KAFKA_CA_FILE"},
		"plaintext to TLS": {func(c *kafka.Config) { c.TLS = false }, "KAFKA_TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := secureBroker(t, authority, "scram-sha-512")
			test.change(&cfg)
			wantPingError(t, cfg, test.words)
		})
	}
	// Apache Kafka responds with an error code where kfake closes the connection.
	for code, word := range map[*kerr.Error]string{kerr.SaslAuthenticationFailed: "KAFKA_PASSWORD", kerr.UnsupportedSaslMechanism: "KAFKA_SASL_MECHANISM"} {
		t.Run(code.Message, func(t *testing.T) {
			cluster, cfg := startBroker(t, kfake.TLS(authority.ServerConfig(t)), kfake.EnableSASL())
			cfg.Security = kafka.Security{TLS: true, CAFile: authority.File, Mechanism: "scram-sha-256", User: "admin", Password: password}
			cluster.ControlKey(int16(kmsg.SASLAuthenticate), func(r kmsg.Request) (kmsg.Response, error, bool) {
				cluster.KeepControl()
				res := r.ResponseKind().(*kmsg.SASLAuthenticateResponse)
				res.ErrorCode = code.Code
				return res, nil, true
			})
			wantPingError(t, cfg, word)
		})
	}
	t.Run("TLS to plaintext", func(t *testing.T) {
		_, cfg := startBroker(t)
		cfg.Security = kafka.Security{TLS: true, CAFile: authority.File}
		wantPingError(t, cfg, "KAFKA_TLS")
	})
}

// At first the CA file is wrong, then the password is.
func TestClientsRecoverFromWrongCredentials(t *testing.T) {
	authority, other := tlstest.NewAuthority(t), tlstest.NewAuthority(t)
	file := filepath.Join(t.TempDir(), "ca.pem")
	writeCA := func(from string) {
		pem, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(file, pem, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	writeCA(other.File)
	cfg, port := unusedAddress(t)
	cfg.Security = kafka.Security{TLS: true, CAFile: file, Mechanism: "scram-sha-256", User: user, Password: password}
	options := []kfake.Opt{kfake.Ports(port), kfake.TLS(authority.ServerConfig(t)), kfake.EnableSASL()}
	cluster, _ := startBroker(t, append(options, kfake.Superuser("SCRAM-SHA-256", user, "another password"))...)

	topic := newTopic()
	p := publisher(t, cfg, topic)
	var got recorder
	consume(t, cfg, topic, got.handle)
	if err := p.Publish(t.Context(), envelope(topic, "key", 1)); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Publish to an untrusted broker = %v, want unavailable", err)
	}
	writeCA(authority.File)
	waittest.Success(t, "the new CA file", func() error {
		if err := p.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "KAFKA_PASSWORD") {
			return errors.Join(errors.New("want an error about KAFKA_PASSWORD"), err)
		}
		return nil
	})
	cluster.Close()
	_, _ = startBroker(t, append(options, kfake.Superuser("SCRAM-SHA-256", user, password))...)
	publish(t, p, envelope(topic, "key", 1))
	got.waitFor(t, 1)
}

func TestSecurityIsValidated(t *testing.T) {
	const remote = "kafka.example:9093"
	authority := tlstest.NewAuthority(t)
	cert, key := authority.ClientCertificate(t)
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		broker string
		s      kafka.Security
		wrong  []string
	}{
		"nothing set":                {remote, kafka.Security{}, nil},
		"all set":                    {remote, kafka.Security{TLS: true, CAFile: authority.File, CertFile: cert, KeyFile: key, Mechanism: "plain", User: "u", Password: "p"}, nil},
		"SCRAM without TLS":          {remote, kafka.Security{Mechanism: "scram-sha-512", User: "u", Password: "p"}, nil},
		"plain without TLS":          {remote, kafka.Security{Mechanism: "plain", User: "u", Password: "p"}, []string{"KAFKA_SASL_MECHANISM"}},
		"plain to loopback":          {"[::1]:9092", kafka.Security{Mechanism: "plain", User: "u", Password: "p"}, nil},
		"plain to localhost":         {"localhost:9092", kafka.Security{Mechanism: "plain", User: "u", Password: "p"}, nil},
		"user without password":      {remote, kafka.Security{Mechanism: "scram-sha-256", User: "u"}, []string{"KAFKA_USERNAME"}},
		"password without mechanism": {remote, kafka.Security{User: "u", Password: "p"}, []string{"KAFKA_USERNAME"}},
		"mechanism without user":     {remote, kafka.Security{Mechanism: "scram-sha-256"}, []string{"KAFKA_USERNAME"}},
		"invalid SCRAM user":         {remote, kafka.Security{Mechanism: "scram-sha-256", User: "a\x00b", Password: "p"}, []string{"KAFKA_USERNAME"}},
		"certificate without key":    {remote, kafka.Security{TLS: true, CertFile: cert}, []string{"KAFKA_CERT_FILE"}},
		"authority without TLS":      {remote, kafka.Security{CAFile: authority.File}, []string{"KAFKA_TLS"}},
		"authority in an empty file": {remote, kafka.Security{TLS: true, CAFile: empty}, []string{"KAFKA_CA_FILE"}},
		"all errors at once": {remote, kafka.Security{CAFile: "gone", KeyFile: "gone", Mechanism: "gssapi"},
			[]string{"KAFKA_CA_FILE", "KAFKA_CERT_FILE", "KAFKA_TLS", "KAFKA_SASL_MECHANISM", "KAFKA_USERNAME"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := kafka.Config{Brokers: []string{test.broker}, Partitions: 1, Security: test.s}.Validate()
			var got []string
			if err != nil {
				for line := range strings.Lines(err.Error()) {
					variable, _, _ := strings.Cut(strings.TrimSpace(line), ":")
					got = append(got, variable)
				}
			}
			if strings.Join(got, " ") != strings.Join(test.wrong, " ") {
				t.Errorf("errors for %v, want %v:\n%v", got, test.wrong, err)
			}
		})
	}
}
