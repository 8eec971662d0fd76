package documentd_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/document-service/documentd"
	"github.com/battery-passport/suite/document-service/internal/document"
	"github.com/battery-passport/suite/document-service/internal/s3store"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/task"
)

// leftOver counts the documents that are ready, and tells what is there that
// belongs to none of them.
func leftOver(t *testing.T, s *service) (left string, ready int, keys []string) {
	t.Helper()
	documents, origins := s.open(t)
	origin, err := origins.Get(t.Context(), "origin")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, scope := range []string{"", "unfinished"} {
		for q := (store.Query{Scopes: []string{scope}, Limit: store.MaxLimit}); ; {
			page, err := documents.List(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range page.Rows {
				key := origin.Doc.ID + "/" + row.ID
				keys = append(keys, key)
				if known[key] = scope == ""; !known[key] {
					left += fmt.Sprintf("\n%s document %s", row.Doc.State, row.ID)
				}
			}
			if q.Cursor = page.Next; q.Cursor == "" {
				break
			}
		}
	}
	objects, uploads := s.bucket.keys(t, keys...)
	for _, key := range objects {
		if !known[key] {
			left += "\nobject " + key
		}
		delete(known, key)
	}
	for _, u := range uploads {
		left += "\nupload " + u
	}
	for key := range known {
		if known[key] {
			ready++
			left += "\ndocument without object " + key
		}
	}
	return left, len(objects), keys
}

// put stores an object beside the service.
func (b bucket) put(t *testing.T, key string) {
	t.Helper()
	if _, err := b.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &b.Bucket, Key: &key, Body: strings.NewReader("x")}); err != nil {
		t.Fatal(err)
	}
}

// prefix is that of the keys of the service.
func (s *service) prefix(t *testing.T) string {
	t.Helper()
	_, origins := s.open(t)
	origin, err := origins.Get(t.Context(), "origin")
	if err != nil {
		t.Fatal(err)
	}
	return origin.Doc.ID + "/"
}

// TestSweepKeepsToItsOwn has a service with an empty database sweep the bucket
// of another: it removes what has no document under its own prefix alone.
func TestSweepKeepsToItsOwn(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	maker := s.as(auth.User, "")
	kept := s.upload(maker, file("a.pdf", "", pdf))
	foreign := []string{s.prefix(t) + "orphan", "somebody.txt", "0/x"}
	for _, key := range foreign {
		s.bucket.put(t, key)
	}
	begun, err := s.bucket.client.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &s.bucket.Bucket, Key: &foreign[0]})
	if err != nil {
		t.Fatal(err)
	}
	before, uploads := s.bucket.keys(t, foreign[0])

	stranger := startWith(t, s.issuer, s.bucket, connect.Config{Dir: t.TempDir()}, sweepSoon)
	stranger.upload(stranger.as(auth.User, ""), file("b.pdf", "", pdf))
	for range 2 { // the second is removed by a sweep that saw all that was there
		orphan := stranger.prefix(t) + "orphan"
		s.bucket.put(t, orphan)
		waitFor(t, "the sweep", func() bool { objects, _ := s.bucket.keys(t); return !strings.Contains(fmt.Sprint(objects), orphan) })
	}
	var after []string
	objects, still := s.bucket.keys(t, foreign[0])
	for _, key := range objects {
		if !strings.HasPrefix(key, stranger.prefix(t)) {
			after = append(after, key)
		}
	}
	if diff := cmp.Diff(before, after); diff != "" || len(uploads) != 1 || len(still) != 1 {
		t.Errorf("after the sweep of a stranger (-before +after)\n%s uploads %v", diff, still)
	}
	if a := s.Call("GET /api/documents/"+kept.DocID+"/content", maker, nil); a.Text != pdf {
		t.Errorf("content = %d %q", a.Status, a.Text)
	}
	if _, err := s.bucket.client.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: &s.bucket.Bucket, Key: &foreign[0], UploadId: begun.UploadId}); err != nil {
		t.Error(err)
	}
}

