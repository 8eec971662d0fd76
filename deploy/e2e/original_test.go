package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/rest/resttest"
)

// original has the accounts and resources for the tests of compatibility with the
// original project, see CHANGELOG.md.
type original struct {
	*suite
	admin, ann, bob                   session // ann is an operator, bob a user elsewhere
	passportID, docID, notificationID string
}

func newOriginal(s *suite) *original {
	o := &original{suite: s, admin: s.admin()}
	o.ann, o.bob = s.newAccount(o.admin, "operator", slug("original")), s.newAccount(o.admin, "user", "")
	s.waitForNotification(o.ann, "user.registered", o.ann.User.ID)
	var p passport
	s.passport.Call("POST /api/passports", o.ann.Token, o.body()).Want(201, &p)
	var d struct{ DocID string }
	s.upload(o.ann.Token, "Müll.txt").Want(201, &d)
	o.passportID, o.docID = p.ID, d.DocID
	o.notificationID = s.waitForNotification(o.ann, "passport.created", p.ID).ID
	return o
}

// body returns a passport like the one in the Postman collection of the original.
func (o *original) body() string {
	return fmt.Sprintf(`{"data":{"generalInformation":{"batteryIdentifier":"https://a.example/%s","batteryModel":{"id":"LM3","modelName":"WZX1"},"batteryMass":450,"batteryCategory":"EV"}}}`, uuid.NewString())
}

func (o *original) service(route string) resttest.Client {
	for prefix, c := range map[string]resttest.Client{"/api/passports": o.passport, "/api/documents": o.document, "/api/notifications": o.notification} {
		if strings.Contains(route, prefix) {
			return c
		}
	}
	return o.auth
}

// call sends a request after replacing the placeholders in route and body.
func (o *original) call(caller session, route, body string) resttest.Response {
	names := strings.NewReplacer("{passport}", o.passportID, "{doc}", o.docID, "{notification}", o.notificationID, "{ann}", o.ann.User.ID, "{annEmail}", o.ann.User.Email, "{new}", uuid.NewString())
	return o.service(route).Call(names.Replace(route), caller.Token, names.Replace(body))
}

// TestOriginalEndpoints calls the counterpart of each endpoint of the original.
func TestOriginalEndpoints(t *testing.T) {
	onAnySuite(t, func(s *suite) {
		o := newOriginal(s)
		anonymous := session{}
		for _, c := range []struct {
			session     session
			route, body string
			status      int
			holds       string
		}{
			{anonymous, "POST /api/auth/register", `{"email":"{new}@a.example","password":"correct horse battery"}`, 201, `"role":"user"`},
			{anonymous, "POST /api/auth/login", `{"email":"{annEmail}","password":"correct horse battery"}`, 200, `"token":"`},
			{o.ann, "GET /api/auth/profile", "", 200, `"role":"operator"`},
			{o.admin, "GET /api/auth/admin", "", 200, `"role":"admin"`},
			{anonymous, "GET /health", "", 200, `"message":"Auth Service is running","status":"OK"`},
			{o.admin, "POST /api/passports", o.body(), 201, `"state":"draft"`},
			{o.ann, "GET /api/passports", "", 200, `"items":[{`},
			{o.ann, "GET /api/passports/{passport}", "", 200, `"modelName":"WZX1"`},
			{o.ann, "PUT /api/passports/{passport}", `{"data":{"generalInformation":{"batteryMass":9}}}`, 200, `"version":2`},
			{o.ann, "DELETE /api/passports/{passport}", "", 204, ""},
			{o.ann, "GET /api/documents/user", "", 200, `"fileName":"Müll.txt"`},
			{o.ann, "GET /api/documents/{doc}", "", 200, `"downloadUrl":"`},
			{o.ann, "GET /api/documents/{doc}/download", "", 200, `"expiresIn":60`},
			{o.ann, "PUT /api/documents/{doc}", `{"description":"d","isPublic":true}`, 200, `"isPublic":true`},
			{o.ann, "DELETE /api/documents/{doc}", "", 204, ""},
			{o.admin, "POST /api/notifications", `{"type":"email","eventType":"user.registered","title":"t","message":"m","recipientEmail":"x@a.example"}`, 201, `"channel":"mail"`},
			{o.ann, "GET /api/notifications", "", 200, `"items":[{`},
			{o.ann, "GET /api/notifications/stats", "", 200, `"unread":`},
			{o.ann, "GET /api/notifications/{notification}", "", 200, `"title":"New Battery Passport Created"`},
			{o.ann, "PATCH /api/notifications/{notification}/read", "", 200, `"status":"read"`},
			{o.ann, "DELETE /api/notifications/{notification}", "", 204, ""},
		} {
			if a := o.call(c.session, c.route, c.body).Want(c.status, nil); !strings.Contains(a.Text, c.holds) {
				t.Errorf("%s: %s, want %s", c.route, a.Text, c.holds)
			}
		}
		for _, c := range []resttest.Client{s.passport, s.document, s.notification} {
			c.Do("GET /health", "").Want(200, nil)
		}
	})
}

