package e2e

import (
	"bytes"
	"cmp"
	"fmt"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/rest/resttest"
)

// onAnySuite runs a test on the suite whose services AUTH_URL, PASSPORT_URL,
// DOCUMENT_URL and NOTIFICATION_URL name, or else as onSuites does. What the
// test makes has names of its own, so that it can run on one suite many times.
func onAnySuite(t *testing.T, test func(*suite)) {
	if os.Getenv("AUTH_URL") == "" {
		onSuites(t, test)
		return
	}
	client := func(variable string) resttest.Client { return resttest.Client{T: t, URL: os.Getenv(variable)} }
	test(&suite{t: t, auth: client("AUTH_URL"), passport: client("PASSPORT_URL"), document: client("DOCUMENT_URL"), notification: client("NOTIFICATION_URL")})
}

// admin logs the admin in, and makes that account where there is none. Word of
// others reaches an admin who is known: events of two people have no order.
func (s *suite) admin() session {
	s.t.Helper()
	body := map[string]string{"email": cmp.Or(os.Getenv("ADMIN_EMAIL"), "admin@nordlicht.example"), "password": cmp.Or(os.Getenv("ADMIN_PASSWORD"), password)}
	var out session
	if a := s.auth.Call("POST /api/auth/login", "", body); a.Status == 200 {
		a.Want(200, &out)
		return out
	}
	body["role"] = "admin"
	s.auth.Call("POST /api/auth/register", "", body).Want(201, &out)
	s.told(out, "user.registered", out.User.ID)
	return out
}

// slug returns an id of an organisation that no other has.
func slug(name string) string { return name + "-" + uuid.NewString()[:13] }

// organisation creates an organisation, unless it exists.
func (s *suite) organisation(admin session, id string) {
	s.t.Helper()
	a := s.auth.Call("POST /api/auth/organisations", admin.Token, map[string]string{"id": id, "name": "Organisation " + id})
	if a.Status != 409 {
		a.Want(201, nil)
	}
}

// person makes an account with a role, and in an organisation unless that is empty.
func (s *suite) person(admin session, role, organisation string) session {
	s.t.Helper()
	email := role + "-" + uuid.NewString() + "@people.example"
	id := s.register(email, "").User.ID
	if organisation != "" {
		s.organisation(admin, organisation)
	}
	s.auth.Call("PATCH /api/auth/users/"+id, admin.Token, map[string]string{"role": role, "organisation": organisation}).Want(200, nil)
	return s.login(email)
}

// upload sends a text file with fields, as names and values in turn.
func (s *suite) upload(token, name string, fields ...string) resttest.Response {
	s.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for i := 0; i+1 < len(fields); i += 2 {
		form.WriteField(fields[i], fields[i+1])
	}
	part, _ := form.CreatePart(textproto.MIMEHeader{"Content-Disposition": {multipart.FileContentDisposition("file", name)}, "Content-Type": {"text/plain"}})
	part.Write([]byte("What is in " + name))
	form.Close() // all of it in memory
	return s.document.Call("POST /api/documents/upload", token, body.String(), "Content-Type", form.FormDataContentType())
}

type told struct {
	ID, EventType, Title, Status string
	Metadata                     map[string]any
	Channels                     []struct{ Channel, Status string }
}

// told waits until somebody has been told of an event about a subject.
func (s *suite) told(who session, eventType, subject string) told {
	s.t.Helper()
	var found told
	s.eventually(who.User.Email+" is told of "+eventType, func() bool {
		var page struct{ Items []told }
		s.notification.Call("GET /api/notifications?limit=200&eventType="+eventType, who.Token, nil).Want(200, &page)
		i := slices.IndexFunc(page.Items, func(n told) bool { return strings.Contains(fmt.Sprint(n.Metadata), subject) })
		if i >= 0 {
			found = page.Items[i]
		}
		return i >= 0
	})
	return found
}

// landed waits for a file in a folder that holds all the words; one with a dot
// is still being written.
func (s *suite) landed(folder string, words ...string) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("a file in %s has %v", folder, words), func() bool {
		paths, _ := filepath.Glob(filepath.Join(folder, "[^.]*"))
		return slices.ContainsFunc(paths, func(path string) bool {
			data, err := os.ReadFile(path)
			return err == nil && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(string(data), w) })
		})
	})
}

// eventually waits until something is so, for a minute at most.
func (s *suite) eventually(what string, is func() bool) {
	s.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !is(); <-tick.C {
		if time.Now().After(deadline) {
			s.t.Fatalf("not within a minute: %s", what)
		}
	}
}

