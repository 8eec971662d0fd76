package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
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

// TestMain names the workspace, because a suite in this process changes the
// working directory, and runs back ends.
func TestMain(m *testing.M) {
	if name := os.Getenv(backendVariable); name != "" { // a test started this program as a back end
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		err := runBackend(ctx, name)
		stop()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	work, err := filepath.Abs("../../go.work")
	if err == nil {
		err = os.Setenv("GOWORK", work)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestProcessesAreClean after faults of services, back ends and connections.
func TestProcessesAreClean(t *testing.T) {
	t.Parallel() // with those on a suite in this process
	var out strings.Builder
	cfg, err := parseConfig([]string{"-seed", "4", "-duration", "8s"})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Environment.MongoURI, cfg.Environment.Brokers, cfg.Environment.S3Endpoint = "", nil, "" // needs nothing but Go
	v, err := run(t.Context(), cfg, io.MultiWriter(&out, t.Output()))
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Violations) > 0 || v.Counts["passports"] == 0 || v.Counts["text files"] == 0 || v.Counts["operations judged"] == 0 {
		t.Errorf("verdict %+v", v)
	}
	for _, want := range []string{"seed 4", "kill ", "connection to ", "faults ", "verdict: clean"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output does not contain %q:\n%s", want, &out)
		}
	}
}

// inProcess is a suite in this process. There may be one at a time.
type inProcess struct {
	place
	cfg    config
	dir    string
	broker *kfake.Cluster
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
			t.Errorf("suite: %v", err)
		}
	})
	of := config{Seed: 5, Teams: 1, Duration: 3 * time.Second, Pause: 30 * time.Millisecond, Settle: 4 * time.Second}
	at := place{
		Auth: s.AuthURL, Passport: s.PassportURL, Document: s.DocumentURL, Notification: s.NotificationURL,
		AdminEmail: "admin@people.example", AdminPassword: password, Brokers: s.Brokers, Files: s.NotificationDir,
		S3: storage{Endpoint: s.S3, Bucket: cfg.Document.S3.Bucket, Region: cfg.Document.S3.Region, KeyID: stack.S3KeyID, Secret: stack.S3Secret},
	}
	return &inProcess{at, of, db.Dir, broker}
}

// TestOnSuites runs those one after the other that need a suite in this process.
func TestOnSuites(t *testing.T) {
	t.Parallel()
	t.Run("a broker that forgets", brokerForgets)
	t.Run("a broker that repeats", brokerRepeats)
	t.Run("a broker that swaps", brokerSwaps)
	t.Run("what is there is damaged", damaged)
}

// has reports whether an invariant is violated with a subject and words.
func (v verdict) has(invariant, subject, words string) bool {
	for _, one := range v.Violations {
		if one.Invariant == invariant && strings.Contains(one.Subject, subject) && strings.Contains(one.Text, words) {
			return true
		}
	}
	return false
}
