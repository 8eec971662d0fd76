// Package e2e tests the whole suite over HTTP and Kafka.
package e2e

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/deploy/events/tail"
	"github.com/battery-passport/suite/deploy/stack"
	"github.com/battery-passport/suite/document-service/documentd"
	"github.com/battery-passport/suite/notification-service/notificationd"
	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/passport-service/samples"
	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// suite is a running suite with a client for each service.
type suite struct {
	t       *testing.T
	brokers kafka.Config
	cfg     stack.Config
	stack   *stack.Stack

	auth, passport, document, notification resttest.Client
}

// backEnds configure suites: on MongoDB and Kafka if MONGODB_URI and KAFKA_BROKERS are set, and
// otherwise embedded.
var backEnds = map[string]func(testing.TB) stack.Config{"embedded": embeddedConfig, "MongoDB and Kafka": externalConfig}

func embeddedConfig(t testing.TB) stack.Config {
	t.Helper()
	if os.Getenv("MONGODB_URI") != "" && os.Getenv("KAFKA_BROKERS") != "" {
		t.Skip("MONGODB_URI and KAFKA_BROKERS are set: the test runs on them")
	}
	return config(t)
}

// onSuites runs a test on a suite of its own.
func onSuites(t *testing.T, test func(*suite)) {
	for name, configure := range backEnds {
		t.Run(name, func(t *testing.T) { test(start(t, configure(t))) })
	}
}

func externalConfig(t testing.TB) stack.Config {
	t.Helper()
	brokers := os.Getenv("KAFKA_BROKERS")
	if brokers == "" {
		t.Skip("KAFKA_BROKERS is not set")
	}
	cfg := config(t)
	cfg.Auth.Store.URI, cfg.Passport.Store.URI = storetest.MongoURI(t), storetest.MongoURI(t)
	cfg.Document.Store.URI, cfg.Notification.Store.URI = storetest.MongoURI(t), storetest.MongoURI(t)
	cfg.Passport.Kafka.Brokers = strings.Split(brokers, ",")
	skipEvents(t, cfg, cfg.Passport.Kafka, cfg.Passport.Kafka)
	if os.Getenv("S3_ENDPOINT") != "" {
		bucket := cfg.Document.S3.Bucket
		if err := boot.Load(&cfg.Document.S3); err != nil {
			t.Fatal(err)
		}
		cfg.Document.S3.Bucket, cfg.Document.S3.PathStyle = bucket, true
	}
	return cfg
}

// skipEvents makes the consumer groups of a new suite begin at the end of their topics, so that
// they do not read the events of all earlier tests.
func skipEvents(t testing.TB, cfg stack.Config, document, notification kafka.Config) {
	t.Helper()
	skip := func(user kafka.Config, group string, topics []string) error {
		client, err := tail.NewClient(user)
		if err != nil {
			return err
		}
		defer client.Close()
		existing, err := tail.Existing(t.Context(), user, topics)
		if err != nil || len(existing) == 0 { // the first test creates them
			return err
		}
		admin := kadm.NewClient(client)
		ends, err := admin.ListEndOffsets(t.Context(), existing...)
		if err != nil {
			return err
		}
		return admin.CommitAllOffsets(t.Context(), group, ends.Offsets())
	}
	if err := errors.Join(
		skip(document, cfg.Document.Group, slices.Concat(event.AllPassportTopics(), event.OrganisationTopics())),
		skip(notification, cfg.Notification.Group, notificationd.Topics()),
	); err != nil {
		t.Fatal(err)
	}
}

// sampleClock returns a clock that is valid for the samples: the Regulation requires more
// attributes from 18 February 2027 on. Until then it is the clock of the other services,
// because members of an organisation get the notifications of events after they joined.
func sampleClock() func() time.Time {
	begin := time.Now()
	last := time.Date(2027, 2, 1, 12, 0, 0, 0, time.UTC)
	return func() time.Time {
		if begin.Before(last) {
			return time.Now()
		}
		return last.Add(time.Since(begin))
	}
}

