package documentd_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/battery-passport/suite/document-service/documentd"
	"github.com/battery-passport/suite/document-service/internal/document"
	"github.com/battery-passport/suite/document-service/internal/ownership"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// TestFormerMembersLoseDocumentsOfTheirOrganisation moves the uploader and the operator of an organisation to
// another one, and the other way round.
func TestFormerMembersLoseDocumentsOfTheirOrganisation(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		member := func(user string, role auth.Role, organisation string) string {
			return s.issuer.Token(t, auth.Principal{UserID: user, Role: role, Organisation: organisation})
		}
		ann, bob := "ann", "bob"
		newDocument := func() string {
			return s.upload(member(ann, auth.Operator, "A"), file("a.pdf", "", pdf)).DocID
		}
		for _, c := range []struct {
			name, token        string
			read, change       int
			listed, own, links bool
		}{
			{"the uploader", member(ann, auth.Operator, "A"), 200, 200, true, true, true},
			{"the uploader with the role user", member(ann, auth.User, "A"), 200, 200, true, true, true},
			{"the uploader who joined B", member(ann, auth.Operator, "B"), 404, 404, false, false, false},
			{"the uploader who joined B as user", member(ann, auth.User, "B"), 404, 404, false, false, false},
			{"the uploader without organisation", member(ann, auth.Operator, ""), 404, 404, false, false, false},
			{"the uploader as authority", member(ann, auth.Authority, "BAM"), 404, 404, false, false, false},
			{"a new operator of A", member(bob, auth.Operator, "A"), 200, 200, true, false, false},
			{"a new user of A", member(bob, auth.User, "A"), 200, 403, true, false, false},
			{"an operator who left A for B", member(bob, auth.Operator, "B"), 404, 404, false, false, false},
			{"an operator without organisation", member(bob, auth.Operator, ""), 404, 404, false, false, false},
		} {
			id := newDocument()
			path := "/api/documents/" + id
			for _, route := range []string{"GET " + path, "GET " + path + "/content", "GET " + path + "/download"} {
				a := s.Call(route, c.token, nil)
				if a.Status != c.read || strings.Contains(a.Text, "X-Amz-Signature") != (c.links && !strings.HasSuffix(route, "content")) {
					t.Errorf("%s by %s = %d %s, want %d, with a link to the storage: %v", route, c.name, a.Status, a.Text, c.read, c.links)
				}
			}
			for list, want := range map[string]bool{"GET /api/documents": c.listed, "GET /api/documents/user": c.own} {
				if a := s.Call(list, c.token, nil).Want(200, nil); strings.Contains(a.Text, id) != want {
					t.Errorf("%s by %s contains the document: %v, want %v", list, c.name, !want, want)
				}
			}
			if a := s.Call("PUT "+path, c.token, `{"description":"x"}`); a.Status != c.change {
				t.Errorf("PUT by %s = %d, want %d", c.name, a.Status, c.change)
			}
			if c.change != 200 {
				if a := s.Call("DELETE "+path, c.token, nil); a.Status != c.change {
					t.Errorf("DELETE by %s = %d, want %d", c.name, a.Status, c.change)
				}
			}
		}
		// A document without an organisation stays with its uploader.
		d := s.upload(member("eve", auth.User, ""), file("a.pdf", "", pdf))
		joined := member("eve", auth.User, "A")
		s.Call("GET /api/documents/"+d.DocID, joined, nil).Want(200, nil)
		s.Call("GET /api/documents/"+d.DocID, member(bob, auth.Operator, "A"), nil).WantProblem(404)
		for _, list := range []string{"GET /api/documents", "GET /api/documents/user"} {
			if a := s.Call(list, joined, nil).Want(200, nil); !strings.Contains(a.Text, d.DocID) {
				t.Errorf("%s does not contain the document of before", list)
			}
		}
	})
}

