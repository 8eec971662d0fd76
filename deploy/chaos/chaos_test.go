package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/deploy/stack"
	"github.com/battery-passport/suite/document-service/documentd"
	"github.com/battery-passport/suite/notification-service/notificationd"
	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// TestMain runs a service or back end if a test has started this program as one.
func TestMain(m *testing.M) {
	if name := os.Getenv(programVariable); name != "" {
		ctx, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		os.Exit(runProgram(ctx, name))
	}
	dir, err := os.MkdirTemp("", "chaos-test-") // for the pages about reads
	if err != nil {
		panic(err)
	}
	os.Setenv("TMPDIR", dir)
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// TestProcessesHaveNoViolations after faults of services, back ends and connections.
func TestProcessesHaveNoViolations(t *testing.T) {
	t.Parallel() // with the tests on a suite in this process
	var out strings.Builder
	cfg, err := parseConfig([]string{"-seed", "4", "-duration", "8s"})
	if err != nil {
		t.Fatal(err)
	}
	cfg.MongoURI, cfg.Broker, cfg.S3Endpoint = "", "", "" // needs only Go
	v, err := run(t.Context(), cfg, io.MultiWriter(&out, t.Output()))
	if err != nil {
		t.Fatal(err)
	}
	if len(v.violations) > 0 || v.counts[passports] == 0 || v.counts[textFiles] == 0 || v.counts["operations judged"] == 0 {
		t.Errorf("got verdict %+v, want counts and no violation", v)
	}
	for _, want := range []string{"seed 4", "kill ", "connection to ", "compared: ", "verdict: 0 violations"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("output does not contain %q:\n%s", want, &out)
		}
	}
}

// inProcess is a suite in this process. There may be one at a time.
type inProcess struct {
	place
	cfg   config
	dir   string
	kafka *kfake.Cluster
}

// startSuite starts a suite on a broker that the test controls.
func startSuite(t *testing.T) *inProcess {
	t.Helper()
	broker, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	db, http := connect.Config{Dir: t.TempDir()}, rest.Config{Drain: 10 * time.Second}
	cfg := stack.Config{
		Auth:         authd.Config{HTTP: http, Store: db, TokenLifetime: authd.Lifetime(15 * time.Minute), RefreshLifetime: authd.Lifetime(24 * time.Hour), PasswordCost: 4},
		Passport:     passportd.Config{HTTP: http, Store: db, Now: time.Now},
		Document:     documentd.Config{HTTP: http, MaxBytes: 10 << 20, SweepAfter: 24 * time.Hour},
		Notification: notificationd.Config{HTTP: http, Group: "chaos-" + uuid.NewString()},
		Log:          func(string) *slog.Logger { return slog.New(slog.DiscardHandler) },
	}
	cfg.Passport.Kafka.Brokers = broker.ListenAddrs()
	cfg.Document.S3.Region, cfg.Document.S3.Bucket = "us-east-1", "battery-passport-documents"
	s, err := stack.Start(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Errorf("stop the suite: %v", err)
		}
	})
	at := place{
		auth: s.AuthURL, passport: s.PassportURL, document: s.DocumentURL, notification: s.NotificationURL,
		adminEmail: "admin@people.example", adminPassword: password, broker: s.Brokers[0], files: s.NotificationDir,
		s3: storage{s.S3, cfg.Document.S3.Bucket, cfg.Document.S3.Region, stack.S3KeyID, stack.S3Secret},
	}
	return &inProcess{at, config{seed: 5, teams: 1, duration: 3 * time.Second, pause: 30 * time.Millisecond, settle: 20 * time.Second}, db.Dir, broker}
}

// TestDamageIsFound runs the tests that need a suite in this process, one after the
// other.
func TestDamageIsFound(t *testing.T) {
	t.Parallel()
	t.Run("lost event", testLostEvent)
	t.Run("repeated event", testRepeatedEvent)
	t.Run("swapped events", testSwappedEvents)
	t.Run("damaged data", testDamagedData)
}

// has reports whether an invariant is violated with a subject and words.
func (v verdict) has(invariant, subject, words string) bool {
	for _, one := range v.violations {
		if one.invariant == invariant && strings.Contains(one.subject, subject) && strings.Contains(one.text, words) {
			return true
		}
	}
	return false
}

// TestBadConfiguration names everything that is wrong at once.
func TestBadConfiguration(t *testing.T) {
	t.Setenv("KAFKA_BROKERS", "a:1,b:1")
	_, err := parseConfig([]string{"-target", "moon", "-duration", "-1s"})
	for _, want := range []string{"-target must be processes or compose", "-duration must be greater than 0", "must name one broker"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %q", err, want)
		}
	}
}
