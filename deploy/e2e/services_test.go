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

	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// onAnySuite runs a test on the suite at AUTH_URL, PASSPORT_URL, DOCUMENT_URL and
// NOTIFICATION_URL or, if these are not set, like onSharedSuites.
func onAnySuite(t *testing.T, test func(*suite)) {
	if os.Getenv("AUTH_URL") == "" {
		onSharedSuites(t, test)
		return
	}
	client := func(variable string) resttest.Client { return resttest.Client{T: t, URL: os.Getenv(variable)} }
	test(&suite{t: t, auth: client("AUTH_URL"), passport: client("PASSPORT_URL"), document: client("DOCUMENT_URL"), notification: client("NOTIFICATION_URL")})
}

// admin logs the admin in, and registers the account if it does not exist. After a
// registration it waits until the notification-service knows the admin, who then gets all
// notifications.
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
	s.waitForNotification(out, "user.registered", out.User.ID)
	return out
}

// slug returns a unique id for an organisation.
func slug(name string) string { return name + "-" + uuid.NewString()[:13] }

// organisation creates an organisation if it does not exist.
func (s *suite) organisation(admin session, id string) {
	s.t.Helper()
	a := s.auth.Call("POST /api/auth/organisations", admin.Token, map[string]string{"id": id, "name": "Organisation " + id})
	if a.Status != 409 {
		a.Want(201, nil)
	}
}

// newAccount registers an account with a role and, unless empty, an organisation, and logs in.
func (s *suite) newAccount(admin session, role, organisation string) session {
	s.t.Helper()
	email := role + "-" + uuid.NewString() + "@people.example"
	id := s.register(email, "").User.ID
	if organisation != "" {
		s.organisation(admin, organisation)
	}
	s.auth.Call("PATCH /api/auth/users/"+id, admin.Token, map[string]string{"role": role, "organisation": organisation}).Want(200, nil)
	return s.login(email)
}

// upload uploads a text file with form fields, given as alternating names and values.
func (s *suite) upload(token, name string, fields ...string) resttest.Response {
	s.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for i := 0; i+1 < len(fields); i += 2 {
		form.WriteField(fields[i], fields[i+1])
	}
	part, _ := form.CreatePart(textproto.MIMEHeader{"Content-Disposition": {multipart.FileContentDisposition("file", name)}, "Content-Type": {"text/plain"}})
	part.Write([]byte("Content of " + name))
	form.Close() // writes to memory do not fail
	return s.document.Call("POST /api/documents/upload", token, body.String(), "Content-Type", form.FormDataContentType())
}

type notification struct {
	ID, EventType, Title, Status string
	Metadata                     map[string]any
	Channels                     []struct{ Channel, Status string }
}

// waitForNotification waits for a notification about an event of a subject.
func (s *suite) waitForNotification(caller session, eventType, subject string) notification {
	s.t.Helper()
	var found notification
	waittest.Until(s.t, caller.User.Email+" is notified of "+eventType, func() bool {
		var page struct{ Items []notification }
		s.notification.Call("GET /api/notifications?limit=200&eventType="+eventType, caller.Token, nil).Want(200, &page)
		i := slices.IndexFunc(page.Items, func(n notification) bool { return strings.Contains(fmt.Sprint(n.Metadata), subject) })
		if i >= 0 {
			found = page.Items[i]
		}
		return i >= 0
	})
	return found
}

// waitForFile waits for a file in a folder that contains all words. It skips files whose
// names start with a dot, which are still being written.
func (s *suite) waitForFile(folder string, words ...string) {
	s.t.Helper()
	waittest.Until(s.t, fmt.Sprintf("a file in %s contains %v", folder, words), func() bool {
		paths, _ := filepath.Glob(filepath.Join(folder, "[^.]*"))
		for _, path := range slices.Backward(paths) { // the newest first
			data, err := os.ReadFile(path)
			if err == nil && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(string(data), w) }) {
				return true
			}
		}
		return false
	})
}

