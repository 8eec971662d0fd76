package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/rest/resttest"
)

// originalRequests are the requests of the Postman collection of the original project by their names in
// docs/original.md, with the accounts and ids of newOriginal.
func (o *original) originalRequests() map[string]func() resttest.Response {
	call := func(caller session, route, body string) func() resttest.Response {
		return func() resttest.Response { return o.call(caller, route, body) }
	}
	health := func(c resttest.Client) func() resttest.Response {
		return func() resttest.Response { return c.Do("GET /health", "") }
	}
	return map[string]func() resttest.Response{
		"Auth: health": health(o.auth), "Passport: health": health(o.passport), "Document: health": health(o.document), "Notification: health": health(o.notification),
		"Auth: register":   call(session{}, "POST /api/auth/register", `{"email":"{new}@a.example","password":"correct horse battery"}`),
		"Auth: login":      call(session{}, "POST /api/auth/login", `{"email":"{annEmail}","password":"correct horse battery"}`),
		"Auth: profile":    call(o.admin, "GET /api/auth/profile", ""),
		"Auth: admin":      call(o.admin, "GET /api/auth/admin", ""),
		"Passport: create": call(o.admin, "POST /api/passports", strings.Replace(o.body(), "{", "{ // unique\n", 1)),
		"Passport: list":   call(o.admin, "GET /api/passports", ""),
		"Passport: get":    call(o.ann, "GET /api/passports/{passport}", ""),
		"Passport: update": call(o.ann, "PUT /api/passports/{passport}", ""),
		"Passport: delete": call(o.ann, "DELETE /api/passports/{passport}", ""),
		"Document: upload": func() resttest.Response {
			return o.upload(o.ann.Token, "a.txt", "description", "d", "isPublic", "true")
		},
		"Document: list of the user": call(o.ann, "GET /api/documents/user", ""),
		"Document: metadata":         call(o.ann, "GET /api/documents/{doc}", ""),
		"Document: download":         call(o.ann, "GET /api/documents/{doc}/download", ""),
		"Document: update":           call(o.ann, "PUT /api/documents/{doc}", ""),
		"Document: delete":           call(o.ann, "DELETE /api/documents/{doc}", ""),
		"Notification: create":       call(o.admin, "POST /api/notifications", `{"type":"email","eventType":"user.registered","title":"t","message":"m","recipientEmail":"x@a.example"}`),
		"Notification: list":         call(o.ann, "GET /api/notifications", ""),
		"Notification: stats":        call(o.ann, "GET /api/notifications/stats", ""),
		"Notification: get `/1`":     call(o.ann, "GET /api/notifications/1", ""),
		"Notification: read":         call(o.ann, "PATCH /api/notifications/{notification}/read", ""),
		"Notification: delete":       call(o.ann, "DELETE /api/notifications/{notification}", ""),
	}
}

// TestOriginalCollection compares the responses in the table of docs/original.md with those of the suite, and the
// number of requests that work.
func TestOriginalCollection(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs", "original.md"))
	if err != nil {
		t.Fatal(err)
	}
	onSuites(t, func(s *suite) {
		o := newOriginal(s)
		requests := o.originalRequests()
		total, working := len(requests), 0
		for _, row := range regexp.MustCompile(`(?m)^\| (.+?) \| (\d{3}) \| (yes|no)`).FindAllStringSubmatch(string(page), -1) {
			name, works := row[1], row[3] == "yes"
			send := requests[name]
			if send == nil {
				s.t.Errorf("docs/original.md: the request %q is unknown", name)
				continue
			}
			delete(requests, name)
			a := send()
			if strconv.Itoa(a.Status) != row[2] || works != (a.Status < 300) {
				s.t.Errorf("%s: %d, docs/original.md has %s, works: %s: %s", name, a.Status, row[2], row[3], a.Text)
			}
			if works {
				working++
			}
		}
		for name := range requests {
			s.t.Errorf("docs/original.md has no row for %q", name)
		}
		if summary := " has " + strconv.Itoa(total) + " requests"; !strings.Contains(string(page), summary) || !strings.Contains(string(page), strconv.Itoa(working)+" of them work unchanged") {
			s.t.Errorf("docs/original.md does not say that %d of %d requests work unchanged", working, total)
		}
	})
}
