package documentd_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/battery-passport/suite/document-service/documentd"
	"github.com/battery-passport/suite/document-service/internal/s3store"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// deadline is the longest time of an upload that fails because S3 is unavailable.
const deadline = 5 * time.Second

// TestOnlyFileRequestsFailDuringStorageOutage also checks that the service recovers.
func TestOnlyFileRequestsFailDuringStorageOutage(t *testing.T) {
	bucket := newBucket(t)
	proxy, through := storetest.NewProxy(t, bucket.Endpoint)
	db := connect.Config{Dir: t.TempDir()}
	s := startWith(t, authtest.New(t), bucket, db, func(cfg *documentd.Config) { cfg.S3.Endpoint = through })
	user := s.as(auth.User, "")
	stored := s.upload(user, file("a.pdf", "", pdf))
	body, contentType := form(file("a.pdf", "", pdf+strings.Repeat("x", 6<<20)))
	bearer := []string{"Authorization", "Bearer " + user, "Content-Type", contentType}
	for range 2 {
		proxy.SetDown(true)
		begin := time.Now()
		s.Do(upload, body, bearer...).WantProblem(503)
		s.Do("GET /api/documents/"+stored.DocID+"/content", "", bearer...).WantProblem(503)
		if took := time.Since(begin); took > 2*deadline {
			t.Errorf("two refused requests took %v", took)
		}
		var got documentResponse
		s.Do("GET /api/documents/"+stored.DocID, "", bearer...).Want(200, &got)
		s.Do("GET /api/documents", "", bearer...).Want(200, nil)
		if ready := s.Do("GET /readyz", "").Want(200, nil); !strings.Contains(ready.Text, `"status":"degraded"`) || !strings.Contains(ready.Text, `{"name":"storage","ok":false,`) {
			t.Errorf("readyz = %s", ready.Text)
		}
		proxy.SetDown(false)
		s.Call(upload, user, body, bearer...).Want(201, nil)
		if a := s.Call("GET /api/documents/"+stored.DocID+"/content", user, nil); a.Text != pdf {
			t.Errorf("content = %q", a.Text)
		}
	}

	// A document deleted during the outage is gone at once; a sweep removes its object.
	proxy.SetDown(true)
	s.Do("DELETE /api/documents/"+stored.DocID, "", bearer...).Want(204, nil)
	s.Do("GET /api/documents/"+stored.DocID, "", bearer...).WantProblem(404)
	proxy.SetDown(false)
	s.stop()
	s2 := startWith(t, s.issuer, bucket, db, sweepSoon)
	waittest.Until(t, "the sweep", func() bool { left, n, _ := leftOver(t, s2); return left == "" && n == 2 })
}

// sweepSoon makes a service sweep everything that its predecessor left.
func sweepSoon(cfg *documentd.Config) { cfg.SweepAfter = time.Millisecond }

// TestStorageFailsDuringUpload makes S3 unavailable in the middle of an upload.
func TestStorageFailsDuringUpload(t *testing.T) {
	bucket := newBucket(t)
	proxy, through := storetest.NewProxy(t, bucket.Endpoint)
	s := startWith(t, authtest.New(t), bucket, connect.Config{Dir: t.TempDir()}, func(cfg *documentd.Config) {
		cfg.S3.Endpoint, cfg.MaxBytes = through, 64<<20
	})
	user := s.as(auth.User, "")
	large := newBody(40<<20, func(sent int64) {
		if sent > 30<<20 {
			proxy.SetDown(true)
		}
	})
	s.send(t, user, large).WantProblem(503)
	proxy.SetDown(false)
	s.upload(user, file("a.pdf", "", pdf)) // the service recovers without a restart
	s.stop()
	s2 := startWith(t, s.issuer, bucket, s.cfg.Store, sweepSoon)
	waittest.Until(t, "the sweep", func() bool { left, n, _ := leftOver(t, s2); return left == "" && n == 1 })
}

