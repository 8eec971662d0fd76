package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/battery-passport/suite/deploy/stack"
)

// localSweep is the SWEEP_AFTER of suites that are started here: longer than an
// upload takes that is not held up, and short enough to be waited for.
const localSweep = 15 * time.Second

// startLocal runs the program of make run with data of its own. It is one
// process, and so one part.
func startLocal(ctx context.Context, cfg config) (*target, error) {
	dir, err := os.MkdirTemp("", "chaos-")
	if err != nil {
		return nil, err
	}
	program, err := build(ctx, dir, "local", "deploy/local")
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(7)
	if err != nil {
		return nil, err
	}
	said := &banner{}
	p := &process{
		name: "suite", program: program, log: filepath.Join(dir, "log"), ready: said.complete,
		out: said.anew,
		env: append(bareEnvironment(),
			"DATA_DIR="+filepath.Join(dir, "data"), "AUTH_PORT="+ports[0], "PASSPORT_PORT="+ports[1], "DOCUMENT_PORT="+ports[2],
			"NOTIFICATION_PORT="+ports[3], "KAFKA_PORT="+ports[4], "S3_PORT="+ports[5], "MAIL_PORT="+ports[6],
			"SWEEP_AFTER="+localSweep.String(), "PASSWORD_COST=10", "RATE_LIMIT=0", "AUTH_RATE_LIMIT=0", "LOGIN_FAILURES=0", "S3_BUCKET_NAME="+cfg.Environment.S3Bucket, "AWS_REGION="+cfg.Environment.S3Region),
	}
	t := &target{parts: []part{p}, logs: dir, close: p.close}
	if err := p.Start(ctx); err != nil {
		p.close()
		return nil, err
	}
	t.place = place{
		AdminEmail: cfg.Environment.AdminEmail, AdminPassword: cfg.Environment.AdminPassword,
		Auth: said.word("auth-service"), Passport: said.word("passport-service"), Document: said.word("document-service"),
		Notification: said.word("notification-service"), Brokers: strings.Split(said.word("Kafka"), ","),
		S3: storage{
			Endpoint: said.word("S3"), Bucket: cfg.Environment.S3Bucket, Region: cfg.Environment.S3Region, KeyID: stack.S3KeyID, Secret: stack.S3Secret,
		},
		SweepAfter: localSweep, Files: filepath.Join(dir, "data", "notifications"),
	}
	return t, nil
}

// bareEnvironment is what a program needs that is to know of no other suite.
func bareEnvironment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + os.TempDir()}
}

// banner reads what the program of make run says when all of it is ready.
type banner struct {
	mu    sync.Mutex
	text  bytes.Buffer
	whole chan struct{}
}

// bannerEnd is what the last line begins with that says where something is.
const bannerEnd = "\n  text files "

// anew forgets what a process before said.
func (b *banner) anew() io.Writer {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text.Reset()
	b.whole = make(chan struct{})
	return b
}

func (b *banner) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := strings.Contains(b.text.String(), bannerEnd)
	b.text.Write(p)
	if !before && strings.Contains(b.text.String(), bannerEnd) {
		close(b.whole)
	}
	return len(p), nil
}

// complete waits for the end of the banner.
func (b *banner) complete(exited <-chan struct{}) error {
	b.mu.Lock()
	whole := b.whole
	b.mu.Unlock()
	select {
	case <-whole:
		return nil
	case <-exited:
		return errExited
	case <-time.After(startTimeout):
		return fmt.Errorf("it is not ready after %v", startTimeout)
	}
}

// word returns the first word after a name.
func (b *banner) word(name string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for line := range strings.Lines(b.text.String()) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == name {
			return words[1]
		}
	}
	return ""
}