// TestOriginalBugsAreFixed checks requests that the original handled wrongly.
func TestOriginalBugsAreFixed(t *testing.T) {
	onAnySuite(t, func(s *suite) {
		o := newOriginal(s)
		mass := func(text string) string { return `{"data":{"generalInformation":{"batteryMass":` + text + `}}}` }
		for _, c := range []struct {
			bug         string
			session     session
			route, body string
			status      int
		}{
			{"malformed JSON was a 500", session{}, "POST /api/auth/login", `{`, 400},
			{"a token without Bearer was accepted", session{}, "GET /api/auth/profile", "", 401},
			{"anyone registered as admin", session{}, "POST /api/auth/register", `{"email":"{new}@a.example","password":"correct horse battery","role":"admin"}`, 403},
			{"a number was accepted as password", session{}, "POST /api/auth/register", `{"email":"{new}@a.example","password":12345678}`, 422},
			{"login with a number as password was a 500", session{}, "POST /api/auth/login", `{"email":"{annEmail}","password":12345678}`, 422},
			{"an existing address was a 400 or a 500", session{}, "POST /api/auth/register", `{"email":"{annEmail}","password":"correct horse battery"}`, 409},
			{"wrong credentials were a 400", session{}, "POST /api/auth/login", `{"email":"{annEmail}","password":"incorrect horse"}`, 401},
			{"every read by a user was a 403", o.bob, "GET /api/passports/{passport}", "", 404},
			{"a malformed id was a 500", o.ann, "GET /api/passports/1", "", 404},
			{"an object as identifier was a 500", o.ann, "POST /api/passports", `{"data":{"generalInformation":{"batteryIdentifier":{}}}}`, 422},
			{"a string was converted to a number", o.ann, "PUT /api/passports/{passport}", mass(`"7"`), 422},
			{"unknown members were ignored", o.ann, "PUT /api/passports/{passport}", `{"data":{},"isActive":true,"x":1}`, 422},
			{"members with dots were paths", o.ann, "PATCH /api/passports/{passport}", `{"data.generalInformation.batteryMass":9}`, 422},
			{"a partial update was a 500", o.ann, "PATCH /api/passports/{passport}", mass("9"), 200},
			{"an empty body was a 500 and changed the passport", o.ann, "PUT /api/passports/{passport}", "", 400},
			{"an update without changes published an event", o.ann, "PATCH /api/passports/{passport}", `{}`, 200},
			{"(deletion for the next cases)", o.ann, "DELETE /api/passports/{passport}", "", 204},
			{"a deleted passport could be read", o.ann, "GET /api/passports/{passport}", "", 404},
			{"a deleted passport could be deleted again", o.ann, "DELETE /api/passports/{passport}", "", 404},
			{"a deleted passport could be updated", o.ann, "PUT /api/passports/{passport}", `{"data":{}}`, 404},
			{"an empty body was a 500", o.ann, "PUT /api/documents/{doc}", "", 400},
			{"documents could not be listed", o.admin, "GET /api/documents", "", 200},
			{"a document of others was a 403", o.bob, "GET /api/documents/{doc}", "", 404},
			{"every user could send notifications", o.bob, "POST /api/notifications", `{"type":"info","eventType":"general.info","title":"t","message":"m"}`, 403},
			{"every user could send mail to every address", o.bob, "POST /api/notifications", `{"type":"email","eventType":"general.info","title":"t","message":"m","recipientEmail":"x@a.example"}`, 403},
			{"an unknown type was a 500", o.admin, "POST /api/notifications", `{"type":"letter","eventType":"general.info"}`, 422},
			{"a mail without recipientEmail was a 500", o.admin, "POST /api/notifications", `{"type":"email","eventType":"general.info","recipient":"{ann}"}`, 201},
			{"a metadata member with a dot was a 500", o.admin, "POST /api/notifications", `{"type":"info","eventType":"general.info","recipient":"{ann}","metadata":{"a.b":1}}`, 201},
			{"page 0 was a 500", o.ann, "GET /api/notifications?page=0", "", 422},
			{"limit had no maximum", o.ann, "GET /api/notifications?limit=1000000", "", 422},
			{"stats was always a 500", o.ann, "GET /api/notifications/stats", "", 200},
			{"a malformed id was a 500", o.ann, "GET /api/notifications/1", "", 404},
			{"every user could read all notifications", o.bob, "GET /api/notifications/{notification}", "", 404},
			{"every user could mark all notifications as read", o.bob, "PATCH /api/notifications/{notification}/read", "", 404},
			{"every user could delete all notifications", o.bob, "DELETE /api/notifications/{notification}", "", 404},
			{"an unknown route did not return a problem document", o.ann, "GET /api/auth/nothing", "", 404},
		} {
			if a := o.call(c.session, c.route, c.body); a.Status != c.status {
				t.Errorf("%s: %s %s = %d, want %d: %s", c.bug, c.route, c.body, a.Status, c.status, a.Text)
			}
		}
		o.checkIdentifierReuse()
		o.checkEvents()
	})
}

// checkIdentifierReuse checks that the identifier of a deleted draft can be used again.
func (o *original) checkIdentifierReuse() {
	var p passport
	body := o.body()
	o.passport.Call("POST /api/passports", o.ann.Token, body).Want(201, &p)
	o.passport.Call("POST /api/passports", o.ann.Token, body).Want(409, nil)
	o.passport.Call("DELETE /api/passports/"+p.ID, o.ann.Token, nil).Want(204, nil)
	o.passport.Call("POST /api/passports", o.ann.Token, body).Want(201, nil)
}

// checkEvents checks that the second deletion and the update without changes published no
// events.
func (o *original) checkEvents() {
	o.t.Helper()
	o.waitForNotification(o.ann, "passport.updated", o.passportID) // events of different topics have no order
	o.waitForNotification(o.ann, "passport.deleted", o.passportID)
	var page struct{ Items []notification }
	o.notification.Call("GET /api/notifications?limit=200", o.ann.Token, nil).Want(200, &page)
	count := map[string]int{}
	for _, n := range page.Items {
		if strings.Contains(fmt.Sprint(n.Metadata), o.passportID) {
			count[n.EventType]++
		}
	}
	if got := fmt.Sprint(count); got != "map[passport.created:1 passport.deleted:1 passport.updated:1]" {
		o.t.Errorf("notifications %s, want one each for created, deleted and updated", got)
	}
}
