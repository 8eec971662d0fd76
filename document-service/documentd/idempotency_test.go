package documentd_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/battery-passport/suite/document-service/documentd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/idempotency"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// TestRepeatedUploadIsStoredOnce repeats uploads with the same Idempotency-Key and
// checks that a different upload with that key is refused.
func TestRepeatedUploadIsStoredOnce(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		ann, bob := s.as(auth.Operator, ""), s.as(auth.Operator, "B")
		send := func(token, key string, parts ...field) (id string, replayed bool, status int) {
			t.Helper()
			body, contentType := form(parts...)
			a := s.Call(upload, token, body, "Content-Type", contentType, "Idempotency-Key", key)
			var d struct{ DocID string }
			if a.Status == 201 {
				a.Want(201, &d)
			} else {
				a.WantProblem(422, "header:Idempotency-Key reused")
			}
			return d.DocID, a.Header.Get("Idempotency-Replayed") == "true", a.Status
		}
		first := []field{file("a.pdf", "", pdf), field{"description", "x", "", ""}}
		id, replayed, _ := send(ann, "k", first...)
		if replayed {
			t.Error("first upload is replayed")
		}
		for name, same := range map[string][]field{"same order": first, "other order": {first[1], first[0]}} {
			if got, replayed, _ := send(ann, "k", same...); got != id || !replayed {
				t.Errorf("%s: id %s, replayed %v, want %s, true", name, got, replayed, id)
			}
		}
		for name, other := range map[string][]field{
			"other file": {file("a.pdf", "", pdf+" "), first[1]}, "other name": {file("b.pdf", "", pdf), first[1]},
			"other description": {first[0], field{"description", "y", "", ""}}, "missing description": {first[0]},
			"other passport": {first[0], first[1], field{"passportId", passportID, "", ""}}, "other kind": {first[0], first[1], field{"kind", "test-report", "", ""}},
			"other access class": {first[0], first[1], field{"accessClass", "authority", "", ""}}, "public": {first[0], first[1], field{"isPublic", "true", "", ""}},
		} {
			if _, _, status := send(ann, "k", other...); status != 422 {
				t.Errorf("%s: got %d, want 422", name, status)
			}
		}
		if got, replayed, _ := send(bob, "k", first...); got == id || replayed {
			t.Errorf("other caller: id %s, replayed %v, want a new document", got, replayed)
		}
		objects, uploads := s.bucket.keys(t)
		if len(objects) != 2 || len(uploads) != 0 {
			t.Errorf("stored: objects %v, uploads %v, want 2 objects", objects, uploads)
		}
		// After the deletion, the key can be used again.
		s.Call("DELETE /api/documents/"+id, ann, nil).Want(204, nil)
		if got, replayed, _ := send(ann, "k", first...); got == id || replayed {
			t.Errorf("after the deletion: id %s, replayed %v, want a new document", got, replayed)
		}
	})
}

// TestConcurrentUploadsWithOneKey checks that they create one document and one object.
func TestConcurrentUploadsWithOneKey(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		ann := s.as(auth.User, "")
		var wg sync.WaitGroup
		var mu sync.Mutex
		ids, created := map[string]int{}, 0
		for range 8 {
			wg.Go(func() {
				body, contentType := form(file("a.txt", "", strings.Repeat("some text\n", 10_000)))
				a := s.Call(upload, ann, body, "Content-Type", contentType, "Idempotency-Key", "k")
				var d struct{ DocID string }
				a.Want(201, &d)
				mu.Lock()
				defer mu.Unlock()
				if ids[d.DocID]++; a.Header.Get("Idempotency-Replayed") == "" {
					created++
				}
			})
		}
		wg.Wait()
		if objects, uploads := s.bucket.keys(t); len(ids) != 1 || created != 1 || len(objects) != 1 || len(uploads) != 0 {
			t.Errorf("ids %v, created %d times, objects %v, uploads %v", ids, created, objects, uploads)
		}
	})
}

// TestUploadRepeatedAfterCrash kills the service after it has stored a document and
// repeats the upload: the restarted service returns the same document.
func TestUploadRepeatedAfterCrash(t *testing.T) {
	s := &service{issuer: authtest.New(t), bucket: newBucket(t)}
	s.T = t
	s.cfg = documentd.Config{MaxBytes: 1 << 20, SweepAfter: 24 * time.Hour, Store: connect.Config{Dir: t.TempDir()}, S3: s.bucket.Config}
	s.cfg.Auth.URL = s.issuer.URL
	ann := s.as(auth.User, "A")
	documents, _ := s.open(t)
	body, contentType := form(file("a.pdf", "", pdf))
	for round := range 5 {
		key := fmt.Sprint("k", round)
		stored := func() (string, bool) {
			row, err := documents.GetBy(t.Context(), "key", idempotency.ID("document of A", string(auth.User)+"@A", key))
			return row.ID, err == nil
		}
		c := s.child(t)
		go io.Copy(io.Discard, c.stderr)
		finished := make(chan struct{})
		go func() {
			defer close(finished)
			for status := 503; status == 503; { // the service has not loaded the signing keys yet
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.URL+"/api/documents/upload", strings.NewReader(body))
				if err != nil {
					return
				}
				req.Header = http.Header{"Authorization": {"Bearer " + ann}, "Content-Type": {contentType}, "Idempotency-Key": {key}}
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					return
				}
				status = res.StatusCode
				res.Body.Close()
			}
		}()
		waittest.Until(t, "the document", func() bool { _, ok := stored(); return ok })
		id, _ := stored()
		c.kill()
		<-finished
		next := startWith(t, s.issuer, s.bucket, s.cfg.Store)
		a := next.Call(upload, ann, body, "Content-Type", contentType, "Idempotency-Key", key)
		var d struct{ DocID string }
		if a.Want(201, &d); d.DocID != id || a.Header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("key %s: id %s, headers %v, want replayed document %s", key, d.DocID, a.Header, id)
		}
		wantEvents(t, next, id, "document.uploaded 2")
		next.stop()
	}
	if objects, uploads := s.bucket.keys(t); len(objects) != 5 || len(uploads) != 0 {
		t.Errorf("stored: %v, %v", objects, uploads)
	}
}
