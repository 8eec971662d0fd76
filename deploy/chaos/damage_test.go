package main

import (
	"context"
	"database/sql"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/deploy/events/tail"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/waittest"
)

// damage changes the stored data of a suite, or the ledger.
type damage struct {
	t *testing.T
	*inProcess
	s     *suite
	taken map[*item]bool
}

// testDamagedData damages a suite in one way after the other, and checks that each is
// found.
func testDamagedData(t *testing.T) {
	d := &damage{t: t, inProcess: startSuite(t), taken: map[*item]bool{}}
	d.cfg.settle = time.Minute
	var err error
	if d.s, err = setUp(t.Context(), d.place, d.cfg); err != nil {
		t.Fatal(err)
	}
	d.fill()
	if v := d.checker().settle(t.Context(), waittest.Limit); len(v.violations) > 0 {
		t.Fatalf("got %v before the damage, want no violation", v.violations)
	}
	for _, test := range []struct {
		name      string
		damage    func() (subject string)
		invariant string
		text      string
	}{
		{"a passport is lost", d.deletePassport, durable, "does not exist"},
		{"a deleted passport exists", d.claimDeletion, durable, "was deleted, but exists"},
		{"a version was not requested", d.writeVersion, once, "was not requested"},
		{"a version is lost", d.deleteVersion, chained, "is broken"},
		{"a write is lost", d.claimWrite, durable, "was acknowledged as version 99"},
		{"a refused write is stored", d.refuseWrite, once, "was refused"},
		{"a write has another value", d.claimValue, durable, "want \"P77Y\""},
		{"a read is stale", d.readStale, linearizable, "no order"},
		{"a file has other bytes", d.changeFile, checksum, "has the checksum"},
		{"an object has no document", d.addObject, objects, "belongs to no upload in doubt"},
		{"an account is lost", d.claimAccount, durable, "does not exist"},
		{"a text file is cut", d.cutText, textFiles, "without all parts"},
		{"a text file is cut in its metadata", d.cutMetadata, textFiles, "unexpected end of JSON"},
		{"a text file is not renamed", d.leaveText, textFiles, "not complete: <nil>"},
		{"a text file exists twice", d.copyText, textFiles, "has 2 for text file"},
		{"a text file is lost", d.deleteText, textFiles, "has 0 for text file"},
		{"an account is notified twice", d.publishTwice, notified, "has 2 for"},
		{"an event is a dead letter", d.publishUnreadable, published, "passport.deleted.dlq"},
	} {
		subject := test.damage()
		c := d.checker()
		found := until(t.Context(), waittest.Limit, func() bool { // events take a while
			err = c.check(t.Context())
			return c.has(test.invariant, subject, test.text)
		})
		if !found {
			t.Errorf("%s: got %v, error %v, want a violation of %q for %s", test.name, c.violations, err, test.invariant, subject)
		}
	}
	d.checkObjectInDoubt()
}

func (d *damage) checker() *checker { return &checker{suite: d.s} }

// fill writes enough for each damage to have an item of its own.
func (d *damage) fill() {
	ctx, rng, who := d.t.Context(), rand.New(rand.NewPCG(9, 9)), d.s.teams[0]
	for range 14 {
		d.s.step(ctx, rng, who, passports, creation)
		for it := d.s.items[len(d.s.items)-1]; !isChanged(it); {
			d.s.step(ctx, rng, who, passports, change) // one of the newest
		}
	}
	for range 3 {
		d.s.step(ctx, rng, who, documents, creation)
		d.s.step(ctx, rng, who, accounts, creation)
	}
}

// item takes an item of a kind that has no damage yet.
func (d *damage) item(kind string) *item {
	d.t.Helper()
	for _, it := range d.s.items {
		if it.kind == kind && it.id != "" && !d.taken[it] && (kind != passports || isChanged(it)) {
			d.taken[it] = true
			return it
		}
	}
	d.t.Fatalf("no item of %s is left", kind)
	return nil
}

// isChanged reports whether two changes of a passport are acknowledged.
func isChanged(it *item) bool {
	n := 0
	for _, o := range it.operations {
		if o.action == change && o.acknowledged() {
			n++
		}
	}
	return n >= 2
}

func (d *damage) send(r request, status int) {
	d.t.Helper()
	if res := d.s.send(d.t.Context(), r); res.status != status {
		d.t.Fatalf("%s %s: got %d, want %d: %s", r.method, r.url, res.status, status, res.body)
	}
}

func (d *damage) deletePassport() string {
	it := d.item(passports)
	r := d.s.read(it)
	r.method = http.MethodDelete
	d.send(r, http.StatusNoContent)
	return it.id
}

