package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// startProcesses runs the four services, each in a process of its own, on back
// ends that run already and are left alone.
func startProcesses(ctx context.Context, cfg config) (*target, error) {
	e := cfg.Environment
	if len(e.Brokers) == 0 || e.S3Endpoint == "" {
		return nil, errors.New("-target processes: set KAFKA_BROKERS and S3_ENDPOINT, with the key of it, and MONGODB_URI unless SQLite will do")
	}
	dir, err := os.MkdirTemp("", "chaos-")
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(4)
	if err != nil {
		return nil, err
	}
	url := func(i int) string { return "http://127.0.0.1:" + ports[i] }
	t := &target{place: e.place(), logs: dir}
	t.Auth, t.Passport, t.Document, t.Notification = url(0), url(1), url(2), url(3)
	t.SweepAfter, t.Files = localSweep, filepath.Join(dir, "notifications")
	// Consumers and objects of others are not disturbed, nor do they disturb.
	own := filepath.Base(dir)
	t.S3.Bucket = own
	env := append(bareEnvironment(),
		"AUTH_SERVICE_URL="+t.Auth, "DATA_DIR="+filepath.Join(dir, "data"), "MONGODB_URI="+e.database(own), "KAFKA_BROKERS="+strings.Join(e.Brokers, ","),
		"KAFKA_GROUP="+own, "S3_ENDPOINT="+e.S3Endpoint, "S3_FORCE_PATH_STYLE=true", "S3_BUCKET_NAME="+own, "AWS_REGION="+e.S3Region,
		"AWS_ACCESS_KEY_ID="+e.S3KeyID, "AWS_SECRET_ACCESS_KEY="+e.S3Secret, "SWEEP_AFTER="+localSweep.String(),
		"PASSWORD_COST=10", "RATE_LIMIT=0", "AUTH_RATE_LIMIT=0", "LOGIN_FAILURES=0", "NOTIFICATION_LOG_PATH="+t.Files)
	var all []*process
	t.close = func() {
		for _, p := range all {
			p.close()
		}
	}
	for i, name := range []string{"auth-service", "passport-service", "document-service", "notification-service"} {
		program, err := build(ctx, dir, name, name)
		if err != nil {
			t.close()
			return nil, err
		}
		p := &process{name: name, program: program, env: append(env[:len(env):len(env)], "PORT="+ports[i]), log: filepath.Join(dir, name+".log"), ready: running(url(i))}
		all, t.parts = append(all, p), append(t.parts, p)
		if err := p.Start(ctx); err != nil {
			t.close()
			return nil, err
		}
	}
	return t, nil
}

// database is a database of its own name in the MongoDB of the environment.
func (e environment) database(name string) string {
	if e.MongoURI == "" {
		return ""
	}
	uri, query, _ := strings.Cut(e.MongoURI, "?")
	scheme, rest, _ := strings.Cut(uri, "://")
	host, _, _ := strings.Cut(rest, "/")
	uri = scheme + "://" + host + "/" + name
	if query != "" {
		uri += "?" + query
	}
	return uri
}
