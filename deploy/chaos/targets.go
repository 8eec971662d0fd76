package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/deploy/kafkausers/acl"
	"github.com/battery-passport/suite/deploy/ports"
	"github.com/battery-passport/suite/deploy/stack"
	"github.com/battery-passport/suite/document-service/documentd"
	"github.com/battery-passport/suite/notification-service/notificationd"
	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/rest"
)

const (
	startTimeout    = 60 * time.Second
	stopTimeout     = 30 * time.Second // longer than a service drains
	programVariable = "CHAOS_PROGRAM"  // makes this program run a service or back end instead of chaos
)

var serviceNames = []string{authd.Name, passportd.Name, documentd.Name, notificationd.Name}

// runProgram runs a service or an embedded back end, and returns the exit code.
func runProgram(ctx context.Context, name string) int {
	services := map[string]func(){
		authd.Name: func() { boot.Main(name, authd.Run) }, passportd.Name: func() { boot.Main(name, passportd.Run) },
		documentd.Name: func() { boot.Main(name, documentd.Run) }, notificationd.Name: func() { boot.Main(name, notificationd.Run) },
	}
	if run := services[name]; run != nil {
		run() // and exits
	}
	port, _ := strconv.Atoi(os.Getenv("PORT"))
	if err := stack.RunBackend(ctx, name, os.Getenv("DATA_DIR"), rest.Port(port), os.Getenv("AWS_REGION")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// startProcesses starts the proxies in front of Kafka, S3 and MongoDB, the back ends
// that cfg does not name, and the services.
func startProcesses(_ context.Context, cfg config) (*target, error) {
	dir, err := os.MkdirTemp("", "chaos-")
	first, errPorts := ports.InARow(7)
	if err := errors.Join(err, errPorts); err != nil {
		return &target{dir: dir}, err
	}
	name := filepath.Base(dir)
	address := func(n int) string { return fmt.Sprint("127.0.0.1:", first+n) }
	t := &target{dir: dir, place: place{
		auth: "http://" + address(3), passport: "http://" + address(4), document: "http://" + address(5), notification: "http://" + address(6),
		adminEmail: cfg.AdminEmail, adminPassword: cfg.AdminPassword, broker: cmp.Or(cfg.Broker, address(1)), sweepSoon: true, files: filepath.Join(dir, "notifications"),
		s3: storage{cfg.S3Endpoint, name, cfg.S3Region, cfg.S3KeyID, cfg.S3Secret},
	}}
	if cfg.S3Endpoint == "" {
		t.s3 = storage{"http://" + address(2), name, cfg.S3Region, stack.S3KeyID, stack.S3Secret}
	}
	broker, s3, mongo := t.startProxy("kafka", "tcp://"+t.broker), t.startProxy("s3", t.s3.endpoint), &url.URL{}
	if cfg.MongoURI != "" {
		mongo = t.startProxy("mongodb", cfg.MongoURI)
		query := mongo.Query()
		query.Set("directConnection", "true") // otherwise the driver bypasses the proxy
		mongo.Path, mongo.RawQuery = "/"+name, query.Encode()
	}
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + os.TempDir(), "DATA_DIR=" + filepath.Join(dir, "data"),
		"MONGODB_URI=" + mongo.String(), "KAFKA_BROKERS=" + broker.Host, "KAFKA_GROUP=" + name, "DOCUMENT_KAFKA_GROUP=" + name + "-document", "AUTH_SERVICE_URL=" + t.auth, "DOCUMENT_SERVICE_URL=" + t.document,
		"S3_ENDPOINT=" + s3.String(), "S3_FORCE_PATH_STYLE=true", "S3_BUCKET_NAME=" + name, "AWS_REGION=" + t.s3.region,
		"AWS_ACCESS_KEY_ID=" + t.s3.keyID, "AWS_SECRET_ACCESS_KEY=" + t.s3.secret, "NOTIFICATION_LOG_PATH=" + t.files,
		"ENABLE_EMAIL_NOTIFICATIONS=true", "SMTP_HOST=127.0.0.1", fmt.Sprint("SMTP_PORT=", first), "SMTP_TLS=none", "FROM_EMAIL=no-reply@battery-passport.example",
		"SWEEP_AFTER=15s", "PASSWORD_COST=10", "DRAIN_TIMEOUT=20s", "MAX_FILES_PER_USER=0", "MAX_STORAGE_PER_USER=0", "MAX_FILES_OF_ALL_USERS=0", "MAX_STORAGE_OF_ALL_USERS=0", "MAX_FILES_PER_ORGANISATION=0", "MAX_STORAGE_PER_ORGANISATION=0", "PASSWORD_COST=10", "RATE_LIMIT=0", "AUTH_RATE_LIMIT=0", "LOGIN_FAILURES=0",
	}
	for i, program := range append([]string{"mail", "kafka", "s3"}, serviceNames...) {
		if t.err == nil && (program != "kafka" || cfg.Broker == "") && (program != "s3" || cfg.S3Endpoint == "") {
			t.startProcess(program, address(i), append(env[:len(env):len(env)], programVariable+"="+program, fmt.Sprint("PORT=", first+i)))
		}
	}
	return t, t.err
}

// process is this program, run as a service or back end.
type process struct {
	name, log, addr string // log is the file of the output
	env             []string
	cmd             *exec.Cmd
	exited          chan struct{}
}

func (t *target) startProcess(name, addr string, env []string) {
	p := &process{name: name, log: filepath.Join(t.dir, name+".log"), addr: addr, env: env}
	t.addMachine(name, p.do)
	t.err = p.start()
	t.closers = append(t.closers, func() {
		if p.cmd != nil {
			_ = p.cmd.Process.Kill() // it may have ended
			<-p.exited
		}
	})
}

// start starts the process and waits until it listens.
func (p *process) start() error {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd, exited := exec.Command(os.Args[0]), make(chan struct{})
	cmd.Env, cmd.Stdout, cmd.Stderr = p.env, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C reaches only chaos, which ends the process
	if err := cmd.Start(); err != nil {
		return err
	}
	p.cmd, p.exited = cmd, exited
	go func() { // ends with the process, which chaos kills at the end
		_ = cmd.Wait()
		close(exited)
	}()
	for deadline := time.After(startTimeout); ; {
		if conn, err := net.Dial("tcp", p.addr); err == nil {
			return conn.Close()
		}
		select {
		case <-exited:
			return fmt.Errorf("%s ended during start; its log is %s", p.name, p.log)
		case <-deadline:
			return fmt.Errorf("%s does not listen at %s after %v; its log is %s", p.name, p.addr, startTimeout, p.log)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// do starts the process, or sends the signal of a verb and waits for the end.
func (p *process) do(_ context.Context, verb string) error {
	signal, ok := map[string]syscall.Signal{"kill": syscall.SIGKILL, "stop": syscall.SIGTERM, "pause": syscall.SIGSTOP, "unpause": syscall.SIGCONT}[verb]
	if !ok {
		return p.start()
	}
	if err := p.cmd.Process.Signal(signal); err != nil {
		return fmt.Errorf("%s ended by itself: %w; its log is %s", p.name, err, p.log)
	}
	if verb == "pause" || verb == "unpause" {
		return nil
	}
	select {
	case <-p.exited:
	case <-time.After(stopTimeout):
	}
	if state := p.cmd.ProcessState; state == nil || verb == "stop" && !state.Success() {
		return fmt.Errorf("%s: got %v within %v of %v; its log is %s", p.name, state, stopTimeout, signal, p.log)
	}
	return nil
}

// openCompose finds the services of the Docker Compose project in this folder that run
// in one container each, and reads their addresses from its configuration.
func openCompose(ctx context.Context, cfg config) (*target, error) {
	text, err := docker(ctx, "compose", "config", "--format", "json")
	if err != nil {
		return &target{}, err
	}
	t := &target{}
	if t.place, err = composePlace(text, cfg); err != nil {
		return t, err
	}
	for _, name := range append([]string{"mongo", "kafka", "minio", "mailpit"}, serviceNames...) {
		id, err := docker(ctx, "compose", "ps", "-q", name)
		if err != nil {
			return t, err
		}
		if len(strings.Fields(id)) == 1 {
			t.addContainer(name, strings.TrimSpace(id))
		}
	}
	if len(t.faults) == 0 {
		return t, errors.New("no service of Docker Compose runs in this folder; start them with docker compose up -d --wait")
	}
	return t, nil
}

// composePlace reads a configuration of Docker Compose.
func composePlace(text string, cfg config) (at place, err error) {
	var project struct {
		Services map[string]struct {
			Environment map[string]string
			Ports       []struct {
				Target    int
				Published string
			}
			Volumes []struct{ Source, Target string }
		}
	}
	if err := json.Unmarshal([]byte(text), &project); err != nil {
		return place{}, fmt.Errorf("docker compose config: %w", err)
	}
	address := func(service string, port int) string {
		for _, published := range project.Services[service].Ports {
			if published.Target == port {
				return "127.0.0.1:" + published.Published
			}
		}
		return ""
	}
	auth, document, notification := project.Services[authd.Name].Environment, project.Services[documentd.Name].Environment, project.Services[notificationd.Name]
	sweep, _ := time.ParseDuration(document["SWEEP_AFTER"])
	login := kafka.Security{Mechanism: "scram-sha-512", User: acl.Reader, Password: project.Services["kafka-users"].Environment["KAFKA_READER_PASSWORD"]}
	at = place{
		auth: "http://" + address(authd.Name, 4000), passport: "http://" + address(passportd.Name, 5000),
		document: "http://" + address(documentd.Name, 5100), notification: "http://" + address(notificationd.Name, 5200),
		adminEmail: cmp.Or(auth["ADMIN_EMAIL"], cfg.AdminEmail), adminPassword: cmp.Or(auth["ADMIN_PASSWORD"], cfg.AdminPassword),
		broker: address("kafka", 9094), brokerLogin: login, sweepSoon: sweep > 0 && sweep <= time.Minute,
		s3: storage{"http://" + address("minio", 9000), document["S3_BUCKET_NAME"], document["AWS_REGION"], document["AWS_ACCESS_KEY_ID"], document["AWS_SECRET_ACCESS_KEY"]},
	}
	for _, v := range notification.Volumes {
		if v.Target == notification.Environment["NOTIFICATION_LOG_PATH"] {
			at.files = v.Source
		}
	}
	return at, nil
}

// addContainer adds the faults of a container, and for back ends its disconnection
// from the networks. The container is controlled by its id: Compose would also start
// its dependencies, which may be down because of another fault.
func (t *target) addContainer(name, id string) {
	// docker retries while Docker restarts the container: a service that cannot run
	// without a dependency ends, and Docker starts it again.
	retry := func(ctx context.Context, args ...string) error {
		for deadline := time.Now().Add(startTimeout); ; wait(ctx, 500*time.Millisecond) {
			_, err := docker(ctx, args...)
			if err == nil || time.Now().After(deadline) {
				return err
			}
			if state, _ := docker(ctx, "inspect", "-f", "{{.State.Restarting}}", id); strings.TrimSpace(state) != "true" {
				return err
			}
		}
	}
	// A pause stops the main process by a signal: its connections are half-open.
	// docker pause would also freeze a health check that is being started, and docker
	// unpause could then wait for ever.
	part := t.addMachine(name, func(ctx context.Context, verb string) error {
		if signal := map[string]string{"pause": "STOP", "unpause": "CONT"}[verb]; signal != "" {
			return retry(ctx, "kill", "--signal", signal, id)
		}
		return retry(ctx, verb, id)
	})
	if name == "mailpit" || slices.Contains(serviceNames, name) {
		return
	}
	networks := ""
	t.faults = append(t.faults, fault{name: "partition " + name, part: part, inject: func(ctx context.Context) (err error) {
		networks, err = docker(ctx, "inspect", "-f", "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}", id)
		for network := range strings.FieldsSeq(networks) {
			err = cmp.Or(err, retry(ctx, "network", "disconnect", network, id))
		}
		return err
	}, heal: func(ctx context.Context) (err error) {
		for network := range strings.FieldsSeq(networks) {
			err = cmp.Or(retry(ctx, "network", "connect", "--alias", name, network, id), err)
		}
		return err
	}})
}

// docker returns the output of a command.
func docker(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	var problem strings.Builder
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Stderr = &problem
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("docker %s: %w: %s", strings.Join(args, " "), err, problem.String())
	}
	return string(out), nil
}
