package notificationd_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/battery-passport/suite/notification-service/notificationd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/mail/mailsink"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/waittest"
)

// TestMain fails if a stopped service leaves goroutines. In a child process of the crash test,
// it runs the service.
func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		boot.Main(notificationd.Name, notificationd.Run)
	}
	goleak.VerifyTestMain(m)
}

// service is a running notification-service with its dependencies.
type service struct {
	resttest.Client
	stop   func()
	issuer *authtest.Issuer
	cfg    notificationd.Config
	sink   *mailsink.Server
	events *kgo.Client
}

// settings returns the configuration of a service with a database, text files, a mail server
// and a broker.
func settings(t *testing.T, db connect.Config, sink *mailsink.Server) notificationd.Config {
	t.Helper()
	addrs, group := brokers(t)
	cfg := notificationd.Config{Store: db, Kafka: kafka.Config{Brokers: addrs}, Group: group, Files: filepath.Join(t.TempDir(), "files")}
	cfg.Mail.Server.TLS, cfg.Mail.Server.FromEmail, cfg.Mail.Server.FromName, cfg.Mail.PerHour = "none", "suite@nlb.example", "Battery Passport System", 1000
	cfg.Mail.Workers = 8
	if sink != nil {
		cfg.Mail.Enabled = true
		cfg.Mail.Server.Host, cfg.Mail.Server.Port = split(t, sink.Addr)
	}
	return cfg
}

func split(t *testing.T, addr string) (string, int) {
	t.Helper()
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}

func mailServer(t *testing.T, o mailsink.Options) *mailsink.Server {
	t.Helper()
	sink, err := mailsink.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sink.Close() })
	return sink
}

// start runs a service with mail and files.
func start(t *testing.T, db connect.Config) *service {
	t.Helper()
	sink := mailServer(t, mailsink.Options{})
	s := startWith(t, settings(t, db, sink), authtest.New(t))
	s.sink = sink
	return s
}

func startWith(t *testing.T, cfg notificationd.Config, issuer *authtest.Issuer) *service {
	t.Helper()
	s := &service{issuer: issuer, cfg: cfg}
	s.Client, s.stop = resttest.Start(t, func(ctx context.Context, http rest.Config) error {
		cfg.HTTP, cfg.Auth = http, token.Config{URL: issuer.URL}
		return notificationd.Run(ctx, cfg, slog.New(slog.NewTextHandler(t.Output(), nil)))
	})
	s.events = writer(t, cfg.Kafka.Brokers)
	return s
}

// writer returns a Kafka client. It is franz-go, so that the service is tested against another
// implementation.
func writer(t *testing.T, brokers []string) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.UnknownTopicRetries(-1), kgo.MaxBufferedBytes(8<<20), kgo.ProducerBatchMaxBytes(1_000_000))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// send writes a message to a topic. The headers alternate names and values.
func (s *service) send(topic, key, payload string, headers ...string) {
	s.T.Helper()
	r := &kgo.Record{Topic: topic, Key: []byte(key), Value: []byte(payload), Headers: kafkaHeaders(headers...)}
	ctx, cancel := context.WithTimeout(s.T.Context(), waittest.Limit)
	defer cancel()
	if err := s.events.ProduceSync(ctx, r).FirstErr(); err != nil {
		s.T.Fatalf("send to %s: %v", topic, err)
	}
}

func kafkaHeaders(headers ...string) (all []kgo.RecordHeader) {
	for i := 0; i+1 < len(headers); i += 2 {
		all = append(all, kgo.RecordHeader{Key: headers[i], Value: []byte(headers[i+1])})
	}
	return all
}

// person is a user with an access token.
type person struct{ id, email, token string }

// person registers a user with a role by an event. The id is unique.
func (s *service) person(role auth.Role) person {
	s.T.Helper()
	id := uuid.NewString()
	p := person{id: id, email: id + "@nlb.example"}
	p.token = s.issuer.Token(s.T, auth.Principal{UserID: id, Email: p.email, Role: role})
	s.account("user.registered", p, 1, "role", string(role))
	s.await(p, "eventType=user.registered", func(rows []row) bool {
		for _, r := range rows {
			if r.about("userId") == id {
				return true
			}
		}
		return false
	})
	return p
}

// account sends an event about an account, as the auth-service does. The members alternate
// names and values.
func (s *service) account(topic string, p person, version int, members ...string) {
	s.T.Helper()
	members = append([]string{"userId", p.id, "email", p.email}, members...)
	s.send(topic, p.id, object(members...), accountHeader(uuid.NewString(), version)...)
}

// accountHeader returns the headers of an event about an account.
func accountHeader(id string, version int) []string {
	return []string{"ce_id", id, "ce_source", "/auth-service", "ce_time", time.Now().UTC().Format(time.RFC3339Nano), "ce_sequence", strconv.Itoa(version)}
}

// mails returns the mails to an address.
func (s *service) mails(address string) []mailsink.Mail {
	var got []mailsink.Mail
	for _, m := range s.sink.Mails() {
		if m.To[0] == address {
			got = append(got, m)
		}
	}
	return got
}

// decoded returns the subject of a mail and all of its text.
func decoded(t *testing.T, m mailsink.Mail) string {
	t.Helper()
	message, err := mail.ReadMessage(strings.NewReader(m.Content))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	text := "Subject: " + subject
	for parts := multipart.NewReader(message.Body, params["boundary"]); ; {
		part, err := parts.NextPart() // it decodes quoted-printable
		if err != nil {
			return text
		}
		content, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		text += "\n\n" + string(content)
	}
}

// files returns the contents of the text files that contain a text.
func (s *service) files(text string) []string {
	s.T.Helper()
	var found []string
	for _, name := range names(s.T, s.cfg.Files) { // without temporary files
		content, err := os.ReadFile(name)
		if err != nil {
			s.T.Fatal(err)
		}
		if strings.Contains(string(content), text) {
			found = append(found, string(content))
		}
	}
	return found
}

// object returns a JSON object. The arguments alternate names and values; a value that is not
// JSON is encoded as a string.
func object(members ...string) string {
	var parts []string
	for i := 0; i+1 < len(members); i += 2 {
		value := members[i+1]
		if !json.Valid([]byte(value)) {
			value = strconv.Quote(value)
		}
		parts = append(parts, fmt.Sprintf("%q:%s", members[i], value))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func header(id string, at ...string) []string {
	return []string{"ce_id", id, "ce_source", "/test", "ce_time", cmp.Or(strings.Join(at, ""), "2026-11-22T10:30:00.120Z")}
}

func jsonText(text string) string {
	data, err := json.Marshal(text)
	if err != nil {
		panic(err) // strings always marshal
	}
	return string(data)
}
