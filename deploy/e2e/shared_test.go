package e2e

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/battery-passport/suite/deploy/stack"
	"github.com/battery-passport/suite/document-service/s3local"
)

// atEnd closes the resources that tests share, in reverse order.
var atEnd []func()

func TestMain(m *testing.M) {
	code := m.Run()
	for _, end := range slices.Backward(atEnd) {
		end()
	}
	os.Exit(code)
}

// lasting is a test whose resources exist until the end of all tests. Its log is that of the
// test that runs.
type lasting struct{ testing.TB }

func (lasting) Cleanup(f func()) { atEnd = append(atEnd, f) }

func (lasting) Output() io.Writer { return &running }

func (l lasting) TempDir() string {
	dir, err := os.MkdirTemp("", "e2e-")
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// running writes to the log of the test that runs.
var running switchedLog

type switchedLog struct {
	mu sync.Mutex
	to io.Writer // nil: no test of a shared suite runs
}

func (o *switchedLog) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.to == nil {
		return len(p), nil
	}
	return o.to.Write(p)
}

func (o *switchedLog) set(to io.Writer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.to = to
}

// shared has the suites of onSharedSuites, by back ends.
var shared = map[string]*suite{}

// onSharedSuites is onSuites for tests that need no suite of their own: they create resources with
// unique names, and the admin with suite.admin.
func onSharedSuites(t *testing.T, test func(*suite)) {
	for name, configure := range backEnds {
		t.Run(name, func(t *testing.T) {
			s := shared[name]
			if s == nil {
				s = &suite{t: t, cfg: configure(lasting{t})}
				s.start()
				atEnd = append(atEnd, func() {
					if err := s.stack.Stop(); err != nil {
						panic(fmt.Sprintf("suite: %v", err))
					}
				})
				shared[name] = s
			}
			running.set(t.Output())
			t.Cleanup(func() { running.set(nil) })
			test(s.of(t))
		})
	}
}

// s3Address starts the S3 server of all suites, which have buckets of their own: a process can
// run only one server.
var s3Address = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "e2e-s3-")
	if err != nil {
		return "", err
	}
	server, err := s3local.Start(context.Background(), s3local.Config{Dir: filepath.Join(dir, "s3"), Addr: "127.0.0.1:0", KeyID: stack.S3KeyID, Secret: stack.S3Secret, Region: "us-east-1"})
	if err != nil {
		return "", err
	}
	atEnd = append(atEnd, func() {
		server.Close()
		os.RemoveAll(dir)
	})
	return server.Addr, nil
})
