package documentd_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/battery-passport/suite/document-service/documentd"
	"github.com/battery-passport/suite/document-service/internal/ownership"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/waittest"
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
		ctx, cancel := context.WithTimeout(t.Context(), waittest.Limit)
		defer cancel()
		for err := publisher.Publish(ctx, e); err != nil; err = publisher.Publish(ctx, e) {
			if ctx.Err() != nil {
				t.Fatal(err)
			}
		}
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
	caller := s.as(auth.Operator, "A")
	body, contentType := form(field{name: "passportId", value: id}, file("a.pdf", "", pdf))
	post := func() resttest.Response { // unlike Call, it does not repeat a request after 503
		return s.Do(upload, body, "Authorization", "Bearer "+caller, "Content-Type", contentType)
	}
	s.Call("GET /api/documents", caller, nil).Want(200, nil)
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
