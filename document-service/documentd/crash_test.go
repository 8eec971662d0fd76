package documentd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/battery-passport/suite/document-service/documentd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/waittest"
)

const (
	childEnv   = "DOCUMENTD_TEST_CHILD" // configuration of a child process, as JSON
	minUploads = 80                     // acknowledged uploads after which TestKill ends
)

// runChild runs a service and prints its URL.
func runChild(config string) error {
	var cfg documentd.Config
	if err := json.Unmarshal([]byte(config), &cfg); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	cfg.HTTP.Listener = l
	fmt.Println("http://" + l.Addr().String())
	return documentd.Run(context.Background(), cfg, slog.New(slog.DiscardHandler))
}

// child is a service in a separate process.
type child struct {
	*service
	stderr io.Reader
	kill   func() // sends SIGKILL and waits for the end of the process
}

func startChild(t *testing.T, db connect.Config, change func(*documentd.Config), env ...string) child {
	t.Helper()
	s := &service{issuer: authtest.New(t), bucket: newBucket(t)}
	s.cfg = documentd.Config{MaxBytes: 64 << 20, SweepAfter: 24 * time.Hour, Store: db, S3: s.bucket.Config}
	s.cfg.Auth.URL = s.issuer.URL
	change(&s.cfg)
	return s.child(t, env...)
}

// child starts the service in a separate process.
func (s *service) child(t *testing.T, env ...string) child {
	t.Helper()
	stderr, stderrWriter := io.Pipe()
	url, end := resttest.StartChild(t, childEnv, s.cfg, stderrWriter, env...)
	kill := sync.OnceFunc(func() {
		end()
		stderrWriter.Close()
	})
	t.Cleanup(kill)
	started := *s
	started.Client = resttest.Client{T: t, URL: url}
	return child{&started, stderr, kill}
}

// TestKillLosesNoUpload repeatedly kills the service during uploads of one and of
// several parts and during deletions. No acknowledged upload is lost, and one sweep
// removes everything else.
func TestKillLosesNoUpload(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		begin := time.Now()
		s := &service{issuer: authtest.New(t), bucket: newBucket(t)}
		s.T = t
		s.cfg = documentd.Config{MaxBytes: 64 << 20, SweepAfter: 24 * time.Hour, Store: db, S3: s.bucket.Config}
		s.cfg.Auth.URL = s.issuer.URL
		user := s.as(auth.User, "")
		w := &writer{stored: map[string]string{}}
		kills := 0
		for ; w.acknowledged.Load() < minUploads; kills++ {
			c := s.child(t)
			go io.Copy(io.Discard, c.stderr)
			w.writeUntilKilled(c, user, 5+rand.Int64N(minUploads/8))
		}
		left, _, _ := leftOver(t, s)
		t.Logf("%d uploads acknowledged, %d kills in %v; left for the sweep: %d pending, %d deleting, %d objects, %d uploads", w.acknowledged.Load(), kills,
			time.Since(begin), strings.Count(left, "pending"), strings.Count(left, "deleting"), strings.Count(left, "\nobject"), strings.Count(left, "\nupload"))

		s2 := startWith(t, s.issuer, s.bucket, db, sweepSoon)
		defer func() {
			if t.Failed() {
				t.Log("left over:", left)
			}
		}()
		for id, sum := range w.stored {
			if a := s2.Call("GET /api/documents/"+id+"/content", user, nil).Want(200, nil); hashOf(a.Text) != sum {
				t.Errorf("document %s has %d different bytes after the kill", id, len(a.Text))
			}
		}
		waittest.Until(t, "the sweep", func() bool { left, _, _ = leftOver(t, s2); return left == "" })
	})
}

// writer uploads and deletes documents and records the acknowledged uploads.
type writer struct {
	acknowledged atomic.Int64
	mu           sync.Mutex
	stored       map[string]string // id → SHA-256
}

// writeUntilKilled writes in four goroutines and kills the service shortly after the
// given number of uploads.
func (w *writer) writeUntilKilled(c child, token string, uploads int64) {
	end := w.acknowledged.Load() + uploads
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := 0; ; n++ {
				size := rand.IntN(64 << 10)
				if i == 0 {
					size = 5<<20 + rand.IntN(7<<20) // two or three parts
				}
				if !w.write(c, token, size, n%3 == 2) {
					return
				}
				if w.acknowledged.Load() >= end {
					time.AfterFunc(time.Duration(rand.IntN(20))*time.Millisecond, c.kill)
				}
			}
		})
	}
	wg.Wait()
	c.kill()
}

// write uploads a file and deletes it if remove is set. It reports whether the service still runs.
func (w *writer) write(c child, token string, size int, remove bool) bool {
	content := append([]byte(pdf), bytes.Repeat([]byte{byte(rand.IntN(256))}, size)...)
	body, contentType := form(file("a.pdf", "application/pdf", string(content)))
	var d documentResponse
	status, err := send(c, http.MethodPost, "/api/documents/upload", token, body, contentType, &d)
	if err != nil {
		return false
	}
	if status != http.StatusCreated {
		return true // the service has not loaded the signing keys yet
	}
	w.acknowledged.Add(1)
	if remove {
		if _, err := send(c, http.MethodDelete, "/api/documents/"+d.DocID, token, "", "", nil); err != nil {
			return false // the document may or may not be deleted
		}
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stored[d.DocID] = hashOf(string(content))
	return true
}

// send sends a request to a service that may be killed before it responds.
func send(c child, method, path, token, body, contentType string, out any) (int, error) {
	req, err := http.NewRequest(method, c.URL+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", contentType)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusCreated {
		err = json.NewDecoder(res.Body).Decode(out)
	}
	return res.StatusCode, err
}
