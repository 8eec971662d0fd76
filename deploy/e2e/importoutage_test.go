package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// startBroker starts a broker with its log in a folder.
func startBroker(t *testing.T, dir string, port int) *kfake.Cluster {
	t.Helper()
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(port), kfake.DataDir(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	return broker
}

// importAnswer is a line of the response to an import.
type importAnswer struct {
	ID, Status string
	Summary    struct {
		Created, Unchanged int
		Complete           bool
	}
}

// importWhile imports rows, and calls during after the answer to the first half of them has begun. It returns the ids of
// the passports and the last line.
func (s *suite) importWhile(token string, rows []string, during func()) (ids []string, last importAnswer) {
	s.t.Helper()
	body, file := io.Pipe()
	go io.WriteString(file, strings.Join(rows[:len(rows)/2], ""))
	req, err := http.NewRequestWithContext(s.t.Context(), "POST", s.passport.URL+"/api/passports/import", body)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for n := 0; lines.Scan(); n++ {
		if n == 0 {
			during()
			go func() {
				io.WriteString(file, strings.Join(rows[len(rows)/2:], ""))
				file.Close()
			}()
		}
		last = importAnswer{}
		if err := json.Unmarshal(lines.Bytes(), &last); err != nil {
			s.t.Fatalf("%s: %v", lines.Text(), err)
		}
		if last.ID != "" {
			ids = append(ids, last.ID)
		}
	}
	return ids, last
}

// TestImportDuringBrokerOutage stops the broker in the middle of an import. All rows are stored, the same file changes
// nothing, and each passport has its event when the broker is back.
func TestImportDuringBrokerOutage(t *testing.T) {
	dir := t.TempDir()
	_, address, err := net.SplitHostPort(resttest.UnusedAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(address)
	if err != nil {
		t.Fatal(err)
	}
	broker := startBroker(t, dir, port)
	cfg := config(t)
	cfg.Passport.Kafka.Brokers = broker.ListenAddrs()
	s := start(t, cfg)
	s.brokers = kafka.Config{Brokers: broker.ListenAddrs()}
	admin := s.admin()
	var rows []string
	for i := range 600 {
		rows = append(rows, fmt.Sprintf(`{"data":{"generalInformation":{"batteryIdentifier":"https://a.example/battery/%d"}}}`+"\n", i))
	}
	ids, last := s.importWhile(admin.Token, rows, broker.Close)
	if sum := last.Summary; sum.Created != len(rows) || !sum.Complete {
		t.Fatalf("import without a broker: %+v", sum)
	}
	again, last := s.importWhile(admin.Token, rows, func() {})
	if sum := last.Summary; sum.Unchanged != len(rows) || !sum.Complete || !slices.Equal(again, ids) {
		t.Errorf("the same file again: %+v", sum)
	}
	startBroker(t, dir, port)
	var want []string
	for _, id := range ids {
		want = append(want, "passport.created "+id+" 1")
	}
	got := s.events(len(ids), ids...)
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got)\n%.2000s", diff)
	}
	waittest.Until(s.t, "a notification for each import", func() bool {
		var page struct{ Items []notification }
		s.notification.Call("GET /api/notifications?limit=100", admin.Token, nil).Want(200, &page)
		return len(slices.DeleteFunc(page.Items, func(n notification) bool { return n.EventType != "passport.importFinished" })) == 2
	})
}