// TestPeople is the way of a person through all four services.
func TestPeople(t *testing.T) {
	onAnySuite(t, func(s *suite) {
		admin := s.admin()
		ada := s.person(admin, "operator", slug("nordlicht"))
		s.told(ada, "user.registered", ada.User.ID)
		s.told(admin, "user.registered", ada.User.ID)

		identifier := "https://a.example/" + uuid.NewString()
		var p answer
		s.passport.Call("POST /api/passports", ada.Token, fmt.Sprintf(`{"data":{"generalInformation":{"batteryIdentifier":%q}}}`, identifier)).Want(201, &p)
		s.told(ada, "passport.created", p.ID)
		s.told(admin, "passport.created", p.ID)

		var d struct{ DocID, PassportID, DownloadURL string }
		s.upload(ada.Token, "Müll.txt", "passportId", p.ID, "kind", "test-report").Want(201, &d)
		n := s.told(ada, "document.uploaded", d.DocID)
		s.told(admin, "document.uploaded", d.DocID)
		content := "GET /api/documents/" + d.DocID + "/content"
		if a := s.document.Call(content, ada.Token, nil).Want(200, nil); a.Text != "What is in Müll.txt" || !strings.Contains(a.Header.Get("Content-Disposition"), url.PathEscape("Müll.txt")) {
			t.Errorf("content %q, %v", a.Text, a.Header)
		}
		if s.stack != nil {
			s.landed(s.stack.Files, "Event Type: document.uploaded", d.DocID, "Recipient: "+ada.User.Email)
			s.landed(s.stack.Mails, "To: <"+ada.User.Email+">", "Document Uploaded Successfully")
		}
		s.notification.Call("PATCH /api/notifications/"+n.ID+"/read", ada.Token, nil).Want(200, &n)
		if n.Status != "read" {
			t.Errorf("read: %+v", n)
		}
		s.notification.Call("GET /api/notifications/"+n.ID, admin.Token, nil).WantProblem(404)

		s.document.Call("DELETE /api/documents/"+d.DocID, ada.Token, nil).Want(204, nil)
		s.document.Call(content, ada.Token, nil).WantProblem(404)
		s.passport.Call("DELETE /api/passports/"+p.ID, ada.Token, nil).Want(204, nil)
		s.told(ada, "document.deleted", d.DocID)
		s.told(ada, "passport.deleted", p.ID)
	})
}

// TestRoles is what people of each role may do with what an operator has made.
func TestRoles(t *testing.T) {
	onAnySuite(t, func(s *suite) {
		admin := s.admin()
		organisation := slug("nordlicht")
		maker := s.person(admin, "operator", organisation)
		s.told(maker, "user.registered", maker.User.ID) // so that word can be sent to them
		var p answer
		s.passport.Call("POST /api/passports", maker.Token, `{"data":{}}`).Want(201, &p)
		document := func(fields ...string) string {
			var d struct{ DocID string }
			s.upload(maker.Token, "report.txt", fields...).Want(201, &d)
			return "GET /api/documents/" + d.DocID
		}
		routes := []string{
			"GET /api/passports/" + p.ID, document(), document("isPublic", "true"), document("accessClass", "authority"),
			"POST /api/passports", "GET /api/auth/users", "POST /api/notifications",
		}
		for _, c := range []struct {
			role, organisation string
			want               string
		}{
			{"admin", "", "200 200 200 200 201 200 201"},
			{"operator", organisation, "200 200 200 200 201 403 403"},
			{"operator", "another-" + organisation, "404 404 200 404 201 403 403"},
			{"user", organisation, "200 200 200 200 403 403 403"},
			{"user", "", "404 404 200 404 403 403 403"},
			{"legitimate_interest", "", "404 404 200 404 403 403 403"},
			{"authority", "", "404 404 200 200 403 403 403"},
		} {
			who := s.person(admin, c.role, c.organisation)
			var got []string
			for _, route := range routes {
				service, body := s.passport, `{"data":{}}`
				switch {
				case strings.Contains(route, "/documents"):
					service, body = s.document, ""
				case strings.Contains(route, "/auth"):
					service, body = s.auth, ""
				case strings.Contains(route, "/notifications"):
					service, body = s.notification, fmt.Sprintf(`{"type":"info","eventType":"general.info","recipient":%q}`, maker.User.ID)
				}
				got = append(got, fmt.Sprint(service.Call(route, who.Token, body).Status))
			}
			if have := strings.Join(got, " "); have != c.want {
				t.Errorf("%s of %q: %s, want %s (%v)", c.role, c.organisation, have, c.want, routes)
			}
		}
	})
}
