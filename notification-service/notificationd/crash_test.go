package notificationd_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/battery-passport/suite/notification-service/mailsink"
	"github.com/battery-passport/suite/notification-service/notificationd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

const (
	childEnv = "NOTIFICATIOND_CHILD"
	kills    = 5
	crowd    = 1000 // events
)

// TestKilledAgainAndAgain kills the service while events come, at any moment:
// no event is lost, and none makes two notifications or two files.
func TestKilledAgainAndAgain(t *testing.T) {
	sink := mailServer(t, mailsink.Options{})
	cfg := settings(t, connect.Config{Dir: t.TempDir()}, sink)
	cfg.Kafka.Brokers = ownBroker(t)
	issuer := authtest.New(t)

	events := writer(t, cfg.Kafka.Brokers)
	owner := person{id: "owner", email: "owner@nlb.example", token: issuer.Token(t, auth.Principal{UserID: "owner", Role: auth.User})}
	written := make(chan error, 1)
	go func() {
		written <- events.ProduceSync(t.Context(), crowdOfEvents(owner)...).FirstErr()
	}()
	begun := time.Now()
	for range kills {
		killOnce(t, cfg)
	}
	killed := time.Since(begun)
	if err := <-written; err != nil {
		t.Fatal(err)
	}

	s := startWith(t, cfg, issuer)
	s.sink = sink
	advance(t, "files and mails", func() int { return min(len(names(t, cfg.Files)), len(s.mails(owner.email))) })
	var rows []row
	advance(t, "notifications", func() (n int) {
		rows = s.rows(owner, "")
		for _, r := range rows {
			if r.channels() == "list sent, mail sent, file sent" {
				n++
			}
		}
		return n
	})
	seen := map[string]int{}
	for _, r := range rows {
		seen[r.about("passportId")+r.about("userId")]++
	}
	if len(rows) != crowd || len(seen) != crowd {
		t.Errorf("%d notifications of %d events, want %d of each", len(rows), len(seen), crowd)
	}
	checkFiles(t, cfg.Files)
	ids := map[string]int{}
	for _, m := range s.mails(owner.email) {
		_, id, _ := strings.Cut(m.Content, "Message-ID: ")
		id, _, _ = strings.Cut(id, "\r\n")
		ids[id]++
	}
	if len(ids) != crowd {
		t.Errorf("%d mails that differ, want %d", len(ids), crowd)
	}
	t.Logf("%d kills in %v; %d mails of %d", kills, killed.Round(time.Millisecond), len(s.mails(owner.email)), crowd)
}

// advance waits until a number is that of the crowd, however slow the machine
// is, as long as it grows: what a killed service had claimed stands still for
// half a minute, and a group of which most have died takes as long to meet again.
func advance(t *testing.T, what string, number func() int) {
	t.Helper()
	const still = 3 * patience
	most, deadline := 0, time.Now().Add(still)
	for n := number(); n < crowd; n = number() {
		if n > most {
			most, deadline = n, time.Now().Add(still)
		}
		if time.Now().After(deadline) {
			t.Fatalf("it stays at %d %s of %d", n, what, crowd)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func crowdOfEvents(owner person) []*kgo.Record {
	all := []*kgo.Record{{Topic: "user.registered", Key: []byte(owner.id), Value: []byte(object("userId", owner.id, "email", owner.email))}}
	for i := 1; i < crowd; i++ {
		id := fmt.Sprintf("passport-%04d", i)
		all = append(all, &kgo.Record{
			Topic: "passport.created", Key: []byte(id), Value: []byte(object("passportId", id, "createdBy", owner.id)),
			Headers: []kgo.RecordHeader{{Key: "ce_id", Value: []byte(id)}},
		})
	}
	return all
}

// killOnce starts a child, and kills it some time after it has begun to write
// files. The next one gets events when the broker takes this one for dead.
func killOnce(t *testing.T, cfg notificationd.Config) {
	t.Helper()
	before, enough := len(names(t, cfg.Files)), 20+rand.N(100)
	kill := startChild(t, cfg, "PORT=0", "ENABLE_EMAIL_NOTIFICATIONS=true", "SMTP_TLS=none", "SMTP_HOST="+cfg.Mail.Host, "SMTP_PORT="+strconv.Itoa(cfg.Mail.Port), "FROM_EMAIL="+cfg.Mail.FromEmail)
	for deadline := time.Now().Add(patience); len(names(t, cfg.Files)) < before+enough; {
		if time.Now().After(deadline) {
			t.Error("the child does not work")
			break
		}
	}
	kill()
}

// startChild runs a service in a process of its own, until it is killed.
func startChild(t *testing.T, cfg notificationd.Config, env ...string) (kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), childEnv+"=yes", "MONGODB_URI=", "DATA_DIR="+cfg.Store.Dir, "LOG_LEVEL=error",
		"KAFKA_BROKERS="+strings.Join(cfg.Kafka.Brokers, ","), "KAFKA_GROUP="+cfg.Group, "NOTIFICATION_LOG_PATH="+cfg.Files), env...)
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		cmd.Process.Kill() // SIGKILL
		if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Errorf("the child ended by itself: %v", err)
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

// checkFiles looks whether there is one whole file for each event, and nothing
// else.
func checkFiles(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != crowd || len(names(t, dir)) != crowd {
		t.Errorf("%d files, %d of them whole; want %d", len(entries), len(names(t, dir)), crowd)
	}
	for _, name := range names(t, dir) {
		content, err := os.ReadFile(name)
		if err != nil || !strings.HasPrefix(string(content), "Notification Log - ") || !strings.HasSuffix(string(content), "}\n"+strings.Repeat("-", 46)) {
			t.Errorf("%s is not whole: %q, %v", name, content, err)
		}
	}
}

// TestStoreAway takes the database away while events come: they wait, and none
// is lost or refused.
func TestStoreAway(t *testing.T) {
	for name, open := range map[string]func(*testing.T) (connect.Config, func(away bool)){"SQLite": lockedSQLite, "MongoDB": cutMongo} {
		t.Run(name, func(t *testing.T) {
			db, away := open(t)
			s := start(t, db)
			owner := s.person(auth.User)
			away(true)
			const n = 20
			for i := range n {
				id := fmt.Sprintf("%s-%d", owner.id, i)
				s.send("passport.created", id, object("passportId", id, "createdBy", owner.id))
			}
			s.Do("PATCH /api/notifications/read", "", "Authorization", "Bearer "+owner.token).WantProblem(503)
			away(false)
			s.await(owner, "eventType=passport.created", func(rows []row) bool { return len(rows) == n })
		})
	}
}

// cutMongo cuts the connections to the database.
func cutMongo(t *testing.T) (connect.Config, func(bool)) {
	proxy, uri := storetest.NewProxy(t, storetest.MongoURI(t))
	return connect.Config{URI: uri}, proxy.SetDown
}

// lockedSQLite has somebody else lock the file.
func lockedSQLite(t *testing.T) (connect.Config, func(bool)) {
	dir := t.TempDir()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, notificationd.Name+".db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	return connect.Config{Dir: dir}, func(away bool) {
		statement := "ROLLBACK"
		if away {
			statement = "BEGIN IMMEDIATE"
		}
		if _, err := db.ExecContext(context.Background(), statement); err != nil {
			t.Error(err)
		}
	}
}
