package notificationd_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

func TestNotificationLifecycle(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		admin, owner, other := s.person(auth.Admin), s.person(auth.Operator), s.person(auth.User)
		passport, id := uuid.NewString(), uuid.NewString()
		created := object("passportId", passport, "batteryIdentifier", "https://nlb.example/01/1/21/N1", "modelName", "NLB 82",
			"manufacturerName", "Nordlicht", "createdBy", owner.id, "createdAt", "2026-11-22T10:30:00.120Z")
		s.send("passport.created", passport, created, header(id)...)

		r := s.about(owner, "passport.created", "passportId", passport, "list sent, mail sent, file sent")
		if r.Type != "system" || r.Priority != "medium" || r.Status != "unread" || r.Title != "New Battery Passport Created" ||
			!strings.HasSuffix(r.Message, "Identifier: \"https://nlb.example/01/1/21/N1\"\nModel: \"NLB 82\"\nManufacturer: \"Nordlicht\"") ||
			r.about("createdBy") != owner.id || r.CreatedAt.Format("15:04:05.000") != "10:30:00.120" {
			t.Errorf("notification %+v", r)
		}
		path := "/api/notifications/" + r.ID
		ofAdmin := s.about(admin, "passport.created", "passportId", passport, "list sent, mail sent")
		if rows := s.rows(other, "eventType=passport.created"); len(rows) != 0 {
			t.Errorf("another user has %+v", rows)
		}
		for _, p := range []person{admin, other} {
			for _, route := range []string{"GET " + path, "DELETE " + path, "PATCH " + path + "/read"} {
				s.Call(route, p.token, nil).WantProblem(404)
			}
		}
		if files := s.files(passport); len(files) != 1 || !strings.Contains(files[0], "\nRecipient: "+owner.email+"\n") {
			t.Errorf("files %q", files)
		}

		// The read state belongs to one user, and readAt does not change.
		var first, second row
		s.Call("PATCH /api/notifications/read", owner.token, object("ids", `["`+ofAdmin.ID+`"]`)).WantProblem(422, "/ids unknownField")
		if s.Call("GET "+path, owner.token, nil).Want(200, &first); first.Status != "unread" {
			t.Errorf("a refused request marked %+v as read", first)
		}
		s.Call("PATCH "+path+"/read", owner.token, nil).Want(200, &first)
		s.Call("PATCH "+path+"/read", owner.token, nil).Want(200, &second)
		s.Call("GET /api/notifications/"+ofAdmin.ID, admin.token, nil).Want(200, &ofAdmin)
		if first.Status != "read" || first.ReadAt.IsZero() || second.ReadAt != first.ReadAt || ofAdmin.Status != "unread" {
			t.Errorf("first read %+v, second %+v, notification of the admin %+v", first, second, ofAdmin)
		}
		s.Call("DELETE "+path, owner.token, nil).Want(204, nil)
		for _, route := range []string{"GET " + path, "DELETE " + path, "PATCH " + path + "/read"} {
			s.Call(route, owner.token, nil).WantProblem(404)
		}

		// The event is repeated. Further events of the passport do not name its owner.
		s.send("passport.created", passport, created, header(id)...)
		s.send("passport.updated", passport, object("passportId", passport, "batteryIdentifier", "N1", "updatedFields", `["a","b"]`, "updatedBy", admin.id), header("u"+id)...)
		s.send("passport.deleted", passport, object("passportId", passport, "deletedBy", admin.id), header("d"+id)...)
		s.about(owner, "passport.updated", "passportId", passport, "list sent, mail sent, file sent")
		deleted := s.about(owner, "passport.deleted", "passportId", passport, "list sent, mail sent, file sent")
		if !strings.HasSuffix(deleted.Message, "Battery Identifier: N/A\nDeleted By: \""+admin.id+"\"") {
			t.Errorf("message %q", deleted.Message)
		}
		s.send("passport.created", passport, created, header(id)...)
		last := uuid.NewString() // in the same partition, so it is handled after the repeated event
		s.send("passport.created", passport, object("passportId", last, "createdBy", owner.id), header(last)...)
		s.about(owner, "passport.created", "passportId", last, "list sent, mail sent, file sent")
		for _, r := range s.rows(owner, "eventType=passport.created") {
			if r.about("passportId") == passport {
				t.Errorf("the deleted notification was created again: %+v", r)
			}
		}
		if mails, files := s.mails(owner.email), s.files("\"passportId\": \""+passport); len(mails) != 5 || len(files) != 3 {
			t.Errorf("%d mails, want welcome, created, updated, deleted, created; %d files, want 3", len(mails), len(files))
		}
	})
}

