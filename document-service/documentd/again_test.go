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
)

// TestUploadComesAgain: a file is stored once, and another with the same key not
// at all.
func TestUploadComesAgain(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		ann, bob := s.as(auth.User, ""), s.as(auth.Operator, "B")
		send := func(token, key string, parts ...field) (id string, again bool, status int) {
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
		id, again, _ := send(ann, "k", first...)
		if again {
			t.Error("the first came again")
		}
		for name, same := range map[string][]field{"the same": first, "the field before": {first[1], first[0]}} {
			if got, again, _ := send(ann, "k", same...); got != id || !again {
				t.Errorf("%s: %s, again %v, want %s", name, got, again, id)
			}
		}
		for name, other := range map[string][]field{
			"another file": {file("a.pdf", "", pdf+" "), first[1]}, "another name": {file("b.pdf", "", pdf), first[1]},
			"another field": {first[0], field{"description", "y", "", ""}}, "without a field": {first[0]},
			"of a passport": {first[0], first[1], field{"passportId", passportID, "", ""}}, "of a kind": {first[0], first[1], field{"kind", "test-report", "", ""}},
			"for authorities": {first[0], first[1], field{"accessClass", "authority", "", ""}}, "for everybody": {first[0], first[1], field{"isPublic", "true", "", ""}},
		} {
			if _, _, status := send(ann, "k", other...); status != 422 {
				t.Errorf("%s: %d", name, status)
			}
		}
		if got, again, _ := send(bob, "k", first...); got == id || again {
			t.Errorf("of another caller: %s, again %v", got, again)
		}
		objects, uploads := s.bucket.keys(t)
		if len(objects) != 2 || len(uploads) != 0 {
			t.Errorf("stored: %v, %v", objects, uploads)
		}
		// What is deleted may be stored again.
		s.Call("DELETE /api/documents/"+id, ann, nil).Want(204, nil)
		if got, again, _ := send(ann, "k", first...); got == id || again {
			t.Errorf("after it was deleted: %s, again %v", got, again)
		}
	})
}

// TestUploadAtOnce sends a file many times at once with one key: one document is
// left, and one object.
func TestUploadAtOnce(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		ann := s.as(auth.User, "")
		var wg sync.WaitGroup
		var mu sync.Mutex
		ids, first := map[string]int{}, 0
		for range 8 {
			wg.Go(func() {
				body, contentType := form(file("a.txt", "", strings.Repeat("some text\n", 10_000)))
				a := s.Call(upload, ann, body, "Content-Type", contentType, "Idempotency-Key", "k")
				var d struct{ DocID string }
				a.Want(201, &d)
				mu.Lock()
				defer mu.Unlock()
				if ids[d.DocID]++; a.Header.Get("Idempotency-Replayed") == "" {
					first++
				}
			})
		}
		wg.Wait()
		if objects, uploads := s.bucket.keys(t); len(ids) != 1 || first != 1 || len(objects) != 1 || len(uploads) != 0 {
			t.Errorf("%v, made %d times, stored %v, %v", ids, first, objects, uploads)
		}
	})
}

// TestKilledBeforeItsAnswer kills the service when it has stored a document, and
// sends the file again to the next one.
func TestKilledBeforeItsAnswer(t *testing.T) {
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
			row, err := documents.GetBy(t.Context(), "key", idempotency.ID("document", string(auth.User)+"@A", key))
			return row.ID, err == nil
		}
		c := s.child(t)
		go io.Copy(io.Discard, c.stderr)
		lost := make(chan struct{})
		go func() {
			defer close(lost)
			for status := 503; status == 503; { // the keys are not there yet
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
		waitFor(t, "the document", func() bool { _, ok := stored(); return ok })
		id, _ := stored()
		c.kill()
		<-lost
		next := startWith(t, s.issuer, s.bucket, s.cfg.Store)
		a := next.Call(upload, ann, body, "Content-Type", contentType, "Idempotency-Key", key)
		var d struct{ DocID string }
		if a.Want(201, &d); d.DocID != id || a.Header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("%s: %s, %v, want %s again", key, d.DocID, a.Header, id)
		}
		wantEvents(t, next, id, "document.uploaded 2")
		next.stop()
	}
	if objects, uploads := s.bucket.keys(t); len(objects) != 5 || len(uploads) != 0 {
		t.Errorf("stored: %v, %v", objects, uploads)
	}
}
