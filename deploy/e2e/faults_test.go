package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/battery-passport/suite/deploy/stack"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// TestEventsArePublishedAfterBrokerOutage starts the suite without a broker: writes
// succeed, and their events are published in order when the broker is available.
func TestEventsArePublishedAfterBrokerOutage(t *testing.T) {
	addr := resttest.UnusedAddress(t)
	cfg := config(t)
	cfg.Passport.Kafka.Brokers = []string{addr}
	s := start(t, cfg)
	admin := s.register("admin@nordlicht.example", "admin")
	var p passport
	s.passport.Call("POST /api/passports", admin.Token, sample(t, "readme-sample.json")).Want(201, &p)
	var want []string
	for i := range 10 {
		s.passport.Call("PATCH /api/passports/"+p.ID, admin.Token, fmt.Sprintf(`{"data":{"generalInformation":{"batteryMass":%d}}}`, i+1)).Want(200, nil)
		want = append(want, fmt.Sprint("passport.updated ", p.ID, " ", i+2))
	}
	ready := s.passport.Call("GET /readyz", "", nil)
	if ready.Want(200, nil); !strings.Contains(ready.Text, `"status":"degraded"`) || !strings.Contains(ready.Text, `{"name":"kafka","ok":false,"vital":false`) {
		t.Errorf("readyz without a broker: %s", ready.Text)
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	fmt.Sscan(port, &n)
	broker, err := kfake.NewCluster(kfake.Ports(n))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	s.brokers = kafka.Config{Brokers: []string{addr}}
	got := s.events(11, p.ID)
	var updates []string
	for _, e := range got {
		if strings.HasPrefix(e, "passport.updated") {
			updates = append(updates, e)
		}
	}
	if diff := cmp.Diff(want, updates); diff != "" {
		t.Errorf("updates (-want +got)\n%s", diff)
	}
	waittest.Until(s.t, "the suite is ready", func() bool {
		return strings.Contains(s.passport.Do("GET /readyz", "").Text, `"status":"ready"`)
	})
}

// process is a suite started like with make run.
type process struct {
	cmd *exec.Cmd
	log *strings.Builder
}

// run starts the program on free ports and reads them from its banner.
func run(t *testing.T, program, dir string, env ...string) (s *suite, p *process) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append([]string{
		"DATA_DIR=" + dir, "PASSWORD_COST=10", "AUTH_PORT=0", "PASSPORT_PORT=0", "DOCUMENT_PORT=0", "NOTIFICATION_PORT=0",
		"KAFKA_PORT=0", "S3_PORT=0", "MAIL_PORT=0",
	}, env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p = &process{cmd, new(strings.Builder)}
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	addrs := map[string]string{}
	for lines := bufio.NewScanner(out); lines.Scan() && !strings.Contains(lines.Text(), "First steps"); {
		fmt.Fprintln(p.log, lines.Text())
		if words := strings.Fields(lines.Text()); len(words) > 1 {
			addrs[words[0]] = words[1]
		}
	}
	client := func(service string) resttest.Client { return resttest.Client{T: t, URL: addrs[service]} }
	s = &suite{
		t: t, auth: client("auth-service"), passport: client("passport-service"), document: client("document-service"),
		notification: client("notification-service"), brokers: kafka.Config{Brokers: []string{addrs["Kafka"]}},
	}
	if !strings.Contains(p.log.String(), s.passport.URL+"/docs") {
		t.Fatalf("banner is %q", p.log)
	}
	return s, p
}

// TestKillLosesNothing kills the program with SIGKILL while no broker is available and
// restarts it: all acknowledged writes exist, and their events are published.
func TestKillLosesNothing(t *testing.T) {
	program := build(t)
	dir := filepath.Join(t.TempDir(), "data")
	s, p := run(t, program, dir, "KAFKA_BROKERS="+resttest.UnusedAddress(t))
	admin := s.register("admin@nordlicht.example", "admin")
	var ids []string
	for i := range 20 {
		var p passport
		s.passport.Call("POST /api/passports", admin.Token, fmt.Sprintf(`{"data":{"generalInformation":{"batteryIdentifier":"https://a.example/%d"}}}`, i)).Want(201, &p)
		s.passport.Call("PATCH /api/passports/"+p.ID, admin.Token, `{"data":{"generalInformation":{"batteryMass":1}}}`).Want(200, nil)
		ids = append(ids, p.ID)
	}
	if err := reset(t, program, dir); err == nil || !strings.Contains(err.Error(), "stop it first") {
		t.Errorf("reset of a running suite = %v", err)
	}
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.cmd.Wait()

	s, p = run(t, program, dir)
	admin = s.login("admin@nordlicht.example")
	for _, id := range ids {
		var p passport
		if s.passport.Call("GET /api/passports/"+id, admin.Token, nil).Want(200, &p); p.Version != 2 {
			t.Errorf("after SIGKILL %+v", p)
		}
	}
	s.events(40, ids...) // including events that waited at the kill
	resttest.CloseIdle()
	begin := time.Now()
	p.cmd.Process.Signal(os.Interrupt)
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("after Ctrl-C: %v", err)
	}
	t.Logf("stopped after %v", time.Since(begin))

	if err := reset(t, program, dir); err != nil {
		t.Errorf("reset = %v", err)
	}
	if err := reset(t, program, dir); err != nil {
		t.Errorf("second reset = %v", err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("data folder exists after reset: %v", err)
	}
}

// TestGracefulShutdown sends SIGTERM while eight clients write: every request gets a
// response, the last one on a connection closes it, and the process exits.
func TestGracefulShutdown(t *testing.T) {
	program := build(t)
	dir := filepath.Join(t.TempDir(), "data")
	s, p := run(t, program, dir)
	admin := s.register("admin@nordlicht.example", "admin")
	var mu sync.Mutex
	var ids []string
	var wg sync.WaitGroup
	loaded := make(chan struct{}, 1000)
	for range 8 {
		wg.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for last := false; !last; {
				req, err := http.NewRequest(http.MethodPost, s.passport.URL+"/api/passports", strings.NewReader(`{"data":{}}`))
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("Authorization", "Bearer "+admin.Token)
				req.Header.Set("Content-Type", "application/json")
				res, err := client.Do(req)
				if err != nil {
					t.Errorf("a request was dropped: %v", err)
					return
				}
				var p passport
				err = json.NewDecoder(res.Body).Decode(&p)
				res.Body.Close()
				if err != nil || res.StatusCode != http.StatusCreated {
					t.Errorf("%d, %v", res.StatusCode, err)
					return
				}
				mu.Lock()
				ids = append(ids, p.ID)
				mu.Unlock()
				select {
				case loaded <- struct{}{}:
				default:
				}
				last = res.Close
			}
		})
	}
	for range 100 {
		<-loaded
	}
	resttest.CloseIdle()
	begin := time.Now()
	p.cmd.Process.Signal(syscall.SIGTERM)
	err := p.cmd.Wait()
	if took := time.Since(begin); err != nil || took > time.Minute {
		t.Errorf("exit after %v: %v, want at most a minute and no error", took, err)
	}
	wg.Wait()

	s, _ = run(t, program, dir)
	admin = s.login("admin@nordlicht.example")
	for _, id := range ids {
		s.passport.Call("GET /api/passports/"+id, admin.Token, nil).Want(200, nil)
	}
	s.events(len(ids), ids...)
	t.Logf("%d writes", len(ids))
}