// TestSweepWaits has a sweep find what is old enough, and what is not.
func TestSweepWaits(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		s.upload(s.as(auth.User, ""), file("a.pdf", "", pdf))
		documents, _ := s.open(t)
		now := time.Now()
		for id, d := range map[string]document.Document{
			"old":      {State: document.Pending, UpdatedAt: now.Add(-2 * time.Hour)},
			"deleting": {State: document.Deleting, UpdatedAt: now.Add(-2 * time.Hour)},
			"young":    {State: document.Pending, UpdatedAt: now.Add(-time.Minute)},
			"undone":   {State: document.Deleting, UpdatedAt: now.Add(-time.Minute)},
		} {
			d.ID, d.CreatedAt = id, d.UpdatedAt
			if _, err := documents.Insert(t.Context(), id, d); err != nil {
				t.Fatal(err)
			}
			s.bucket.put(t, s.prefix(t)+id)
			s.Call("GET /api/documents/"+id, s.as(auth.Admin, ""), nil).WantProblem(404)
		}
		s.bucket.put(t, s.prefix(t)+"orphan")
		s.stop()
		s2 := startWith(t, s.issuer, s.bucket, s.cfg.Store, func(cfg *documentd.Config) { cfg.SweepAfter = time.Hour })
		waitFor(t, "the sweep", func() bool {
			left, _, _ := leftOver(t, s2)
			return !strings.Contains(left, " old") && !strings.Contains(left, " deleting")
		})
		left, _, _ := leftOver(t, s2)
		for _, want := range []string{"pending document young", "deleting document undone", "/young", "/undone", "/orphan"} {
			if !strings.Contains(left, want) {
				t.Errorf("%s is not there any more:%s", want, left)
			}
		}
		if strings.Contains(left, "/old") || strings.Contains(left, "/deleting") {
			t.Errorf("a document went before its object:%s", left)
		}
	})
}

// TestSweepDuringUpload has a sweep take an upload for left over that is still
// under way: it fails, and nothing of it is left.
func TestSweepDuringUpload(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()}, func(cfg *documentd.Config) { cfg.MaxBytes = 64 << 20 })
	maker := s.as(auth.User, "")
	s.upload(maker, file("a.pdf", "", pdf))
	var sweeper *service
	swept := make(chan struct{})
	large := newBody(20<<20, func(sent int64) {
		if sent > 12<<20 && sweeper == nil {
			defer close(swept)
			sweeper = startWith(t, s.issuer, s.bucket, s.cfg.Store, sweepSoon)
			waitFor(t, "the sweep", func() bool { left, _, _ := leftOver(t, s); return !strings.Contains(left, "document") })
		}
	})
	s.send(t, maker, large).WantProblem(503)
	<-swept // the answer may come while it is still looked whether to send on
	waitFor(t, "the next sweep", func() bool { left, n, _ := leftOver(t, s); return left == "" && n == 1 })
}

// TestSweepContinues gives each run of a sweep the time for two objects: it goes on
// where the last one ended, and begins again after the last object.
func TestSweepContinues(t *testing.T) {
	db, err := connect.Open(t.Context(), connect.Config{Dir: t.TempDir()}, "documents")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	b := newBucket(t)
	objects, err := s3store.Open(b.Config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(objects.Close)
	if err := objects.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	now := time.Now().Add(time.Hour)
	s := &document.Service{
		Documents: store.Open(db, document.DocumentSchema()), Origins: store.Open(db, document.OriginSchema()), Objects: objects, SweepAfter: time.Minute,
		Now:   func() time.Time { now = now.Add(24 * time.Second); return now }, // half of what a run has
		NewID: func() string { return "db" }, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	sweep := s.SweepTask()
	run := func(runs int) string {
		for range runs {
			if err := sweep.Run(t.Context(), task.Task{}); err != nil {
				t.Fatal(err)
			}
		}
		left, _ := b.keys(t)
		return strings.Join(left, " ")
	}
	run(1) // which stores the prefix
	for _, id := range []string{"a", "b", "c", "d"} {
		if _, err := s.Documents.Insert(t.Context(), id, document.Document{ID: id, State: document.Ready}); err != nil {
			t.Fatal(err)
		}
		b.put(t, "db/"+id)
	}
	for _, id := range []string{"e", "f", "g"} {
		b.put(t, "db/"+id)
	}
	const kept = "db/a db/b db/c db/d"
	if left := run(2); left != kept+" db/e db/f db/g" {
		t.Errorf("after the runs for documents: %s", left)
	}
	if left := run(2); left != kept {
		t.Errorf("after the runs for orphans: %s", left)
	}
	b.put(t, "db/0")
	if left := run(2); left != kept {
		t.Errorf("after the runs that begin again: %s", left)
	}
}