// TestOnlyOperatorsAddReaders checks the roles that may show documents to authorities or
// make them public. Anyone can register an account with the role user.
func TestOnlyOperatorsAddReaders(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	for _, member := range []struct{ name, value, json string }{
		{"accessClass", "authority", `{"accessClass":"authority"}`}, {"accessClass", "public", `{"accessClass":"public"}`}, {"isPublic", "true", `{"isPublic":true}`},
	} {
		for _, role := range auth.Roles() {
			for _, organisation := range []string{"A", ""} {
				token, allowed := s.as(role, organisation), role == auth.Operator || role == auth.Admin
				res := s.post(token, field{name: member.name, value: member.value}, file("a.pdf", "", pdf))
				d := s.upload(token, file("a.pdf", "", pdf), field{name: "accessClass", value: "owner"})
				put := s.Call("PUT /api/documents/"+d.DocID, token, member.json)
				if allowed {
					res.Want(201, nil)
					put.Want(200, nil)
					continue
				}
				res.WantProblem(403, "/accessClass role")
				put.WantProblem(403, "/accessClass role")
				s.Call("PUT /api/documents/"+d.DocID, token, `{"accessClass":"owner","description":"x"}`).Want(200, nil)
			}
		}
		// An account without the right to add readers can change other fields, and remove readers.
		ann := func(role auth.Role) string {
			return s.issuer.Token(t, auth.Principal{UserID: "ann", Role: role, Organisation: "A"})
		}
		d := s.upload(ann(auth.Operator), field{name: member.name, value: member.value}, file("a.pdf", "", pdf))
		path, degraded := "PUT /api/documents/"+d.DocID, ann(auth.User)
		s.Call(path, degraded, `{"description":"x"}`).Want(200, nil)
		s.Call(path, degraded, member.json).Want(200, nil)
		s.Call(path, degraded, `{"accessClass":"owner"}`).Want(200, &d)
		if d.IsPublic || d.AccessClass != "owner" {
			t.Errorf("after removing readers: %+v", d)
		}
		s.Call(path, degraded, member.json).WantProblem(403, "/accessClass role")
	}
}

// withBroker starts a service with a broker of its own.
func withBroker(t *testing.T) (*service, func(key string, sequence int64, p event.Payload)) {
	t.Helper()
	broker, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	cfg := kafka.Config{Brokers: broker.ListenAddrs()}
	s := start(t, connect.Config{Dir: t.TempDir()}, func(c *documentd.Config) { c.Kafka, c.Group = cfg, "test" })
	publisher := kafka.NewPublisher(cfg, ownership.Topics(), slog.New(slog.DiscardHandler))
	t.Cleanup(publisher.Close)
	if err := publisher.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, func(key string, sequence int64, p event.Payload) {
		t.Helper()
		e := event.New("/passport-service", key, time.Now(), p)
		e.Sequence = sequence
		ctx, cancel := context.WithTimeout(t.Context(), maxWait)
		defer cancel()
		if err := publisher.Publish(ctx, e); err != nil {
			t.Fatal(err)
		}
	}
}

// shown returns the names of the documents that an authority can list and read.
func (s *service) shown(token, passport string, ids map[string]string) string {
	s.T.Helper()
	text := s.Call("GET /api/documents?passportId="+passport, token, nil).Want(200, nil).Text
	var found []string
	for _, name := range []string{"genuine", "forged", "private"} {
		listed, status := strings.Contains(text, ids[name]), s.Call("GET /api/documents/"+ids[name], token, nil).Status
		if listed != (status == 200) {
			return fmt.Sprintf("%s: listed %v, GET %d", name, listed, status) // between two reads
		}
		if listed {
			found = append(found, name)
		}
	}
	return strings.Join(found, " ")
}

