package notificationd_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/mail/mailsink"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

const route = "POST /api/notifications"

func TestCreate(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		admin, ann, bob := s.person(auth.Admin), s.person(auth.User), s.person(auth.Authority)
		await := func(p person, title, channels string) row {
			t.Helper()
			var found row
			s.await(p, "", func(rows []row) bool {
				for _, r := range rows {
					if r.Title == title {
						found = r
						return r.channels() == channels
					}
				}
				return false
			})
			return found
		}

		// To all users.
		var r row
		res := s.Call(route, admin.token, object("type", "alert", "eventType", "system.alert", "title", "Maintenance", "message", "At ten.\r\nFor an hour.", "priority", "critical", "metadata", `{"a.b":{"$x":1}}`))
		res.Want(201, &r)
		if r.Type != "alert" || r.EventType != "system.alert" || r.Priority != "critical" || r.Status != "unread" || r.Message != "At ten.\nFor an hour." ||
			r.Metadata["a.b"] == nil || res.Header.Get("Location") != "/api/notifications/"+r.ID {
			t.Errorf("sent %+v", r)
		}
		s.Call("GET /api/notifications/"+r.ID, admin.token, nil).Want(200, nil)
		await(admin, "Maintenance", "list sent, file sent")
		for _, p := range []person{ann, bob} {
			await(p, "Maintenance", "list sent")
		}
		var read row // each user has a read state
		s.Call("PATCH /api/notifications/"+await(ann, "Maintenance", "list sent").ID+"/read", ann.token, nil).Want(200, &read)
		if r := await(bob, "Maintenance", "list sent"); r.Status != "unread" || read.Status != "read" {
			t.Errorf("read by one user: %+v, notification of another: %+v", read, r)
		}

		// To one user, with the default texts.
		for eventType, want := range map[string][2]string{
			"user.login":   {"Successful Login", "You have successfully logged into your account."},
			"system.alert": {"System Alert", "A system alert has been triggered."}, "general.info": {"Information", "This is a general information notification."},
		} {
			var r row
			s.Call(route, admin.token, object("type", "info", "eventType", eventType, "recipient", ann.id)).Want(201, &r)
			if r.Title != want[0] || !strings.HasPrefix(r.Message, want[1]) || r.Priority != "medium" || len(r.Metadata) != 0 {
				t.Errorf("%s: %+v", eventType, r)
			}
			await(ann, want[0], "list sent, file sent")
			s.Call("GET /api/notifications/"+r.ID, admin.token, nil).WantProblem(404)
		}

		// By mail, to an account and to any address.
		s.Call(route, admin.token, object("type", "email", "eventType", "general.info", "title", "To Ann", "message", "m", "recipient", ann.id)).Want(201, &r)
		if r.channels() != "list sent, mail pending, file pending" {
			t.Errorf("channels after creation: %s", r.channels())
		}
		await(ann, "To Ann", "list sent, mail sent, file sent")
		outside := uuid.NewString() + "@elsewhere.example"
		s.Call(route, admin.token, object("type", "email", "eventType", "passport.created", "title", "To anybody", "message", "m", "recipientEmail", outside)).Want(201, nil)
		await(admin, "To anybody", "list sent, mail sent, file sent")
		if got := s.mails(outside); len(got) != 1 || !strings.Contains(got[0].Content, "To anybody") {
			t.Errorf("mails to %s: %+v", outside, got)
		}
		if files := s.files("Recipient: " + outside); len(files) != 1 || !strings.Contains(files[0], "\nType: email\n") {
			t.Errorf("files %q", files)
		}
	})
}

