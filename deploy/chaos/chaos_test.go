package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/deploy/stack"
	"github.com/battery-passport/suite/document-service/documentd"
	"github.com/battery-passport/suite/notification-service/notificationd"
	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// TestMain says where the workspace is: a suite in this process changes the
// working directory.
func TestMain(m *testing.M) {
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

// TestKilledSuiteIsClean kills the suite twice, and hurts it otherwise twice.
func TestKilledSuiteIsClean(t *testing.T) {
	t.Parallel() // with those on a suite in this process
	var out strings.Builder
	cfg, err := configOf([]string{"-seed", "3", "-duration", "2s", "-pace", "500ms", "-workers", "1"})
	if err != nil {
		t.Fatal(err)
	}
	v, err := run(t.Context(), cfg, io.MultiWriter(&out, t.Output()))
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Violations) > 0 || v.Counts.Passports == 0 || v.Counts.Files == 0 {
		t.Errorf("verdict %+v", v)
	}
	for _, want := range []string{"seed 3", "suite: killed 2,", "kill suite for", "verdict        clean"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, &out)
		}
	}
}

// inProcess is a suite in this process. There may be one at a time.
type inProcess struct {
	*stack.Stack
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
	of := config{Target: noTarget, Seed: 5, Cycles: 1, Workers: 1, Duration: 3 * time.Second, Pause: 30 * time.Millisecond, Settle: 4 * time.Second}
	if err := boot.Load(&of.Environment); err != nil {
		t.Fatal(err)
	}
	e := &of.Environment
	e.AuthURL, e.PassportURL, e.DocumentURL, e.NotificationURL = s.AuthURL, s.PassportURL, s.DocumentURL, s.NotificationURL
	e.Brokers, e.S3Endpoint, e.S3KeyID, e.S3Secret, e.Files = s.Brokers, s.S3, stack.S3KeyID, stack.S3Secret, s.Files
	return &inProcess{s, of, db.Dir, broker}
}

// TestOnSuites runs those one after the other that need a suite in this process.
func TestOnSuites(t *testing.T) {
	t.Parallel()
	t.Run("a broker that forgets", brokerForgets)
	t.Run("a broker that repeats", brokerRepeats)
	t.Run("a broker that swaps", brokerSwaps)
	t.Run("what is there is damaged", damaged)
}

// has tells whether there is a violation of a kind that says something.
func (v verdict) has(kind, subject, words string) bool {
	for _, one := range v.Violations {
		if one.Kind == kind && strings.Contains(one.Subject, subject) && strings.Contains(one.Text, words) {
			return true
		}
	}
	return false
}