// TestClientDisconnectsDuringUpload checks that nothing of a multipart upload is left
// when its client disconnects, without a sweep.
func TestClientDisconnectsDuringUpload(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()}, func(cfg *documentd.Config) { cfg.MaxBytes = 64 << 20 })
	user := s.as(auth.User, "")
	s.upload(user, file("a.pdf", "", pdf))
	ctx, cut := context.WithCancel(t.Context())
	large := newBody(64<<20, func(sent int64) {
		if sent > 16<<20 {
			cut()
		}
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/api/documents/upload", formOf(large))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+user)
	req.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	if _, err := http.DefaultClient.Do(req); !errors.Is(err, context.Canceled) {
		t.Fatalf("upload = %v, want context.Canceled", err)
	}
	waittest.Until(t, "the upload", func() bool { left, n, _ := leftOver(t, s); return left == "" && n == 1 })
}

// TestCancelledPutLeavesNothing cancels an upload to the bucket between two parts and
// checks that no parts are left, without a sweep.
func TestCancelledPutLeavesNothing(t *testing.T) {
	bucket := newBucket(t)
	objects, err := s3store.Open(bucket.Config)
	if err != nil {
		t.Fatal(err)
	}
	defer objects.Close()
	if err := objects.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	large := newBody(64<<20, func(sent int64) {
		if sent > 16<<20 {
			cancel()
		}
	})
	if err := objects.Put(ctx, "a/b", "application/pdf", large); err == nil {
		t.Error("Put succeeded, want an error")
	}
	if stored, uploads := bucket.keys(t, "a/b"); len(stored)+len(uploads) > 0 {
		t.Errorf("left in the bucket: objects %v, uploads %v", stored, uploads)
	}
}

// logBuffer is the log of a service. It is safe for concurrent use.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestUnusableBucketIsLogged checks that the service runs and logs the reason when it
// cannot use its bucket at the start.
func TestUnusableBucketIsLogged(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*s3store.Config)
		reason string
	}{
		"wrong secret": {func(c *s3store.Config) { c.Secret = "wrong" }, "the object storage refuses the access key of this service"},
		"wrong name":   {func(c *s3store.Config) { c.Bucket = "No_Bucket" }, "the object storage refuses the operation: "},
		"no server":    {func(c *s3store.Config) { c.Endpoint = "http://" + resttest.UnusedAddress(t) }, "the object storage does not respond"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := documentd.Config{MaxBytes: 1 << 20, SweepAfter: time.Hour, Store: connect.Config{Dir: t.TempDir()}, S3: newBucket(t).Config, Auth: token.Config{URL: authtest.New(t).URL}}
			c.change(&cfg.S3)
			var logs logBuffer
			client, _ := resttest.Start(t, func(ctx context.Context, at rest.Config) error {
				cfg.HTTP = at
				return documentd.Run(ctx, cfg, slog.New(slog.NewTextHandler(&logs, nil)))
			})
			waittest.Until(t, "the start", func() bool { return strings.Contains(logs.String(), `operation="use the S3 bucket"`) })
			if !strings.Contains(logs.String(), c.reason) {
				t.Errorf("log is %s, want %q", logs.String(), c.reason)
			}
			client.Do("GET /livez", "").Want(200, nil)
		})
	}
}

// TestDatabaseOutage checks that requests fail with 503 while the database is
// unavailable, and that the service recovers.
func TestDatabaseOutage(t *testing.T) {
	proxy, uri := storetest.NewProxy(t, storetest.MongoURI(t))
	s := start(t, connect.Config{URI: uri})
	user := s.as(auth.User, "")
	d := s.upload(user, file("a.pdf", "", pdf))
	body, contentType := form(file("a.pdf", "", pdf))
	proxy.SetDown(true)
	for _, route := range []string{upload, "GET /api/documents/" + d.DocID, "GET /api/documents"} {
		s.Do(route, body, "Authorization", "Bearer "+user, "Content-Type", contentType).WantProblem(503)
	}
	s.Do("GET /readyz", "").Want(503, nil)
	proxy.SetDown(false)
	s.upload(user, file("b.pdf", "", pdf))
	wantOnly(t, s, 2)
}

// TestStalledUploadsLoseTheirPlaces starts uploads that then send nothing. Others find a
// place at once unless the stalled ones fill it, and after a few seconds in any case.
func TestStalledUploadsLoseTheirPlaces(t *testing.T) {
	// The stalled uploads send nothing for longer than the default timeouts allow.
	s := start(t, connect.Config{Dir: t.TempDir()}, func(c *documentd.Config) {
		c.HTTP.Timeouts = rest.Timeouts{ReadHeader: time.Minute, Read: time.Minute, Write: time.Minute, Idle: time.Minute, Transfer: time.Minute}
	})
	documents, _ := s.open(t)
	release, stalled := make(chan struct{}), make(chan int, 10)
	stall := func(user string) {
		t.Helper()
		begun := make(chan struct{})
		body := newBody(2<<20, func(sent int64) {
			if sent > 256<<10 && sent <= 512<<10 {
				select {
				case begun <- struct{}{}:
				case <-release:
				}
				<-release
			}
		})
		go func() { stalled <- s.send(t, user, body).Status }()
		<-begun
	}
	lose := func(who string) {
		t.Helper()
		if status := <-stalled; status != 503 {
			t.Errorf("the stalled upload of %s = %d, want 503", who, status)
		}
	}
	ann, bob := s.as(auth.User, "A"), s.as(auth.User, "B")
	member := func(id string) string {
		return s.issuer.Token(t, auth.Principal{UserID: id, Email: "x@x.example", Role: auth.User})
	}
	// undisturbed uploads a file that needs no place of a stalled upload.
	undisturbed := func(user, name string) {
		t.Helper()
		if s.upload(user, file(name, "", pdf)); len(stalled) > 0 {
			t.Errorf("a stalled upload ended with %d although there were free places", <-stalled)
		}
	}
	stall(member("mallory1")) // takes the only place of the accounts without an organisation
	undisturbed(ann, "a.pdf")
	s.upload(member("eve"), file("b.pdf", "", pdf))
	lose("mallory")
	stall(ann)
	stall(ann) // takes the half of an organisation
	undisturbed(bob, "c.pdf")
	s.upload(ann, file("d.pdf", "", pdf))
	lose("ann")
	s.Call("GET /api/documents", ann, nil).Want(200, nil)
	close(release)
	if status := <-stalled; status != 201 {
		t.Errorf("the other stalled upload of ann = %d, want 201", status)
	}
	for range 3 {
		s.upload(ann, file("e.pdf", "", pdf))
	}
	waittest.Until(t, "the end of the cancelled uploads", func() bool {
		page, err := documents.List(t.Context(), store.Query{Scopes: []string{"unfinished"}, Limit: store.MaxLimit})
		return err == nil && len(page.Rows) == 0
	})
	wantOnly(t, s, 8)
}