func TestInvalidDraftsAreRejected(t *testing.T) {
	cfg := settings(t, connect.Config{Dir: t.TempDir()}, nil)
	cfg.Kafka.Brokers = ownBroker(t) // on a shared broker, the admin gets notifications of other tests
	s := startWith(t, cfg, authtest.New(t))
	admin := s.person(auth.Admin)
	full := func(members ...string) string {
		return object(append([]string{"type", "info", "eventType", "passport.created", "title", "t", "message", "m"}, members...)...)
	}
	for name, c := range map[string]struct {
		body   string
		status int
		errors []string
	}{
		"empty":                    {`{}`, 422, []string{"/type required", "/eventType required"}},
		"no title or message":      {object("type", "info", "eventType", "passport.created"), 422, []string{"/title required", "/message required"}},
		"unknown values":           {object("type", "sms", "eventType", "x", "priority", "urgent"), 422, []string{"/type enum", "/eventType enum", "/priority enum"}},
		"mail without recipient":   {strings.Replace(full(), "info", "email", 1), 422, []string{"/recipient required"}},
		"invalid email address":    {strings.Replace(full("recipientEmail", "x"), "info", "email", 1), 422, []string{"/recipientEmail format"}},
		"two email addresses":      {strings.Replace(full("recipientEmail", "x@x.example, y@y.example"), "info", "email", 1), 422, []string{"/recipientEmail format"}},
		"email address, type info": {full("recipientEmail", "x@x.example"), 422, []string{"/recipientEmail unknownField"}},
		"unknown recipient":        {full("recipient", "nobody"), 422, []string{"/recipient unknown"}},
		"title with two lines":     {object("type", "info", "eventType", "general.info", "title", `"t\r\nBcc: x"`, "message", `"a\u0000"`), 422, []string{"/title format", "/message format"}},
		"metadata is an array":     {full("metadata", "[]"), 422, []string{"/metadata type"}},
		"unknown field":            {full("status", "read"), 422, []string{"/status unknownField"}},
		"title of 201 characters":  {object("type", "info", "eventType", "general.info", "title", strings.Repeat("x", 201), "message", "m"), 422, []string{"/title range"}},
		"invalid JSON":             {`{`, 400, []string{" syntax"}},
		"duplicate member":         {`{"type":"info","type":"info"}`, 400, []string{"/type duplicate"}},
	} {
		t.Run(name, func(t *testing.T) {
			s.On(t).Call(route, admin.token, c.body).WantProblem(c.status, c.errors...)
		})
	}
	s.Call(route, admin.token, strings.Repeat(" ", 70_000)).WantProblem(413)
	s.Call(route, admin.token, "a=b", "Content-Type", "application/x-www-form-urlencoded").WantProblem(415, "header:Content-Type enum")
	if rows := s.rows(admin, ""); len(rows) != 1 {
		t.Errorf("a rejected draft was sent: %+v", rows)
	}
}

// TestRoles calls every route with every role.
func TestRoles(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	owner := s.person(auth.User)
	mine := s.rows(owner, "")[0].ID
	for route, statuses := range map[string]map[auth.Role]int{
		"POST /api/notifications":                    {auth.Admin: 201, "": 403},
		"GET /api/notifications":                     {"": 200},
		"GET /api/notifications/stats":               {"": 200},
		"GET /api/notifications/settings":            {"": 200},
		"GET /api/notifications/audit":               {auth.Admin: 200, "": 403},
		"PATCH /api/notifications/read":              {"": 200},
		"GET /api/notifications/" + mine:             {"": 404},
		"DELETE /api/notifications/" + mine:          {"": 404},
		"PATCH /api/notifications/" + mine + "/read": {"": 404},
		"GET /api/notifications/1":                   {"": 404},
	} {
		body := ""
		if strings.HasPrefix(route, "POST") {
			body = object("type", "info", "eventType", "general.info")
		}
		for _, role := range auth.Roles() {
			want, ok := statuses[role]
			if !ok {
				want = statuses[""]
			}
			token := s.issuer.Token(t, auth.Principal{UserID: "somebody", Role: role})
			if got := s.Call(route, token, body); got.Status != want {
				t.Errorf("%s by %s = %d, want %d: %s", route, role, got.Status, want, got.Text)
			}
		}
		s.Do(route, body).WantProblem(401, "header:Authorization missing")
	}
	for name, f := range authtest.Forgeries(t, s.issuer.Key, time.Now()) {
		t.Run(name, func(t *testing.T) {
			s.On(t).Call("GET /api/notifications", f.Token, nil).WantProblem(401, "header:Authorization "+f.Code)
		})
	}
}

// TestFailedMailIsReported: the channels of a notification show that the server refused the
// mail, or that the server is down.
func TestFailedMailIsReported(t *testing.T) {
	sink := mailServer(t, mailsink.Options{Listener: resttest.Listen(t), CheckRecipient: func(string) error { return mailsink.Refuse(550, "no such user here") }})
	cfg := settings(t, connect.Config{Dir: t.TempDir()}, sink)
	cfg.Kafka.Brokers = ownBroker(t) // other tests would send mail first
	s := startWith(t, cfg, authtest.New(t))
	ann := s.person(auth.User)
	r := s.about(ann, "user.registered", "userId", ann.id, "list sent, mail failed, file sent")
	if c := r.Channels[1]; !strings.Contains(c.Reason, "no such user here") || c.Attempts != 1 || !c.NextTry.IsZero() || !c.SentAt.IsZero() {
		t.Errorf("mail %+v", c)
	}
	sink.Close()
	var ready struct{ Status string }
	if s.Call("GET /readyz", "", nil).Want(http.StatusOK, &ready); ready.Status != "degraded" {
		t.Errorf("status %s without a mail server, want degraded", ready.Status)
	}
	passport := uuid.NewString()
	s.send("passport.created", passport, object("passportId", passport, "createdBy", ann.id))
	s.await(ann, "eventType=passport.created", func(rows []row) bool {
		return len(rows) == 1 && rows[0].channels() == "list sent, mail pending, file sent" && strings.Contains(rows[0].Channels[1].Reason, "refused")
	})
}
