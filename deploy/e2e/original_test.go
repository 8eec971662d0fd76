package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/rest/resttest"
)

// original is what the requests of the original need: people, and one of each
// thing.
type original struct {
	*suite
	admin, ann, bob                   session // ann is an operator, bob a user elsewhere
	passportID, docID, notificationID string
}

func newOriginal(s *suite) *original {
	o := &original{suite: s, admin: s.admin()}
	o.ann, o.bob = s.person(o.admin, "operator", slug("original")), s.person(o.admin, "user", "")
	s.told(o.ann, "user.registered", o.ann.User.ID)
	var p answer
	s.passport.Call("POST /api/passports", o.ann.Token, o.body()).Want(201, &p)
	var d struct{ DocID string }
	s.upload(o.ann.Token, "Müll.txt").Want(201, &d)
	o.passportID, o.docID = p.ID, d.DocID
	o.notificationID = s.told(o.ann, "passport.created", p.ID).ID
	return o
}

// body is that of a passport as the original's collection creates it, in the
// words of the Regulation.
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

// call sends a request whose route and body may name what there is.
func (o *original) call(who session, route, body string) resttest.Response {
	names := strings.NewReplacer("{passport}", o.passportID, "{doc}", o.docID, "{notification}", o.notificationID, "{ann}", o.ann.User.ID, "{annEmail}", o.ann.User.Email, "{new}", uuid.NewString())
	return o.service(route).Call(names.Replace(route), who.Token, names.Replace(body))
}

// TestOriginalEndpoints has a counterpart for each of the original's, in an
// order in which each finds what it needs.
func TestOriginalEndpoints(t *testing.T) {
	onAnySuite(t, func(s *suite) {
		o := newOriginal(s)
		nobody := session{}
		for _, c := range []struct {
			who         session
			route, body string
			status      int
			holds       string
		}{
			{nobody, "POST /api/auth/register", `{"email":"{new}@a.example","password":"correct horse battery"}`, 201, `"role":"user"`},
			{nobody, "POST /api/auth/login", `{"email":"{annEmail}","password":"correct horse battery"}`, 200, `"token":"`},
			{o.ann, "GET /api/auth/profile", "", 200, `"role":"operator"`},
			{o.admin, "GET /api/auth/admin", "", 200, `"role":"admin"`},
			{nobody, "GET /health", "", 200, `"message":"Auth Service is running","status":"OK"`},
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
			if a := o.call(c.who, c.route, c.body).Want(c.status, nil); !strings.Contains(a.Text, c.holds) {
				t.Errorf("%s: %s, want %s", c.route, a.Text, c.holds)
			}
		}
		for _, c := range []resttest.Client{s.passport, s.document, s.notification} {
			c.Do("GET /health", "").Want(200, nil)
		}
	})
}

