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
	"github.com/battery-passport/suite/document-service/internal/filetype"
	"github.com/battery-passport/suite/document-service/internal/ownership"
	"github.com/battery-passport/suite/document-service/internal/s3store"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/task"
	"github.com/battery-passport/suite/pkg/waittest"
)

// leftOver lists unfinished documents, objects and uploads without a ready document,
// and ready documents without an object, one per line. It also returns the number of
// objects and the keys of all documents.
func leftOver(t *testing.T, s *service) (left string, objectCount int, keys []string) {
	t.Helper()
	documents, prefixes := s.open(t)
	prefix, err := prefixes.Get(t.Context(), "origin")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, scope := range []string{"", "unfinished"} {
		for row, err := range documents.All(t.Context(), store.Query{Scopes: []string{scope}, Limit: store.MaxLimit}) {
			if err != nil {
				t.Fatal(err)
			}
			key := prefix.Doc.ID + "/" + row.ID
			keys = append(keys, key)
			if known[key] = scope == ""; !known[key] {
				left += fmt.Sprintf("\n%s document %s", row.Doc.State, row.ID)
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
			left += "\ndocument without object " + key
		}
	}
	return left, len(objects), keys
}

// put stores an object without the service.
func (b bucket) put(t *testing.T, key string) {
	t.Helper()
	if _, err := b.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &b.Bucket, Key: &key, Body: strings.NewReader("x")}); err != nil {
		t.Fatal(err)
	}
}

// prefix returns the prefix of the object keys of the service.
func (s *service) prefix(t *testing.T) string {
	t.Helper()
	_, prefixes := s.open(t)
	prefix, err := prefixes.Get(t.Context(), "origin")
	if err != nil {
		t.Fatal(err)
	}
	return prefix.Doc.ID + "/"
}

// TestSweepIgnoresOtherPrefixes runs two services with separate databases on one
// bucket: a sweep removes only objects under its own prefix.
func TestSweepIgnoresOtherPrefixes(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	user := s.as(auth.User, "")
	stored := s.upload(user, file("a.pdf", "", pdf))
	foreign := []string{s.prefix(t) + "orphan", "somebody.txt", "0/x"}
	for _, key := range foreign {
		s.bucket.put(t, key)
	}
	begun, err := s.bucket.client.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &s.bucket.Bucket, Key: &foreign[0]})
	if err != nil {
		t.Fatal(err)
	}
	before, uploads := s.bucket.keys(t, foreign[0])

	other := startWith(t, s.issuer, s.bucket, connect.Config{Dir: t.TempDir()}, sweepSoon)
	other.upload(other.as(auth.User, ""), file("b.pdf", "", pdf))
	for range 2 { // the second object is removed by a sweep that listed the whole bucket
		orphan := other.prefix(t) + "orphan"
		s.bucket.put(t, orphan)
		waittest.Until(t, "the sweep", func() bool { objects, _ := s.bucket.keys(t); return !strings.Contains(fmt.Sprint(objects), orphan) })
	}
	var after []string
	objects, remaining := s.bucket.keys(t, foreign[0])
	for _, key := range objects {
		if !strings.HasPrefix(key, other.prefix(t)) {
			after = append(after, key)
		}
	}
	if diff := cmp.Diff(before, after); diff != "" || len(uploads) != 1 || len(remaining) != 1 {
		t.Errorf("after the sweep of the other service (-before +after)\n%s uploads %v", diff, remaining)
	}
	if a := s.Call("GET /api/documents/"+stored.DocID+"/content", user, nil); a.Text != pdf {
		t.Errorf("content = %d %q", a.Status, a.Text)
	}
	if _, err := s.bucket.client.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: &s.bucket.Bucket, Key: &foreign[0], UploadId: begun.UploadId}); err != nil {
		t.Error(err)
	}
}

// TestSweepRemovesOnlyOldRemains checks that a sweep skips unfinished documents and
// objects that are younger than SweepAfter.
func TestSweepRemovesOnlyOldRemains(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		s.upload(s.as(auth.User, ""), file("a.pdf", "", pdf))
		documents, _ := s.open(t)
		now := time.Now()
		for id, d := range map[string]document.Document{
			"oldPending":  {State: document.Pending, UpdatedAt: now.Add(-2 * time.Hour)},
			"oldDeleting": {State: document.Deleting, UpdatedAt: now.Add(-2 * time.Hour)},
			"newPending":  {State: document.Pending, UpdatedAt: now.Add(-time.Minute)},
			"newDeleting": {State: document.Deleting, UpdatedAt: now.Add(-time.Minute)},
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
		waittest.Until(t, "the sweep", func() bool {
			left, _, _ := leftOver(t, s2)
			return !strings.Contains(left, " old")
		})
		left, _, _ := leftOver(t, s2)
		for _, want := range []string{"pending document newPending", "deleting document newDeleting", "/newPending", "/newDeleting", "/orphan"} {
			if !strings.Contains(left, want) {
				t.Errorf("%s was removed, left:%s", want, left)
			}
		}
		if strings.Contains(left, "/old") {
			t.Errorf("a document was removed before its object:%s", left)
		}
	})
}

