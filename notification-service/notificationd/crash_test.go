package notificationd_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/battery-passport/suite/notification-service/notificationd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/mail/mailsink"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/waittest"
)

const (
	childEnv   = "NOTIFICATIOND_CHILD"
	kills      = 3
	eventCount = 250
	perKill    = 70 // events that are sent before each kill
)

// TestCrashesLoseAndDuplicateNothing kills the service at random moments while it consumes
// events. Each event results in one notification and one file.
func TestCrashesLoseAndDuplicateNothing(t *testing.T) {
	sink := mailServer(t, mailsink.Options{})
	cfg := settings(t, connect.Config{Dir: t.TempDir()}, sink)
	cfg.Kafka.Brokers = ownBroker(t)
	issuer := authtest.New(t)

	events := writer(t, cfg.Kafka.Brokers)
	owner := person{id: "owner", email: "owner@nlb.example", token: issuer.Token(t, auth.Principal{UserID: "owner", Role: auth.User})}
	killedOne, sent := make(chan struct{}), make(chan error, 1)
	go func() { // the first process creates the topics
		var errs []error
		for part := range slices.Chunk(manyEvents(owner), perKill) {
			errs = append(errs, events.ProduceSync(t.Context(), part...).FirstErr())
			<-killedOne
		}
		sent <- errors.Join(errs...)
	}()
	begun := time.Now()
	for range kills {
		killOnce(t, cfg)
		killedOne <- struct{}{}
	}
	close(killedOne)
	killed := time.Since(begun)
	if err := <-sent; err != nil {
		t.Fatal(err)
	}

	ageTemporaryFiles(t, cfg.Files)
	s := startWith(t, cfg, issuer)
	s.sink = sink
	waitForAll(t, "files and mails", func() int { return min(len(names(t, cfg.Files)), len(s.mails(owner.email))) })
	var rows []row
	waitForAll(t, "notifications", func() (n int) {
		rows = s.rows(owner, "")
		for _, r := range rows {
			if r.channels() == "list sent, mail sent, file sent" {
				n++
			}
		}
		return n
	})
	subjects := map[string]int{}
	for _, r := range rows {
		subjects[r.about("passportId")+r.about("userId")]++
	}
	if len(rows) != eventCount || len(subjects) != eventCount {
		t.Errorf("%d notifications of %d events, want %d of each", len(rows), len(subjects), eventCount)
	}
	s.checkFiles(t, cfg.Files)
	ids := map[string]int{}
	for _, m := range s.mails(owner.email) {
		_, id, _ := strings.Cut(m.Content, "Message-ID: ")
		id, _, _ = strings.Cut(id, "\r\n")
		ids[id]++
	}
	if len(ids) != eventCount {
		t.Errorf("%d different mails, want %d", len(ids), eventCount)
	}
	t.Logf("%d kills in %v; %d mails of %d", kills, killed.Round(time.Millisecond), len(s.mails(owner.email)), eventCount)
}

