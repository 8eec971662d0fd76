package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/battery-passport/suite/deploy/stack"
)

// service is one in a process of its own.
type service struct {
	process
	name, url, metrics string
	ready              time.Duration // from its start until it was
	program            string
	env                []string
	log                string
	most               float64 // MiB that its processes before this one have held
}

// fleet is the four services, each a process, on back ends that run in another:
// what one costs is not mixed with what the others do.
type fleet struct {
	size
	dir                                    string
	backends                               *backends
	auth, passport, document, notification *service
	token                                  string // of an admin
}

// services are all four.
func (f *fleet) services() []*service {
	return []*service{f.auth, f.passport, f.document, f.notification}
}

func startFleet(ctx context.Context, dir string, n size) (f *fleet, err error) {
	f = &fleet{size: n, dir: dir}
	if f.backends, err = startBackends(ctx, filepath.Join(dir, "backends")); err != nil {
		return nil, err
	}
	ports, err := freePorts(8)
	if err != nil {
		return nil, err
	}
	for i, at := range []**service{&f.auth, &f.passport, &f.document, &f.notification} {
		name := []string{"auth-service", "passport-service", "document-service", "notification-service"}[i]
		*at = &service{
			name: name, url: "http://127.0.0.1:" + ports[i], metrics: "http://127.0.0.1:" + ports[4+i] + "/metrics", program: filepath.Join(dir, name), log: filepath.Join(dir, name+".log"),
			env: []string{
				"PORT=" + ports[i], "METRICS_ADDR=127.0.0.1:" + ports[4+i], "DATA_DIR=" + filepath.Join(dir, "data"), "AUTH_SERVICE_URL=http://127.0.0.1:" + ports[0],
				"KAFKA_BROKERS=" + f.backends.kafka, "JWT_EXPIRES_IN=24h", "MAX_UPLOAD_BYTES=314572800",
				"RATE_LIMIT=0", "PUBLIC_RATE_LIMIT=0", "AUTH_RATE_LIMIT=0", "LOGIN_FAILURES=0", // what is measured is the work
				"S3_ENDPOINT=" + f.backends.s3, "S3_FORCE_PATH_STYLE=true", "AWS_ACCESS_KEY_ID=" + stack.S3KeyID, "AWS_SECRET_ACCESS_KEY=" + stack.S3Secret, "AWS_SESSION_TOKEN=",
				"NOTIFICATION_LOG_PATH=" + filepath.Join(dir, "notifications"),
			},
		}
		build := exec.CommandContext(ctx, "go", "build", "-o", (*at).program, "./"+name)
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build: %w\n%s", err, out)
		}
		if err := (*at).start(ctx); err != nil {
			return nil, err
		}
	}
	f.token, err = f.login(ctx, "admin@bench.example", "admin")
	return f, err
}

// start starts the service, with more in its environment, and waits for it.
func (s *service) start(ctx context.Context, more ...string) (err error) {
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) // as much is logged as by default
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(s.program)
	cmd.Stdout = log
	begin := time.Now()
	if s.process, err = start(cmd, log, slices.Concat(s.env, more)...); err != nil {
		return err
	}
	if err := waitFor(ctx, s.url+"/readyz"); err != nil {
		s.stop()
		return err
	}
	s.ready = time.Since(begin)
	return nil
}

// twin returns another of the same kind, which has not been started, with data of
// its own.
func (s *service) twin(dir string) (*service, error) {
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	return &service{
		name: s.name, url: "http://127.0.0.1:" + ports[0], metrics: "http://127.0.0.1:" + ports[1] + "/metrics", program: s.program, log: s.log,
		env: slices.Concat(s.env, []string{"PORT=" + ports[0], "METRICS_ADDR=127.0.0.1:" + ports[1], "DATA_DIR=" + dir}),
	}, nil
}

// metric asks the service for one of its own.
func (s *service) metric(name string) (float64, error) {
	res, err := client.Get(s.metrics)
	if err != nil {
		return 0, err
	}
	data, err := read(res)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("%s does not tell %s", s.metrics, name)
}

// end stops the service, and remembers the most that it has held.
func (s *service) end() {
	s.most = s.highest()
	s.stop()
}

// highest is the most that the service has held in all its processes, in MiB.
func (s *service) highest() float64 { return max(s.most, s.status("VmHWM:")) }

func (f *fleet) stop() {
	for _, s := range f.services() {
		if s != nil && s.cmd != nil {
			s.stop()
		}
	}
	if f.backends != nil {
		f.backends.stop()
	}
}

const password = "correct horse battery"

// login logs somebody in, or makes the account, and returns a token.
func (f *fleet) login(ctx context.Context, email, role string) (string, error) {
	body := map[string]string{"email": email, "password": password}
	credentials, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	data, err := f.call(ctx, "POST", f.auth.url+"/api/auth/login", string(credentials), http.StatusOK)
	if err != nil {
		if role != "" {
			body["role"] = role
		}
		if credentials, err = json.Marshal(body); err != nil {
			return "", err
		}
		data, err = f.call(ctx, "POST", f.auth.url+"/api/auth/register", string(credentials), http.StatusCreated)
	}
	var session struct{ Token string }
	err = errors.Join(err, json.Unmarshal(data, &session))
	return session.Token, err
}

// call sends a request as the admin, and returns the body of an answer with the
// status.
func (f *fleet) call(ctx context.Context, method, url, body string, status int) ([]byte, error) {
	return (&suite{token: f.token}).call(ctx, method, url, body, status)
}

// create makes a passport.
func (f *fleet) create(ctx context.Context, body string) (id string, err error) {
	return f.createAt(ctx, f.passport, body)
}

func (f *fleet) createAt(ctx context.Context, s *service, body string) (id string, err error) {
	return (&suite{token: f.token, passport: s.url}).create(ctx, body)
}