// TestAllServices uses all four services as an operator and checks the notifications.
func TestAllServices(t *testing.T) {
	onAnySuite(t, func(s *suite) {
		admin := s.admin()
		ada := s.newAccount(admin, "operator", slug("nordlicht"))
		s.waitForNotification(ada, "user.registered", ada.User.ID)
		s.waitForNotification(admin, "user.registered", ada.User.ID)

		identifier := "https://a.example/" + uuid.NewString()
		var p passport
		s.passport.Call("POST /api/passports", ada.Token, fmt.Sprintf(`{"data":{"generalInformation":{"batteryIdentifier":%q}}}`, identifier)).Want(201, &p)
		s.waitForNotification(ada, "passport.created", p.ID)
		s.waitForNotification(admin, "passport.created", p.ID)

		var d struct{ DocID, PassportID, DownloadURL string }
		s.upload(ada.Token, "Müll.txt", "passportId", p.ID, "kind", "test-report").Want(201, &d)
		n := s.waitForNotification(ada, "document.uploaded", d.DocID)
		s.waitForNotification(admin, "document.uploaded", d.DocID)
		content := "GET /api/documents/" + d.DocID + "/content"
		if a := s.document.Call(content, ada.Token, nil).Want(200, nil); a.Text != "Content of Müll.txt" || !strings.Contains(a.Header.Get("Content-Disposition"), url.PathEscape("Müll.txt")) {
			t.Errorf("content %q, %v", a.Text, a.Header)
		}
		if s.stack != nil {
			s.waitForFile(s.stack.NotificationDir, "Event Type: document.uploaded", d.DocID, "Recipient: "+ada.User.Email)
			s.waitForFile(s.stack.MailDir, "To: <"+ada.User.Email+">", "New Battery Passport Created")
		}
		s.notification.Call("PATCH /api/notifications/"+n.ID+"/read", ada.Token, nil).Want(200, &n)
		if n.Status != "read" {
			t.Errorf("notification after PATCH read: %+v", n)
		}
		s.notification.Call("GET /api/notifications/"+n.ID, admin.Token, nil).WantProblem(404)

		s.document.Call("DELETE /api/documents/"+d.DocID, ada.Token, nil).Want(204, nil)
		s.document.Call(content, ada.Token, nil).WantProblem(404)
		s.passport.Call("DELETE /api/passports/"+p.ID, ada.Token, nil).Want(204, nil)
		s.waitForNotification(ada, "document.deleted", d.DocID)
		s.waitForNotification(ada, "passport.deleted", p.ID)
	})
}

// TestRoles checks what each role may do with the resources of an operator.
func TestRoles(t *testing.T) {
	onAnySuite(t, func(s *suite) {
		admin := s.admin()
		organisation := slug("nordlicht")
		maker := s.newAccount(admin, "operator", organisation)
		s.waitForNotification(maker, "user.registered", maker.User.ID) // notifications need known recipients
		var p passport
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
			caller := s.newAccount(admin, c.role, c.organisation)
			var got []string
			for _, route := range routes {
				service, body := s.passport, `{"data":{}}`
				switch {
				case strings.HasPrefix(route, "GET /api/passports"):
					body = ""
				case strings.Contains(route, "/documents"):
					service, body = s.document, ""
				case strings.Contains(route, "/auth"):
					service, body = s.auth, ""
				case strings.Contains(route, "/notifications"):
					service, body = s.notification, fmt.Sprintf(`{"type":"info","eventType":"general.info","recipient":%q}`, maker.User.ID)
				}
				got = append(got, fmt.Sprint(service.Call(route, caller.Token, body).Status))
			}
			if have := strings.Join(got, " "); have != c.want {
				t.Errorf("%s of %q: %s, want %s (%v)", c.role, c.organisation, have, c.want, routes)
			}
		}
	})
}