func (d *damage) claimDeletion() string {
	it := d.item(passports)
	it.operations = append(it.operations, &operation{action: deletion, begin: d.s.clock(), end: d.s.clock()})
	return it.id
}

// readStale reads the first version of a passport that was changed since.
func (d *damage) readStale() string {
	it := d.item(passports)
	it.operations = append(it.operations, &operation{action: reading, begin: d.s.clock(), end: d.s.clock(), version: 1})
	return it.id
}

func (d *damage) writeVersion() string {
	it := d.item(passports)
	r := d.s.read(it)
	r.method, r.header = http.MethodPatch, map[string]string{"Content-Type": "application/merge-patch+json"}
	r.body = []byte(`{"reason":"sabotage","data":{"generalInformation":{"warrantyPeriod":"P9Y"}}}`)
	d.send(r, http.StatusOK)
	return it.id
}

func (d *damage) deleteVersion() string {
	it := d.item(passports)
	db, err := sql.Open("sqlite", filepath.Join(d.dir, "passport-service.db")) // the driver is that of the suite
	if err != nil {
		d.t.Fatal(err)
	}
	defer db.Close()
	res, err := db.ExecContext(d.t.Context(), "PRAGMA busy_timeout = 5000; DELETE FROM passport_versions WHERE id = ?", it.id+"/2")
	if err != nil {
		d.t.Fatal(err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		d.t.Fatalf("deleted %d rows, error %v, want 1", n, err)
	}
	return it.id
}

func (d *damage) claimWrite() string {
	it := d.item(passports)
	it.operations = append(it.operations, &operation{action: change, mark: "never", begin: d.s.clock(), end: d.s.clock(), version: 99})
	return it.id
}

// eachChange calls f with the acknowledged changes of a passport.
func (d *damage) eachChange(f func(*operation)) string {
	it := d.item(passports)
	for _, o := range it.operations {
		if o.action == change && o.acknowledged() {
			f(o)
		}
	}
	return it.id
}

func (d *damage) refuseWrite() string {
	return d.eachChange(func(o *operation) { o.action = refusal })
}

func (d *damage) claimValue() string { return d.eachChange(func(o *operation) { o.value = "P77Y" }) }

// checkObjectInDoubt checks that an object without a document may belong to an upload
// in doubt.
func (d *damage) checkObjectInDoubt() {
	content, r := []byte("in doubt"), d.s.read(d.item(documents))
	d.put(uuid.NewString(), content)
	d.s.items = append(d.s.items, &item{kind: documents, who: d.s.teams[0], mark: "in doubt", size: len(content), create: r, operations: []*operation{{action: creation}}})
	c := d.checker()
	err := c.check(d.t.Context())
	orphans := slices.DeleteFunc(c.violations, func(v violation) bool { return v.invariant != objects })
	if err != nil || len(orphans) != 1 {
		d.t.Errorf("got %v, error %v, want only the orphan without an upload", orphans, err)
	}
}

func (d *damage) claimAccount() string {
	who := &account{email: "nobody@people.example", password: password}
	d.s.items = append(d.s.items, &item{kind: accounts, who: who, mark: who.email, operations: []*operation{{action: creation, end: 1}}})
	return who.email
}

// publish writes an event to its topic.
func (d *damage) publish(e event.Envelope) {
	d.t.Helper()
	p := kafka.NewPublisher(kafka.Config{Brokers: []string{d.broker}}, nil, slog.New(slog.DiscardHandler))
	defer p.Close()
	ctx, cancel := context.WithTimeout(d.t.Context(), waittest.Limit)
	defer cancel()
	if err := p.Publish(ctx, e); err != nil {
		d.t.Fatal(err)
	}
}

// publishTwice copies an event under another id.
func (d *damage) publishTwice() string {
	it := d.item(passports)
	var found event.Envelope
	err := tail.Read(d.t.Context(), kafka.Config{Brokers: []string{d.broker}}, []string{"passport.created"}, func(m tail.Message) error {
		if m.Key == it.id {
			found = m.Envelope
		}
		return nil
	})
	if err != nil || found.ID == "" {
		d.t.Fatalf("event of %s not found: %v", it.id, err)
	}
	found.ID = uuid.NewString()
	d.publish(found)
	return it.id
}

// publishUnreadable publishes an event that the notification-service cannot process.
func (d *damage) publishUnreadable() string {
	it := d.item(passports)
	e := event.New("/passport-service", it.id, time.Unix(0, 0), event.PassportDeleted{PassportID: it.id, DeletedBy: it.who.id})
	e.Sequence = 100
	d.publish(e)
	return "dead letter"
}