// build builds the program of make run.
func build(t *testing.T) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "local")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	build.Dir = filepath.Join(root, "deploy", "local")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// TestResetKeepsForeignFiles resets a folder that no suite has used, and a data folder with
// another file.
func TestResetKeepsForeignFiles(t *testing.T) {
	folder := t.TempDir()
	other := filepath.Join(folder, "thesis.txt")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := stack.Reset(folder); err == nil {
		t.Error("reset of a folder that no suite has used succeeded")
	}
	cfg := config(t)
	cfg.Passport.Store.Dir = folder
	s := start(t, cfg)
	s.admin()
	s.stop()
	if err := stack.Reset(folder); err != nil {
		t.Error(err)
	}
	if left, err := filepath.Glob(filepath.Join(folder, "*")); err != nil || len(left) != 1 || left[0] != other {
		t.Errorf("files after reset: %v, %v", left, err)
	}
	s.start()
}

func reset(t *testing.T, program, dir string) error {
	cmd := exec.CommandContext(t.Context(), program, "reset")
	cmd.Env = []string{"DATA_DIR=" + dir}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// TestPortInUseNamesTheSetting checks that the error also names the port.
func TestPortInUseNamesTheSetting(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := rest.Port(l.Addr().(*net.TCPAddr).Port)
	for variable, set := range map[string]func(*stack.Config){
		"AUTH_PORT": func(c *stack.Config) { c.AuthPort = port }, "PASSPORT_PORT": func(c *stack.Config) { c.PassportPort = port },
		"DOCUMENT_PORT": func(c *stack.Config) { c.DocumentPort = port }, "NOTIFICATION_PORT": func(c *stack.Config) { c.NotificationPort = port },
		"KAFKA_PORT": func(c *stack.Config) { c.KafkaPort = port }, "S3_PORT": func(c *stack.Config) { c.Document.S3.Endpoint, c.S3Port = "", port },
		"MAIL_PORT": func(c *stack.Config) { c.MailPort = port },
	} {
		cfg := config(t)
		set(&cfg)
		_, err := stack.Start(t.Context(), cfg)
		if err == nil || !strings.Contains(err.Error(), variable) || !strings.Contains(err.Error(), fmt.Sprint(port)) {
			t.Errorf("Start with %s in use = %v, want an error with the setting and the port", variable, err)
		}
	}
}
