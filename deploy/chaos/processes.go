package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"github.com/battery-passport/suite/deploy/stack"
	"github.com/battery-passport/suite/pkg/rest"
)

var serviceNames = []string{"auth-service", "passport-service", "document-service", "notification-service"}

// Variables that make this program run an embedded back end instead of chaos.
const (
	backendVariable = "CHAOS_BACKEND"
	addressVariable = "CHAOS_BACKEND_ADDRESS"
)

// runBackend runs the embedded back end that the environment names.
func runBackend(ctx context.Context, name string) error {
	_, text, _ := net.SplitHostPort(os.Getenv(addressVariable))
	port, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("%s: %w", addressVariable, err)
	}
	return stack.RunBackend(ctx, name, os.Getenv("DATA_DIR"), rest.Port(port), os.Getenv("AWS_REGION"))
}

// processTarget starts each service and each back end as a process.
type processTarget struct {
	target
	given     environment
	processes []*process
	proxies   *proxies
}

// startProcesses starts the back ends that the environment does not name, the
// proxies in front of Kafka, S3 and MongoDB, and the services.
func startProcesses(ctx context.Context, cfg config, _ io.Writer) (_ *target, err error) {
	dir, err := os.MkdirTemp("", "chaos-")
	if err != nil {
		return nil, err
	}
	t := &processTarget{given: cfg.Environment, proxies: newProxies()}
	t.dir, t.close = dir, t.end
	defer func() {
		if err != nil {
			t.end()
		}
	}()
	addrs, err := freeAddresses(7)
	if err != nil {
		return nil, err
	}
	smtp, err := t.startBackends(addrs[:3])
	if err != nil {
		return nil, err
	}
	env, err := t.connect(smtp)
	if err != nil {
		return nil, err
	}
	if err := build(ctx, dir, serviceNames...); err != nil {
		return nil, err
	}
	urls := []*string{&t.Auth, &t.Passport, &t.Document, &t.Notification}
	for i, addr := range addrs[3:] {
		*urls[i] = "http://" + addr
	}
	env = append(env, "AUTH_SERVICE_URL="+t.Auth)
	for i, name := range serviceNames {
		_, port, _ := net.SplitHostPort(addrs[3+i])
		if err := t.start(name, filepath.Join(dir, name), addrs[3+i], append(env[:len(env):len(env)], "PORT="+port)...); err != nil {
			return nil, err
		}
	}
	return &t.target, nil
}

func (t *processTarget) end() {
	for _, p := range t.processes {
		p.close()
	}
	t.proxies.close()
}

// start adds a process that does not inherit the environment of chaos.
func (t *processTarget) start(name, program, addr string, env ...string) error {
	env = append(env, "PATH="+os.Getenv("PATH"), "HOME="+os.Getenv("HOME"), "TMPDIR="+os.TempDir(), "DATA_DIR="+filepath.Join(t.dir, "data"))
	p := &process{name: name, program: program, env: env, log: filepath.Join(t.dir, name+".log"), addr: addr}
	t.processes, t.parts = append(t.processes, p), append(t.parts, machinePart(name, p.do))
	return p.start()
}

// startBackends starts a mail server, and a Kafka broker and an S3 server unless
// there are others.
func (t *processTarget) startBackends(addrs []string) (smtp string, err error) {
	own := filepath.Base(t.dir) // separates consumers and objects from those of others
	t.AdminEmail, t.AdminPassword, t.Brokers = t.given.AdminEmail, t.given.AdminPassword, t.given.Brokers
	t.SweepSoon, t.Files = true, filepath.Join(t.dir, "notifications")
	t.S3 = storage{Endpoint: t.given.S3Endpoint, Bucket: own, Region: t.given.S3Region, KeyID: t.given.S3KeyID, Secret: t.given.S3Secret}
	backends := map[string]string{"mail": addrs[0]}
	if len(t.Brokers) == 0 {
		t.Brokers = []string{addrs[1]}
		backends["kafka"] = addrs[1]
	}
	if t.S3.Endpoint == "" {
		t.S3.Endpoint, t.S3.KeyID, t.S3.Secret = "http://"+addrs[2], stack.S3KeyID, stack.S3Secret
		backends["s3"] = addrs[2]
	}
	program, err := os.Executable()
	if err != nil {
		return "", err
	}
	for _, name := range []string{"mail", "kafka", "s3"} { // in one order, for the seed
		addr, embedded := backends[name]
		if !embedded {
			continue
		}
		if err := t.start(name, program, addr,
			backendVariable+"="+name, addressVariable+"="+addr, "AWS_REGION="+t.given.S3Region); err != nil {
			return "", err
		}
	}
	return addrs[0], nil
}

// connect puts the proxies in front of the back ends and returns the environment
// of the services.
func (t *processTarget) connect(smtp string) ([]string, error) {
	if len(t.Brokers) != 1 {
		return nil, errors.New("KAFKA_BROKERS must name one broker: there is one proxy")
	}
	own := filepath.Base(t.dir)
	kafka, err := t.proxies.add("kafka", "tcp://"+t.Brokers[0])
	if err != nil {
		return nil, err
	}
	s3, err := t.proxies.add("s3", t.S3.Endpoint)
	if err != nil {
		return nil, err
	}
	mongo := &url.URL{}
	if t.given.MongoURI != "" {
		if mongo, err = t.proxies.add("mongodb", t.given.MongoURI); err != nil {
			return nil, err
		}
		query := mongo.Query()
		query.Set("directConnection", "true") // otherwise the driver goes around the proxy
		mongo.Path, mongo.RawQuery = "/"+own, query.Encode()
	}
	t.parts = append(t.parts, t.proxies.parts...)
	host, port, _ := net.SplitHostPort(smtp)
	return []string{
		"MONGODB_URI=" + mongo.String(), "KAFKA_BROKERS=" + kafka.Host, "KAFKA_GROUP=" + own, "S3_ENDPOINT=" + s3.String(), "S3_FORCE_PATH_STYLE=true",
		"S3_BUCKET_NAME=" + own, "AWS_REGION=" + t.given.S3Region, "AWS_ACCESS_KEY_ID=" + t.S3.KeyID, "AWS_SECRET_ACCESS_KEY=" + t.S3.Secret,
		"ENABLE_EMAIL_NOTIFICATIONS=true", "SMTP_HOST=" + host, "SMTP_PORT=" + port, "SMTP_TLS=none", "FROM_EMAIL=no-reply@battery-passport.example",
		"SWEEP_AFTER=15s", "PASSWORD_COST=10", "RATE_LIMIT=0", "AUTH_RATE_LIMIT=0", "LOGIN_FAILURES=0", "NOTIFICATION_LOG_PATH=" + t.Files,
	}, nil
}