// waitForAll waits until count returns eventCount. It fails if the count does not grow for
// four minutes: the leases of a killed service expire after half a minute, and so do its
// memberships in the consumer group.
func waitForAll(t *testing.T, name string, count func() int) {
	t.Helper()
	const limit = 2 * waittest.Limit
	highest, deadline := 0, time.Now().Add(limit)
	for n := count(); n < eventCount; n = count() {
		if n > highest {
			highest, deadline = n, time.Now().Add(limit)
		}
		if time.Now().After(deadline) {
			t.Fatalf("stopped at %d of %d %s", n, eventCount, name)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func manyEvents(owner person) []*kgo.Record {
	all := []*kgo.Record{{Topic: "user.registered", Key: []byte(owner.id), Value: []byte(object("userId", owner.id, "email", owner.email, "role", "user")),
		Headers: kafkaHeaders(accountHeader("registered-"+owner.id, 1)...)}}
	for i := 1; i < eventCount; i++ {
		id := fmt.Sprintf("passport-%04d", i)
		all = append(all, &kgo.Record{
			Topic: "passport.created", Key: []byte(id), Value: []byte(object("passportId", id, "createdBy", owner.id)),
			Headers: []kgo.RecordHeader{{Key: "ce_id", Value: []byte(id)}},
		})
	}
	return all
}

// killOnce starts a child process and kills it after it has written 20 to 59 more files. The next
// one gets events after the session of this one has expired at the broker.
func killOnce(t *testing.T, cfg notificationd.Config) {
	t.Helper()
	enough := len(names(t, cfg.Files)) + 20 + rand.N(40)
	kill := startChild(t, cfg, "PORT=0", "ENABLE_EMAIL_NOTIFICATIONS=true", "SMTP_TLS=none", "SMTP_HOST="+cfg.Mail.Server.Host, "SMTP_PORT="+strconv.Itoa(cfg.Mail.Server.Port), "FROM_EMAIL="+cfg.Mail.Server.FromEmail)
	for end := time.Now().Add(waittest.Limit); len(names(t, cfg.Files)) < enough; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the child process has written %d files after %v, want %d", len(names(t, cfg.Files)), waittest.Limit, enough)
		}
	}
	kill()
}

// startChild runs a service in a child process until kill is called.
func startChild(t *testing.T, cfg notificationd.Config, env ...string) (kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), childEnv+"=yes", "MONGODB_URI=", "DATA_DIR="+cfg.Store.Dir, "LOG_LEVEL=error",
		"KAFKA_BROKERS="+strings.Join(cfg.Kafka.Brokers, ","), "KAFKA_GROUP="+cfg.Group, "NOTIFICATION_LOG_PATH="+cfg.Files, "MAIL_PER_HOUR=1000"), env...)
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		cmd.Process.Kill() // SIGKILL
		if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Errorf("the child process exited before it was killed: %v", err)
		}
	})
	t.Cleanup(kill)
	return kill
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "notification-*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// ageTemporaryFiles makes the temporary files of the killed processes two hours old, and adds one.
func ageTemporaryFiles(t *testing.T, dir string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, ".notification-1"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, ".notification-*"))
	if err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-2 * time.Hour)
	for _, name := range files {
		if err := os.Chtimes(name, old, old); err != nil {
			t.Fatal(err)
		}
	}
}

// checkFiles checks that there is one complete file for each event, and no other file.
func (s *service) checkFiles(t *testing.T, dir string) {
	t.Helper()
	var entries []os.DirEntry
	s.until(func() bool {
		var err error
		entries, err = os.ReadDir(dir)
		return err == nil && len(entries) == eventCount
	}, func() string { return fmt.Sprint(len(entries), " files, the first is ", entries[0]) })
	if n := len(names(t, dir)); n != eventCount {
		t.Errorf("%d text files, want %d", n, eventCount)
	}
	for _, name := range names(t, dir) {
		content, err := os.ReadFile(name)
		if err != nil || !strings.HasPrefix(string(content), "Notification Log - ") || !strings.HasSuffix(string(content), "}\n"+strings.Repeat("-", 46)) {
			t.Errorf("%s is incomplete: %q, %v", name, content, err)
		}
	}
}

// TestStoreOutage: events that arrive while the database is down are handled afterwards.
func TestStoreOutage(t *testing.T) {
	for name, open := range map[string]func(*testing.T) (connect.Config, func(down bool)){"SQLite": lockableSQLite, "MongoDB": mongoBehindProxy} {
		t.Run(name, func(t *testing.T) {
			db, setDown := open(t)
			s := start(t, db)
			owner := s.person(auth.User)
			setDown(true)
			const n = 20
			for i := range n {
				id := fmt.Sprintf("%s-%d", owner.id, i)
				s.send("passport.created", id, object("passportId", id, "createdBy", owner.id))
			}
			s.Do("PATCH /api/notifications/read", "", "Authorization", "Bearer "+owner.token).WantProblem(503)
			setDown(false)
			s.await(owner, "eventType=passport.created", func(rows []row) bool { return len(rows) == n })
		})
	}
}

// mongoBehindProxy returns a database whose connections can be cut.
func mongoBehindProxy(t *testing.T) (connect.Config, func(bool)) {
	proxy, uri := storetest.NewProxy(t, storetest.MongoURI(t))
	return connect.Config{URI: uri}, proxy.SetDown
}

// lockableSQLite returns a database file that can be locked.
func lockableSQLite(t *testing.T) (connect.Config, func(bool)) {
	if os.Getenv("MONGODB_URI") != "" {
		t.Skip("MONGODB_URI is set: the test runs on MongoDB")
	}
	dir := t.TempDir()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, notificationd.Name+".db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	return connect.Config{Dir: dir}, func(down bool) {
		statement := "ROLLBACK"
		if down {
			statement = "BEGIN IMMEDIATE"
		}
		if _, err := db.ExecContext(context.Background(), statement); err != nil {
			t.Error(err)
		}
	}
}