// TestAuthoritiesSeeOnlyDocumentsOfTheOwnerOfAPassport uploads a forged declaration next
// to the genuine one, before and after the events that name the owner.
func TestAuthoritiesSeeOnlyDocumentsOfTheOwnerOfAPassport(t *testing.T) {
	s, publish := withBroker(t)
	authority, operator, forger := s.as(auth.Authority, "BAM"), s.as(auth.Operator, "maker"), s.as(auth.Operator, "forger")
	declaration := func(token, passport, class string) documentResponse {
		return s.upload(token, file("a.pdf", "", pdf), field{name: "passportId", value: passport}, field{name: "kind", value: "declaration-of-conformity"},
			field{name: "accessClass", value: class})
	}
	three := func(passport string) map[string]string {
		return map[string]string{
			"genuine": declaration(operator, passport, "authority").DocID, "forged": declaration(forger, passport, "public").DocID,
			"private": declaration(operator, passport, "owner").DocID,
		}
	}
	created := func(passport, organisation, by string) event.PassportCreated {
		return event.PassportCreated{PassportID: passport, Organisation: organisation, CreatedBy: by}
	}
	want := func(passport string, ids map[string]string, want string) {
		t.Helper()
		got := ""
		waitFor(t, "the documents shown to be "+want, func() bool { got = s.shown(authority, passport, ids); return got == want })
	}
	early, late := uuid.NewString(), uuid.NewString()
	documents := three(early)
	if got := s.shown(authority, early, documents); got != "" {
		t.Errorf("shown while nobody owns the passport: %s", got)
	}
	publish(early, 1, created(early, "maker", "operator@maker"))
	want(early, documents, "genuine")

	publish(late, 2, event.PassportPublished{PassportID: late, Organisation: "maker"}) // another topic, so it may come first
	waitFor(t, "the owner", func() bool { return declaration(operator, late, "owner").FromPassportOwner })
	documents2 := three(late)
	if got := s.shown(authority, late, documents2); got != "genuine" {
		t.Errorf("shown after the event: %s, want the genuine document only", got)
	}
	publish(late, 1, created(late, "forger", "operator@forger")) // outdated
	publish(early, 1, created(early, "maker", "operator@maker")) // repeated
	publish(early, 3, event.PassportUpdated{PassportID: early, Organisation: "forger"})
	want(early, documents, "forged")
	publish(early, 2, event.PassportPublished{PassportID: early, Organisation: "maker"}) // outdated
	publish(early, 4, event.PassportUpdated{PassportID: early, Organisation: "maker"})
	want(early, documents, "genuine")

	// Others see the uploader of a public document.
	for name, token := range map[string]string{"user": s.as(auth.User, ""), "owner": operator} {
		var d documentResponse
		if s.Call("GET /api/documents/"+documents["forged"], token, nil).Want(200, &d); d.FromPassportOwner || d.Organisation != "forger" || d.UploadedBy != "operator@forger" {
			t.Errorf("forged document for %s: %+v, want its uploader and not fromPassportOwner", name, d)
		}
	}
	interest := s.as(auth.LegitimateInterest, "")
	s.Call("GET /api/documents/"+documents["forged"]+"/content", interest, nil).WantProblem(404)
	genuine := declaration(operator, early, "public")
	s.Call("GET /api/documents/"+genuine.DocID+"/content", interest, nil).Want(200, nil)

	// A document that is moved to a passport is checked again.
	moved := declaration(forger, "", "authority").DocID
	s.Call("GET /api/documents/"+moved, authority, nil).Want(200, nil)
	s.Call("PUT /api/documents/"+moved, forger, `{"passportId":"`+early+`"}`).Want(200, nil)
	s.Call("GET /api/documents/"+moved, authority, nil).WantProblem(404)

	// Nobody owns a deleted or voided passport, whatever arrives afterwards.
	publish(early, 9, event.PassportDeleted{PassportID: early, Organisation: "maker"})
	want(early, documents, "")
	publish(early, 10, event.PassportUpdated{PassportID: early, Organisation: "maker"})

	// An account without an organisation owns the passports that it has created.
	own := uuid.NewString()
	publish(own, 1, created(own, "", "operator@"))
	waitFor(t, "the owner without organisation", func() bool {
		return declaration(s.as(auth.Operator, ""), own, "owner").FromPassportOwner
	})
	if got := s.shown(authority, early, documents); got != "" {
		t.Errorf("shown after the deletion: %s", got)
	}
	if d := declaration(operator, own, "owner"); d.FromPassportOwner {
		t.Errorf("document of another organisation: %+v", d)
	}

	// The passport has a former id of the organisation as owner.
	former := uuid.NewString()
	publish(former, 1, created(former, "Maker GmbH", "x"))
	documents3 := three(former)
	publish("maker", 2, event.OrganisationUpdated{OrganisationID: "maker", FormerIDs: []string{"Maker GmbH"}})
	want(former, documents3, "genuine")
	publish("maker", 3, event.OrganisationUpdated{OrganisationID: "maker"})
	want(former, documents3, "")
}