// TestOriginalQuirks has none of the original's come back.
func TestOriginalQuirks(t *testing.T) {
	onAnySuite(t, func(s *suite) {
		o := newOriginal(s)
		mass := func(text string) string { return `{"data":{"generalInformation":{"batteryMass":` + text + `}}}` }
		for _, c := range []struct {
			quirk       string
			who         session
			route, body string
			status      int
		}{
			{"malformed JSON was a 500", session{}, "POST /api/auth/login", `{`, 400},
			{"a bare token worked", session{}, "GET /api/auth/profile", "", 401},
			{"anyone registered as admin", session{}, "POST /api/auth/register", `{"email":"{new}@a.example","password":"correct horse battery","role":"admin"}`, 403},
			{"a number was a password", session{}, "POST /api/auth/register", `{"email":"{new}@a.example","password":12345678}`, 422},
			{"a number logged in with 500", session{}, "POST /api/auth/login", `{"email":"{annEmail}","password":12345678}`, 422},
			{"a taken address was a 400, or a 500", session{}, "POST /api/auth/register", `{"email":"{annEmail}","password":"correct horse battery"}`, 409},
			{"wrong credentials were a 400", session{}, "POST /api/auth/login", `{"email":"{annEmail}","password":"incorrect horse"}`, 401},
			{"a user's every read was a 403", o.bob, "GET /api/passports/{passport}", "", 404},
			{"a malformed id was a 500", o.ann, "GET /api/passports/1", "", 404},
			{"an object as identifier was a 500", o.ann, "POST /api/passports", `{"data":{"generalInformation":{"batteryIdentifier":{}}}}`, 422},
			{"text was cast to a number", o.ann, "PUT /api/passports/{passport}", mass(`"7"`), 422},
			{"unknown keys were dropped", o.ann, "PUT /api/passports/{passport}", `{"data":{},"isActive":true}`, 422},
			{"dotted keys were paths", o.ann, "PATCH /api/passports/{passport}", `{"data.generalInformation.batteryMass":9}`, 422},
			{"a part of the data was a 500", o.ann, "PATCH /api/passports/{passport}", mass("9"), 200},
			{"no body was a 500, and a write", o.ann, "PUT /api/passports/{passport}", "", 400},
			{"nothing changed made an event", o.ann, "PATCH /api/passports/{passport}", `{}`, 200},
			{"deleted", o.ann, "DELETE /api/passports/{passport}", "", 204},
			{"it could be read when deleted", o.ann, "GET /api/passports/{passport}", "", 404},
			{"it could be deleted again", o.ann, "DELETE /api/passports/{passport}", "", 404},
			{"it could be resurrected", o.ann, "PUT /api/passports/{passport}", `{"data":{}}`, 404},
			{"no body was a 500", o.ann, "PUT /api/documents/{doc}", "", 400},
			{"documents had no list", o.admin, "GET /api/documents", "", 200},
			{"somebody else's was a 403", o.bob, "GET /api/documents/{doc}", "", 404},
			{"anyone sent notifications", o.bob, "POST /api/notifications", `{"type":"info","eventType":"general.info","title":"t","message":"m"}`, 403},
			{"anyone sent mail to anybody", o.bob, "POST /api/notifications", `{"type":"email","eventType":"general.info","title":"t","message":"m","recipientEmail":"x@a.example"}`, 403},
			{"an invalid enum was a 500", o.admin, "POST /api/notifications", `{"type":"letter","eventType":"general.info"}`, 422},
			{"a mail to a recipient alone was a 500", o.admin, "POST /api/notifications", `{"type":"email","eventType":"general.info","recipient":"{ann}"}`, 201},
			{"a key with a dot was a 500", o.admin, "POST /api/notifications", `{"type":"info","eventType":"general.info","recipient":"{ann}","metadata":{"a.b":1}}`, 201},
			{"page 0 was a 500", o.ann, "GET /api/notifications?page=0", "", 422},
			{"there was no largest limit", o.ann, "GET /api/notifications?limit=1000000", "", 422},
			{"stats was always a 500", o.ann, "GET /api/notifications/stats", "", 200},
			{"a malformed id was a 500", o.ann, "GET /api/notifications/1", "", 404},
			{"everybody read everybody's", o.bob, "GET /api/notifications/{notification}", "", 404},
			{"everybody marked everybody's", o.bob, "PATCH /api/notifications/{notification}/read", "", 404},
			{"everybody deleted everybody's", o.bob, "DELETE /api/notifications/{notification}", "", 404},
			{"an unknown route was no problem document", o.ann, "GET /api/auth/nothing", "", 404},
		} {
			if a := o.call(c.who, c.route, c.body); a.Status != c.status {
				t.Errorf("%s: %s %s = %d, want %d: %s", c.quirk, c.route, c.body, a.Status, c.status, a.Text)
			}
		}
		o.identifiersAreFree()
		o.eventsOfDeletion()
	})
}

// identifiersAreFree again when their draft is deleted; the original kept them.
func (o *original) identifiersAreFree() {
	var p answer
	body := o.body()
	o.passport.Call("POST /api/passports", o.ann.Token, body).Want(201, &p)
	o.passport.Call("POST /api/passports", o.ann.Token, body).Want(409, nil)
	o.passport.Call("DELETE /api/passports/"+p.ID, o.ann.Token, nil).Want(204, nil)
	o.passport.Call("POST /api/passports", o.ann.Token, body).Want(201, nil)
}

// eventsOfDeletion: there is one, though it was asked for twice, and none of
// the write that changed nothing.
func (o *original) eventsOfDeletion() {
	o.t.Helper()
	o.told(o.ann, "passport.updated", o.passportID) // the topics have no order
	o.told(o.ann, "passport.deleted", o.passportID)
	var page struct{ Items []told }
	o.notification.Call("GET /api/notifications?limit=200", o.ann.Token, nil).Want(200, &page)
	count := map[string]int{}
	for _, n := range page.Items {
		if strings.Contains(fmt.Sprint(n.Metadata), o.passportID) {
			count[n.EventType]++
		}
	}
	if got := fmt.Sprint(count); got != "map[passport.created:1 passport.deleted:1 passport.updated:1]" {
		o.t.Errorf("told of %s", got)
	}
}