// TestUploadFailsCleanlyDuringSweep runs a sweep with a very short SweepAfter during an
// upload: the upload fails and leaves nothing behind.
func TestUploadFailsCleanlyDuringSweep(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()}, func(cfg *documentd.Config) {
		cfg.MaxBytes, cfg.HTTP.Timeouts.Transfer = 64<<20, waittest.Limit
	})
	user := s.as(auth.User, "")
	s.upload(user, file("a.pdf", "", pdf))
	var sweeper *service
	swept := make(chan struct{})
	large := newBody(20<<20, func(sent int64) {
		if sent > 12<<20 && sweeper == nil {
			defer close(swept)
			sweeper = startWith(t, s.issuer, s.bucket, s.cfg.Store, sweepSoon)
			waittest.Until(t, "the sweep", func() bool { left, _, _ := leftOver(t, s); return !strings.Contains(left, "document") })
		}
	})
	s.send(t, user, large).WantProblem(503)
	<-swept // the response may arrive while the body is still being read
	waittest.Until(t, "the next sweep", func() bool { left, n, _ := leftOver(t, s); return left == "" && n == 1 })
}

// TestSweepContinues gives each run time for two objects: the next run continues
// there, and after the last object the sweep starts again.
func TestSweepContinues(t *testing.T) {
	s, b := newDocuments(t)
	now := time.Now().Add(time.Hour)
	s.Now = func() time.Time { now = now.Add(24 * time.Second); return now } // half of the time of a run
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
	run(1) // creates the key prefix
	for _, id := range []string{"a", "b", "c", "d"} {
		if _, err := s.Documents.Insert(t.Context(), id, document.Document{ID: id, State: document.Ready}); err != nil {
			t.Fatal(err)
		}
		b.put(t, "db/"+id)
	}
	for _, id := range []string{"e", "f", "g"} {
		b.put(t, "db/"+id)
	}
	const stored = "db/a db/b db/c db/d"
	if left := run(2); left != stored+" db/e db/f db/g" {
		t.Errorf("after the runs over objects with documents: %s", left)
	}
	if left := run(2); left != stored {
		t.Errorf("after the runs over objects without documents: %s", left)
	}
	b.put(t, "db/0")
	if left := run(2); left != stored {
		t.Errorf("after the runs that start again: %s", left)
	}
}

// newDocuments returns a document.Service that creates only the id "db", and its bucket.
func newDocuments(t *testing.T) (*document.Service, bucket) {
	t.Helper()
	db, err := connect.Open(t.Context(), connect.Config{Dir: t.TempDir()}, "documents")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	return documentsOn(t, db)
}

func documentsOn(t *testing.T, db store.DB) (*document.Service, bucket) {
	t.Helper()
	b := newBucket(t)
	objects, err := s3store.Open(b.Config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(objects.Close)
	if err := objects.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &document.Service{
		Documents: store.Open(db, document.DocumentSchema()), KeyPrefixes: store.Open(db, document.KeyPrefixSchema()), Objects: objects,
		Usages: store.Open(db, document.UsageSchema()), Owners: &ownership.Service{Passports: store.Open(db, ownership.PassportSchema()), Organisations: store.Open(db, ownership.OrganisationSchema())},
		DetectType: filetype.Detect, MaxBytes: 1 << 20, SweepAfter: time.Minute,
		Now: time.Now, NewID: func() string { return "db" }, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}, b
}

// TestCommitOfSweptUploadFails commits an upload that a sweep has marked as deleting but
// not removed yet.
func TestCommitOfSweptUploadFails(t *testing.T) {
	s, b := newDocuments(t)
	up, err := s.Begin(t.Context(), auth.Principal{UserID: "ann", Role: auth.User}, document.File{Name: "a.pdf", Body: strings.NewReader(pdf)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Documents.Update(t.Context(), "db", func(d *document.Document) (store.Change, error) {
		d.State = document.Deleting
		return store.Change{}, nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Commit(t.Context(), up, document.Changes{}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Commit = %v, want fault.Unavailable", err)
	}
	s.Abort(t.Context(), up)
	if _, err := s.Documents.Get(t.Context(), "db"); !fault.Is(err, fault.NotFound) {
		t.Errorf("document after Abort: %v, want fault.NotFound", err)
	}
	if objects, uploads := b.keys(t, "db/db"); len(objects)+len(uploads) > 0 {
		t.Errorf("left in the bucket: objects %v, uploads %v", objects, uploads)
	}
}