// TestForgedReferencesDoNotSlowTheConsumer: a stranger has 2,000 documents that name the
// passport of another organisation, and its owner changes the passport often. The events of
// other passports are handled at once, and the genuine document is found on the first page.
func TestForgedReferencesDoNotSlowTheConsumer(t *testing.T) {
	s, publish := withBroker(t)
	documents, _ := s.open(t)
	victim, other := uuid.NewString(), uuid.NewString()
	genuine := s.upload(s.as(auth.Operator, "maker"), file("a.pdf", "", pdf), field{name: "passportId", value: victim}, field{name: "accessClass", value: "authority"})
	var forged []store.Write[document.Document]
	for range 2000 {
		id := uuid.NewString()
		forged = append(forged, store.Write[document.Document]{ID: id, Doc: document.Document{
			ID: id, State: document.Ready, UploadedBy: "mallory", Organisation: "forger", CreatedAt: time.Now(),
			Details: document.Details{PassportID: victim, AccessClass: document.AccessAuthority, Kind: document.KindOther},
		}})
	}
	for len(forged) > 0 {
		n := min(len(forged), 1000)
		if errs, err := documents.InsertMany(t.Context(), forged[:n]); errors.Join(append(errs, err)...) != nil {
			t.Fatal(errors.Join(append(errs, err)...))
		}
		forged = forged[n:]
	}
	for sequence := range int64(300) {
		publish(victim, sequence+1, event.PassportUpdated{PassportID: victim, Organisation: "maker"})
	}
	begin := time.Now()
	publish(other, 1, event.PassportUpdated{PassportID: other, Organisation: "maker"})
	own := s.upload(s.as(auth.Operator, "maker"), file("a.pdf", "", pdf), field{name: "passportId", value: other})
	waitFor(t, "the owner of the other passport", func() bool {
		var d documentResponse
		s.Call("GET /api/documents/"+own.DocID, s.as(auth.Operator, "maker"), nil).Want(200, &d)
		return d.FromPassportOwner
	})
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("the event of another passport was handled after %v", took)
	}
	var page struct{ Items []documentResponse }
	s.Call("GET /api/documents?limit=1&passportId="+victim, s.as(auth.Authority, "BAM"), nil).Want(200, &page)
	if len(page.Items) != 1 || page.Items[0].DocID != genuine.DocID || !page.Items[0].FromPassportOwner {
		t.Errorf("the first page for an authority is %+v, want the genuine document", page.Items)
	}
}

// TestUploadWithoutConfirmedOwnerStoresNothing: the owner of the passport cannot be read, because
// a later release has written the record. The upload fails, and can be repeated.
func TestUploadWithoutConfirmedOwnerStoresNothing(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	db, err := connect.Open(t.Context(), s.cfg.Store, documentd.Name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(t.Context()) })
	later := ownership.PassportSchema()
	later.Version = 99
	id := uuid.NewString()
	owners := store.Open(db, later)
	if _, err := owners.Insert(t.Context(), id, ownership.Passport{ID: id, Organisation: "A", Sequence: 1}); err != nil {
		t.Fatal(err)
	}
	post := func() resttest.Response {
		return s.post(s.as(auth.Operator, "A"), field{name: "passportId", value: id}, file("a.pdf", "", pdf))
	}
	for range 3 {
		post().WantProblem(503)
	}
	if objects, uploads := s.bucket.keys(t); len(objects)+len(uploads) > 0 {
		t.Errorf("a failed upload has left objects %v, uploads %v", objects, uploads)
	}
	if err := owners.Delete(t.Context(), id, 1); err != nil {
		t.Fatal(err)
	}
	post().Want(201, nil)
	wantOnly(t, s, 1)
}