func TestListFiltersAndStats(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		owner := s.person(auth.User)
		const n = 7
		for range n {
			doc := uuid.NewString()
			s.send("document.uploaded", doc, object("docId", doc, "fileName", "Müll.pdf", "fileSize", "1572864", "uploadedBy", owner.id), header(doc, time.Now().UTC().Format(time.RFC3339Nano))...)
		}
		rows := s.await(owner, "", func(rows []row) bool { return len(rows) == n+1 })
		for i, r := range rows[:n] {
			if r.EventType != "document.uploaded" || !strings.HasSuffix(r.Message, "File Name: \"Müll.pdf\"\nSize: 1.50 MB") {
				t.Errorf("notification %d is %+v", i, r)
			}
		}
		if rows[n].EventType != "user.registered" { // the oldest
			t.Errorf("last notification: %+v", rows[n])
		}
		for query, want := range map[string]int{
			"type=system": n + 1, "type=email": 0, "status=unread": n + 1, "status=read": 0, "eventType=document.uploaded": n,
			"priority=medium&eventType=user.registered": 1, "priority=high": 0,
		} {
			if got := s.rows(owner, query); len(got) != want {
				t.Errorf("%s: %d, want %d", query, len(got), want)
			}
		}
		var first, second page
		s.Call("GET /api/notifications?limit=5", owner.token, nil).Want(200, &first)
		s.Call("GET /api/notifications?limit=5&cursor="+first.NextCursor, owner.token, nil).Want(200, &second)
		if len(first.Items) != 5 || len(second.Items) != 3 || second.NextCursor != "" || second.Items[0].ID != rows[5].ID {
			t.Errorf("pages of %d and %d", len(first.Items), len(second.Items))
		}
		for query, want := range map[string]string{
			"page=1": "query:page unknownField", "limit=0": "query:limit range", "limit=201": "query:limit range",
			"status=sent": "query:status enum", "type=x": "query:type enum", "priority=x": "query:priority enum",
		} {
			s.Call("GET /api/notifications?"+query, owner.token, nil).WantProblem(422, want)
		}
		s.Call("GET /api/notifications?cursor=x", owner.token, nil).WantProblem(400, "query:cursor format")

		type stats struct {
			Total, Unread    int
			ByStatus, ByType map[string]int
			Complete         bool
		}
		var counted stats
		s.Call("PATCH /api/notifications/"+rows[0].ID+"/read", owner.token, nil).Want(200, nil)
		s.Call("DELETE /api/notifications/"+rows[1].ID, owner.token, nil).Want(204, nil)
		s.Call("GET /api/notifications/stats", owner.token, nil).Want(200, &counted)
		if counted.Total != n || counted.Unread != n-1 || counted.ByStatus["read"] != 1 || counted.ByStatus["unread"] != n-1 || counted.ByType["system"] != n || !counted.Complete {
			t.Errorf("stats %+v", counted)
		}
		var marked struct{ Marked int }
		for _, want := range []int{n - 1, 0} {
			if s.Call("PATCH /api/notifications/read", owner.token, nil).Want(200, &marked); marked.Marked != want {
				t.Errorf("marked %d, want %d", marked.Marked, want)
			}
		}
		s.Call("GET /api/notifications/stats", owner.token, nil).Want(200, &counted)
		if counted.Unread != 0 || counted.ByStatus["read"] != n {
			t.Errorf("stats after all are read %+v", counted)
		}
	})
}
