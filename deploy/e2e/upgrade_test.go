package e2e

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	_ "modernc.org/sqlite" // to bring the databases into the form of an earlier release

	"github.com/battery-passport/suite/deploy/events/tail"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/waittest"
)

// database changes the database of a stopped service.
func (s *suite) database(service string, statements ...string) {
	s.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(s.cfg.Passport.Store.Dir, service+".db"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			s.t.Fatalf("%s: %s: %v", service, statement, err)
		}
	}
}

// loseOwners brings a stopped suite into the state after an upgrade: the document-service
// knows no owner, the broker has deleted the events, and no snapshot was published.
func (s *suite) loseOwners() {
	s.t.Helper()
	if err := os.RemoveAll(filepath.Join(s.cfg.Passport.Store.Dir, "kafka")); err != nil {
		s.t.Fatal(err)
	}
	s.database("document-service", `DELETE FROM passport_owners`)
	s.database("passport-service", `DELETE FROM tasks WHERE id LIKE 'passport.snapshot%'`, `DELETE FROM tasks_list WHERE sort LIKE '%.passport.snapshot%'`)
}

// TestUpgradeShowsDocumentsOfEarlierPassports publishes passports before an upgrade. After
// it, documents of their owner are public, and shown to authorities, without a change of
// the passports; nobody is notified, and nothing changes for other states and owners.
func TestUpgradeShowsDocumentsOfEarlierPassports(t *testing.T) {
	s := start(t, config(t))
	admin := s.admin()
	owner, forger, authority := s.newAccount(admin, "operator", "maker"), s.newAccount(admin, "operator", "forger"), s.newAccount(admin, "authority", "")
	passports := map[string]passport{}
	for i, name := range []string{"draft", "active", "archived", "voided", "named"} {
		data := battery(t, "ev-nmc-minimum-2027.json")
		data["generalInformation"].(object)["batteryIdentifier"] = fmt.Sprintf("https://maker.example/b/%d", i)
		var p passport
		s.passport.Call("POST /api/passports", owner.Token, object{"data": data}).Want(201, &p)
		path := "/api/passports/" + p.ID
		if name != "draft" {
			s.passport.Call("POST "+path+"/publish", owner.Token, nil).Want(200, nil)
		}
		switch name {
		case "archived":
			s.passport.Call("POST "+path+"/archive", owner.Token, object{"reason": "x"}).Want(200, nil)
		case "voided":
			s.passport.Call("POST "+path+"/void", admin.Token, object{"reason": "x"}).Want(200, nil)
		}
		passports[name] = p
	}
	s.waitForNotification(admin, "passport.updated", passports["voided"].ID)
	s.stop()
	s.loseOwners()
	s.start()

	// The events of "named" are still there, in the form of the earlier release.
	client, err := tail.NewClient(s.brokers)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	e := event.New("/passport-service", passports["named"].ID, s.cfg.Passport.Now(), event.PassportUpdated{PassportID: passports["named"].ID, UpdatedBy: owner.User.ID})
	e.Sequence = 2
	r := &kgo.Record{Topic: e.Type, Key: []byte(e.Key), Value: e.Data}
	for _, h := range e.Headers() {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Key, Value: []byte(h.Value)})
	}
	if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
		t.Fatal(err)
	}

	admin, owner, forger, authority = s.login(admin.User.Email), s.login(owner.User.Email), s.login(forger.User.Email), s.login(authority.User.Email)
	public := func(name, id string) bool {
		return strings.Contains(s.document.Do("GET /api/public/documents?passportId="+passports[name].ID, "").Want(200, nil).Text, id)
	}
	shown := func(name, id string) bool {
		return strings.Contains(s.document.Call("GET /api/documents?passportId="+passports[name].ID, authority.Token, nil).Want(200, nil).Text, id)
	}
	documents := map[string]string{}
	for name, p := range passports {
		for _, uploader := range []session{owner, forger} {
			var d struct{ DocID string }
			s.upload(uploader.Token, name+".txt", "passportId", p.ID, "accessClass", "public").Want(201, &d)
			documents[name+" of "+uploader.User.Organisation] = d.DocID
		}
	}
	for _, name := range []string{"active", "named"} {
		waittest.Until(t, "the public document of the passport "+name, func() bool { return public(name, documents[name+" of maker"]) })
	}
	for _, name := range []string{"active", "named", "draft", "archived"} {
		waittest.Until(t, "the document of the passport "+name+" for authorities", func() bool { return shown(name, documents[name+" of maker"]) })
	}
	for name := range passports {
		if id := documents[name+" of forger"]; public(name, id) || shown(name, id) {
			t.Errorf("the document of another company is shown for the passport %s", name)
		}
	}
	for _, name := range []string{"draft", "archived", "voided"} {
		if public(name, documents[name+" of maker"]) {
			t.Errorf("a document of the passport %s is public", name)
		}
	}
	var page struct{ Items []notification }
	s.notification.Call("GET /api/notifications?limit=200", admin.Token, nil).Want(200, &page)
	for _, n := range page.Items {
		if strings.Contains(n.EventType, "snapshot") {
			t.Errorf("an admin was notified of a snapshot: %+v", n)
		}
	}
}
