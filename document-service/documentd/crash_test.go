package documentd_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
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
)

const (
	childEnv = "DOCUMENTD_TEST_CHILD" // the configuration of a child, as JSON
	enough   = 200                    // uploads that are acknowledged before the killing ends
)

// runChild runs a service and says where.
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

// child is a service in a process of its own.
type child struct {
	*service
	stderr io.Reader
	kill   func() // at once, and waits for its end
}

func startChild(t *testing.T, db connect.Config, change func(*documentd.Config), env ...string) child {
	t.Helper()
	s := &service{issuer: authtest.New(t), bucket: newBucket(t)}
	s.cfg = documentd.Config{MaxBytes: 64 << 20, SweepAfter: 24 * time.Hour, Store: db, S3: s.bucket.Config}
	s.cfg.Auth.URL = s.issuer.URL
	change(&s.cfg)
	return s.child(t, env...)
}

// child starts the service anew, in a process of its own.
func (s *service) child(t *testing.T, env ...string) child {
	t.Helper()
	config, err := json.Marshal(s.cfg)
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(append(os.Environ(), childEnv+"="+string(config)), env...)
	stderr, stderrOf := io.Pipe()
	cmd.Stderr = stderrOf
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := sync.OnceFunc(func() {
		cmd.Process.Kill()
		cmd.Wait()
		stderrOf.Close()
	})
	t.Cleanup(kill)
	t.Cleanup(resttest.CloseIdle)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	started := *s
	started.Client = resttest.Client{T: t, URL: line[:len(line)-1]}
	return child{&started, stderr, kill}
}

// TestKill kills the service again and again while files are uploaded, of one
// part and of several, and some deleted. Nothing that was acknowledged is lost,
// and one sweep leaves nothing else.
func TestKill(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		begin := time.Now()
		s := &service{issuer: authtest.New(t), bucket: newBucket(t)}
		s.T = t
		s.cfg = documentd.Config{MaxBytes: 64 << 20, SweepAfter: 24 * time.Hour, Store: db, S3: s.bucket.Config}
		s.cfg.Auth.URL = s.issuer.URL
		maker := s.as(auth.User, "")
		w := &writer{kept: map[string]string{}}
		kills := 0
		for ; w.acknowledged.Load() < enough; kills++ {
			c := s.child(t)
			go io.Copy(io.Discard, c.stderr)
			w.during(c, maker, 5+rand.Int64N(enough/8))
		}
		left, _, _ := leftOver(t, s)
		t.Logf("%d uploads acknowledged, %d killings in %v; left for the sweep: %d pending, %d deleting, %d objects, %d uploads", w.acknowledged.Load(), kills,
			time.Since(begin), strings.Count(left, "pending"), strings.Count(left, "deleting"), strings.Count(left, "\nobject"), strings.Count(left, "\nupload"))

		s2 := startWith(t, s.issuer, s.bucket, db, sweepSoon)
		defer func() {
			if t.Failed() {
				t.Log("left over:", left)
			}
		}()
		for id, sum := range w.kept {
			if a := s2.Call("GET /api/documents/"+id+"/content", maker, nil).Want(200, nil); hashOf(a.Text) != sum {
				t.Errorf("%s came back as %d other bytes", id, len(a.Text))
			}
		}
		waitFor(t, "the sweep", func() bool { left, _, _ = leftOver(t, s2); return left == "" })
	})
}

// writer uploads and deletes, and remembers what was acknowledged.
type writer struct {
	acknowledged atomic.Int64
	mu           sync.Mutex
	kept         map[string]string // id → SHA-256
}

// during writes, four at a time, until the service is killed at a number of
// uploads, or a moment later.
func (w *writer) during(c child, token string, uploads int64) {
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

// write uploads a file, and may delete it; it tells whether the service lives.
func (w *writer) write(c child, token string, size int, remove bool) bool {
	content := append([]byte(pdf), bytes.Repeat([]byte{byte(rand.IntN(256))}, size)...)
	body, contentType := form(file("a.pdf", "application/pdf", string(content)))
	var d answer
	status, err := ask(c, http.MethodPost, "/api/documents/upload", token, body, contentType, &d)
	if err != nil {
		return false
	}
	if status != http.StatusCreated {
		return true // the keys are not there yet
	}
	w.acknowledged.Add(1)
	if remove {
		if _, err := ask(c, http.MethodDelete, "/api/documents/"+d.DocID, token, "", "", nil); err != nil {
			return false // it may be deleted, or not
		}
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kept[d.DocID] = hashOf(string(content))
	return true
}

// ask sends a request to a service that may be killed meanwhile.
func ask(c child, method, path, token, body, contentType string, out any) (int, error) {
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
