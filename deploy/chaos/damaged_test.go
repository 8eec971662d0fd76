package main

import (
	"bytes"
	"context"
	"database/sql"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/uuid"

	"github.com/battery-passport/suite/deploy/events/tail"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/kafka"
)

// damage is what may be done to a suite behind its back.
type damage struct {
	t *testing.T
	*inProcess
	l     *load
	began time.Time
}

// damaged does to a suite, one after the other, what must not happen, and sees
// it found.
func damaged(t *testing.T) {
	d := &damage{t: t, inProcess: startSuite(t), began: time.Now().Add(-time.Second)}
	s, err := setUp(t.Context(), d.place, 1, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	d.l = &load{suite: s, ledger: &ledger{}, pause: d.cfg.Pause, requests: t.Context(), began: d.began}
	d.fill()
	if v, err := d.checker().settle(t.Context(), 20*time.Second); err != nil || len(v.Violations) > 0 {
		t.Fatalf("before: %v, %v", v, err)
	}
	for _, c := range []struct {
		name      string
		do        func() (subject string)
		invariant string
		text      string
	}{
		{"a passport is lost", d.deletePassport, kept, "does not exist"},
		{"a deleted passport exists", d.claimDeletion, kept, "its deletion was acknowledged, but it exists"},
		{"nobody wrote a version", d.writeVersion, once, "nobody wrote version"},
		{"a version is lost", d.deleteVersion, chain, "is broken"},
		{"a write is lost", d.claimWrite, kept, "was acknowledged as version"},
		{"a refused write is stored", d.refuseWrite, once, "comes from a write that was refused"},
		{"a read is stale", d.readStale, linearizable, "version:1 "},
		{"a file is another", d.changeFile, checksum, "has the checksum"},
		{"an object has no document", d.addObject, noOrphans, "belongs to no upload in doubt"},
		{"an account is lost", d.claimAccount, kept, "does not exist"},
		{"a text file is cut", d.cutText, wholeFiles, "without all parts"},
		{"a text file is cut in its metadata", d.cutMetadata, wholeFiles, "unexpected end of JSON"},
		{"a text file is not renamed", d.leaveText, wholeFiles, "not complete: <nil>"},
		{"a text file exists twice", d.copyText, wholeFiles, "has 2 text files"},
		{"a text file is lost", d.deleteText, wholeFiles, "has 0 text files"},
		{"somebody is notified twice", d.tellTwice, notifiedOnce, "was notified 2 times"},
		{"an event is a dead letter", d.badEvent, told, "passport.deleted.dlq"},
	} {
		subject := c.do()
		v, err := d.checker().check(t.Context())
		for i := 0; i < 50 && err == nil && !v.has(c.invariant, subject, c.text); i++ { // events are on their way
			wait(t.Context(), 100*time.Millisecond)
			v, err = d.checker().check(t.Context())
		}
		if err != nil || !v.has(c.invariant, subject, c.text) {
			t.Errorf("%s: no violation of %q for %s in %v, %v", c.name, c.invariant, subject, v.Violations, err)
		}
	}
	d.sweptLater()
}

func (d *damage) checker() *checker {
	return &checker{suite: d.l.suite, ledger: d.l.ledger, began: d.began, out: d.t.Output(), elapsed: d.l.elapsed}
}

// fill writes enough for each damage to have something of its own.
func (d *damage) fill() {
	ctx, rng, who := d.t.Context(), rand.New(rand.NewPCG(9, 9)), d.l.teams[0]
	for range 13 {
		d.l.create(ctx, rng, who)
		for p := d.l.passports[len(d.l.passports)-1]; !changed(p); {
			d.l.update(ctx, rng, who) // one of the newest
		}
	}
	for range 3 {
		d.l.upload(rng, who)
		d.l.enrol(ctx)
	}
}

// passport returns one that nothing has been done to, with versions that make
// it one for a test.
func (d *damage) passport(fits func(*passport) bool) *passport {
	d.t.Helper()
	for _, p := range d.l.passports {
		if p.id != "" && !p.deleting && !p.publishing && fits(p) {
			p.publishing = true // taken
			return p
		}
	}
	d.t.Fatal("there is no passport for it; write for longer")
	return nil
}

func changed(p *passport) bool {
	n := 0
	for _, w := range p.writes {
		if w.version > 0 {
			n++
		}
	}
	return n >= 2
}

func (d *damage) deletePassport() string {
	p := d.passport(func(*passport) bool { return true })
	if a := d.l.suite.send(d.t.Context(), request{who: p.who, method: http.MethodDelete, url: d.Passport + "/api/passports/" + p.id}); a.status != http.StatusNoContent {
		d.t.Fatal(a)
	}
	return p.id
}

func (d *damage) claimDeletion() string {
	p := d.passport(func(*passport) bool { return true })
	p.deleting, p.deleted = true, true
	return p.id
}

// readStale has a read see the first version of a passport that was changed since.
func (d *damage) readStale() string {
	p := d.passport(changed)
	d.l.observe(p, d.l.elapsed(), operation{kind: reading}, outcome{known: true, version: 1})
	return p.id
}

func (d *damage) writeVersion() string {
	p := d.passport(func(*passport) bool { return true })
	a := d.l.suite.send(d.t.Context(), request{
		who: p.who, method: http.MethodPatch, url: d.Passport + "/api/passports/" + p.id, contentType: "application/merge-patch+json",
		body: []byte(`{"reason":"sabotage","data":{"generalInformation":{"warrantyPeriod":"P9Y"}}}`),
	})
	if a.status != http.StatusOK {
		d.t.Fatal(a)
	}
	return p.id
}

func (d *damage) deleteVersion() string {
	p := d.passport(changed)
	db, err := sql.Open("sqlite", filepath.Join(d.dir, "passport-service.db")) // the driver is that of the suite
	if err != nil {
		d.t.Fatal(err)
	}
	defer db.Close()
	res, err := db.ExecContext(d.t.Context(), "PRAGMA busy_timeout = 5000; DELETE FROM passport_versions WHERE id = ?", p.id+"/2")
	if err != nil {
		d.t.Fatal(err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		d.t.Fatalf("%d rows, %v", n, err)
	}
	return p.id
}

func (d *damage) claimWrite() string {
	p := d.passport(func(*passport) bool { return true })
	p.writes = append(p.writes, &write{mark: "never", version: 99})
	return p.id
}

func (d *damage) refuseWrite() string {
	p := d.passport(changed)
	for _, w := range p.writes {
		w.refused = w.version > 0
	}
	return p.id
}

// document returns one that is there.
func (d *damage) document() *document {
	d.t.Helper()
	for _, one := range d.l.documents {
		if one.acked && !one.deleting {
			return one
		}
	}
	d.t.Fatal("there is no document; write for longer")
	return nil
}

// put stores an object, at the side of those of the suite.
func (d *damage) put(id string, content []byte) {
	d.t.Helper()
	storage := d.S3
	client := storage.client()
	list, err := client.ListObjectsV2(d.t.Context(), &s3.ListObjectsV2Input{Bucket: &storage.Bucket})
	if err != nil || len(list.Contents) == 0 {
		d.t.Fatalf("objects: %v", err)
	}
	prefix, _, _ := strings.Cut(*list.Contents[0].Key, "/")
	key := prefix + "/" + id
	if _, err := client.PutObject(d.t.Context(), &s3.PutObjectInput{Bucket: &storage.Bucket, Key: &key, Body: bytes.NewReader(content)}); err != nil {
		d.t.Fatal(err)
	}
}

func (d *damage) changeFile() string {
	id := d.document().id
	a := d.l.suite.send(d.t.Context(), request{who: d.l.admin, method: http.MethodGet, url: d.Document + "/api/documents/" + id + "/content"})
	if a.status != http.StatusOK {
		d.t.Fatal(a)
	}
	a.body[0] ^= 1
	d.put(id, a.body)
	return id
}

func (d *damage) addObject() string {
	id := uuid.NewString()
	d.put(id, []byte("nobody's"))
	return id
}

// sweptLater has an object that nobody knows of be that of an upload in doubt.
func (d *damage) sweptLater() {
	content := []byte("in doubt")
	d.put(uuid.NewString(), content)
	d.l.documents = append(d.l.documents, &document{item: item{who: d.l.teams[0], mark: "in doubt"}, sum: sumOf(content)})
	v, err := d.checker().check(d.t.Context())
	orphans := slices.DeleteFunc(v.Violations, func(one violation) bool { return one.Invariant != noOrphans })
	if err != nil || v.Counts["objects to sweep"] != 2 || len(orphans) != 1 {
		d.t.Errorf("%d objects to sweep, want this one and that of before: %v, %v", v.Counts["objects to sweep"], orphans, err)
	}
}

func (d *damage) claimAccount() string {
	who := &account{email: "nobody@people.example", password: password}
	d.l.people = append(d.l.people, &person{item: item{who: who, mark: who.email, acked: true}})
	return who.email
}

// textFile returns the path and the content of a text file that nothing has
// been done to.
func (d *damage) textFile(nth int) (path, content string) {
	d.t.Helper()
	paths, err := filepath.Glob(filepath.Join(d.Files, "notification-*.txt"))
	if err != nil || len(paths) < 40 {
		d.t.Fatalf("%d text files, %v", len(paths), err)
	}
	data, err := os.ReadFile(paths[len(paths)-1-nth]) // the first are of before
	if err != nil {
		d.t.Fatal(err)
	}
	return paths[len(paths)-1-nth], string(data)
}

func (d *damage) writeText(path, content string) string {
	d.t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		d.t.Fatal(err)
	}
	return filepath.Base(path)
}

func (d *damage) cutText() string {
	path, content := d.textFile(1)
	return d.writeText(path, content[:len(content)-10])
}

func (d *damage) cutMetadata() string {
	path, content := d.textFile(2)
	return d.writeText(path, content[:len(content)-len(textRule)-4]+textRule)
}

func (d *damage) leaveText() string {
	path, content := d.textFile(3)
	return d.writeText(filepath.Join(filepath.Dir(path), "."+filepath.Base(path)), content)
}

func (d *damage) copyText() string {
	path, content := d.textFile(4)
	d.writeText(strings.Replace(path, ".txt", "-again.txt", 1), content)
	return ""
}

func (d *damage) deleteText() string {
	path, _ := d.textFile(8)
	if err := os.Remove(path); err != nil {
		d.t.Fatal(err)
	}
	return ""
}

// publish has an event stand on its topic that no service wrote.
func (d *damage) publish(e event.Envelope) {
	d.t.Helper()
	p := kafka.NewPublisher(kafka.Config{Brokers: d.Brokers}, nil, slog.New(slog.DiscardHandler))
	defer p.Close()
	ctx, cancel := context.WithTimeout(d.t.Context(), 10*time.Second)
	defer cancel()
	if err := p.Publish(ctx, e); err != nil {
		d.t.Fatal(err)
	}
}

// tellTwice writes an event again, as another.
func (d *damage) tellTwice() string {
	p := d.passport(func(*passport) bool { return true })
	var again event.Envelope
	err := tail.Read(d.t.Context(), kafka.Config{Brokers: d.Brokers}, []string{created}, func(m tail.Message) error {
		if m.Key == p.id {
			again = m.Envelope
		}
		return nil
	})
	if err != nil || again.ID == "" {
		d.t.Fatalf("event of %s: %v", p.id, err)
	}
	again.ID = uuid.NewString()
	d.publish(again)
	return p.id
}

// badEvent writes an event that nobody can act on.
func (d *damage) badEvent() string {
	p := d.passport(func(*passport) bool { return true })
	e := event.New("/passport-service", p.id, time.Unix(0, 0), event.PassportDeleted{PassportID: p.id, DeletedBy: p.who.id})
	e.Sequence = 100
	d.publish(e)
	return "dead letter"
}