// config returns the configuration of an embedded suite.
func config(t testing.TB) stack.Config {
	t.Helper()
	if os.Getenv("AUTH_URL") != "" {
		t.Skip("AUTH_URL names the suite to test")
	}
	s3, err := s3Address()
	if err != nil {
		t.Fatal(err)
	}
	db := connect.Config{Dir: t.TempDir()}
	http := rest.Config{Drain: 10 * time.Second}
	cfg := stack.Config{
		Auth:     authd.Config{HTTP: http, Store: db, TokenLifetime: authd.Lifetime(15 * time.Minute), RefreshLifetime: authd.Lifetime(24 * time.Hour), PasswordCost: 4},
		Passport: passportd.Config{HTTP: http, Store: db, Now: sampleClock(), Direct: true},
		// Suites on the same broker need separate consumer groups. MaxUploads is high enough for the
		// accounts without an organisation of a test, which share an eighth.
		Document:     documentd.Config{HTTP: http, MaxBytes: 10 << 20, MaxUploads: 64, SweepAfter: 24 * time.Hour, Group: "e2e-" + uuid.NewString()},
		Notification: notificationd.Config{HTTP: http, Group: "e2e-" + uuid.NewString()},
		Log: func(service string) *slog.Logger {
			return slog.New(slog.NewTextHandler(t.Output(), nil)).With("service", service)
		},
	}
	cfg.Notification.Mail.Workers = 8
	storage := &cfg.Document.S3
	storage.Endpoint, storage.Region, storage.Bucket, storage.PathStyle = "http://"+s3, "us-east-1", "e2e-"+uuid.NewString(), true
	storage.KeyID, storage.Secret = stack.S3KeyID, stack.S3Secret
	return cfg
}

func start(t *testing.T, cfg stack.Config) *suite {
	t.Helper()
	s := &suite{t: t, cfg: cfg}
	s.start()
	t.Cleanup(s.stop)
	return s
}

func (s *suite) start() {
	s.t.Helper()
	var err error
	if s.stack, err = stack.Start(context.Background(), s.cfg); err != nil {
		s.t.Fatal(err)
	}
	s.brokers = kafka.Config{Brokers: s.stack.Brokers}
	*s = *s.of(s.t)
}

// of returns the running suite for another test.
func (s *suite) of(t *testing.T) *suite {
	other := *s
	client := func(url string) resttest.Client { return resttest.Client{T: t, URL: url} }
	other.t, other.auth, other.passport = t, client(s.stack.AuthURL), client(s.stack.PassportURL)
	other.document, other.notification = client(s.stack.DocumentURL), client(s.stack.NotificationURL)
	return &other
}

func (s *suite) stop() {
	resttest.CloseIdle()
	if err := s.stack.Stop(); err != nil {
		s.t.Errorf("suite: %v", err)
	}
}

type session struct {
	Token        string
	RefreshToken string
	User         struct{ ID, Email, Role, Organisation string }
}

const password = "correct horse battery"

func (s *suite) register(email, role string) session {
	s.t.Helper()
	body := map[string]string{"email": email, "password": password}
	if role != "" {
		body["role"] = role
	}
	var out session
	s.auth.Call("POST /api/auth/register", "", body).Want(201, &out)
	return out
}

func (s *suite) login(email string) session {
	s.t.Helper()
	var out session
	s.auth.Call("POST /api/auth/login", "", map[string]string{"email": email, "password": password}).Want(200, &out)
	return out
}

type passport struct {
	ID, State, BatteryIdentifier string
	Version                      int64
}

func sample(t *testing.T, name string) string {
	t.Helper()
	data, err := samples.FS.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// events waits for n events of the keys and returns each as type, key and sequence,
// ordered by sequence. It fails the test if the events of a key are out of order within a
// topic; repeated events are ignored.
func (s *suite) events(n int, keys ...string) []string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), waittest.Limit)
	defer cancel()
	topics := slices.Concat(event.UserTopics(), event.OrganisationTopics(), event.PassportTopics(), event.ImportTopics())
	seen, errFound := map[string]bool{}, errors.New("all events found")
	err := tail.Follow(ctx, s.brokers, topics, func(e tail.Message) error {
		if slices.Contains(keys, e.Key) {
			seen[e.ID] = true
		}
		if len(seen) == n {
			return errFound
		}
		return nil
	})
	if !errors.Is(err, errFound) {
		s.t.Fatalf("got %d of %d events: %v", len(seen), n, err)
	}
	return s.readEvents(ctx, topics, keys)
}

// readEvents returns the existing events like events, and checks their order.
func (s *suite) readEvents(ctx context.Context, topics, keys []string) []string {
	s.t.Helper()
	var got []event.Envelope
	seen, newest := map[string]bool{}, map[[2]string]int64{} // by id; by topic and key
	err := tail.Read(ctx, s.brokers, topics, func(m tail.Message) error {
		if !slices.Contains(keys, m.Key) || seen[m.ID] {
			return nil
		}
		topicKey := [2]string{m.Type, m.Key}
		if m.Sequence <= newest[topicKey] {
			s.t.Errorf("%s %s: sequence %d follows %d", m.Type, m.Key, m.Sequence, newest[topicKey])
		}
		seen[m.ID], newest[topicKey] = true, m.Sequence
		got = append(got, m.Envelope)
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	slices.SortStableFunc(got, func(a, b event.Envelope) int { return cmp.Compare(a.Sequence, b.Sequence) })
	texts := make([]string, len(got))
	for i, e := range got {
		texts[i] = fmt.Sprint(e.Type, " ", e.Key, " ", e.Sequence)
	}
	return texts
}
