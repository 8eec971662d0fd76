package e2e

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/waittest"
)

const (
	jsonType     = "application/json"
	slowAccounts = 4
	slowRequests = 2 // of each kind, account and moment
	// pipelined is how often an attacker sends a GET on one connection: the responses then
	// do not fit into the buffers of the kernel.
	pipelined = 30
	// honestBound is the longest time that others need for a request during the attack, with
	// its repetitions. An attacker that is not stopped holds a slot for more than two minutes.
	honestBound = time.Minute

	formType = "multipart/form-data; boundary=b"
	formHead = "--b\r\nContent-Disposition: form-data; name=file; filename=a.txt\r\nContent-Type: text/plain\r\n\r\n"
	formEnd  = "\r\n--b--\r\n"
)

// slowAttack is a kind of request that is sent or read slowly.
type slowAttack struct {
	service                    resttest.Client
	request, contentType, body string
}

// slowAttacks returns reads, public reads, downloads, writes and uploads of all services.
func (s *suite) slowAttacks(p passport, largeFile string) []slowAttack {
	return []slowAttack{
		{s.auth, "POST /api/auth/login", jsonType, `{"email":"`}, {s.auth, "GET /api/auth/profile", "", ""}, {s.auth, "GET /.well-known/jwks.json", "", ""},
		{s.passport, "GET /api/public/passports/" + p.ID, "", ""}, {s.passport, "GET /api/passports/" + p.ID, "", ""}, {s.passport, "GET /api/passports/rulesets/bp-2027-02/attributes", "", ""},
		{s.passport, "POST /api/passports/validate", "application/x-ndjson", ""}, {s.passport, "POST /api/passports", jsonType, `{"data":"`},
		{s.document, "POST /api/documents/upload", formType, formHead}, {s.document, "GET " + largeFile + "/content", "", ""}, {s.document, "GET /api/documents", "", ""},
		{s.notification, "GET /api/notifications", "", ""}, {s.notification, "PUT /api/notifications/settings", jsonType, `{"mail":"`},
	}
}

func (a slowAttack) slowRequest(token string) resttest.SlowRequest {
	head := a.request + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + "\r\n"
	if a.contentType == "" {
		return resttest.SlowRequest{Head: strings.Repeat(head+"\r\n", pipelined)}
	}
	return resttest.SlowRequest{Head: head + "Content-Type: " + a.contentType + "\r\nContent-Length: 9000000\r\n\r\n" + a.body, HasBody: true}
}

// TestSlowClientsDoNotStopTheSuite: four self-registered accounts send and read at 68 kB/s
// on all kinds of routes of all services at once, with more requests than they have slots. An
// operator and another self-registered account, on the same network, still get every response.
// A client may have to repeat a request after a 503: on a slow machine it can look as slow as
// the attackers.
func TestSlowClientsDoNotStopTheSuite(t *testing.T) {
	cfg := config(t)
	for _, n := range []*int{&cfg.Auth.HTTP.MaxRequests, &cfg.Passport.HTTP.MaxRequests, &cfg.Document.HTTP.MaxRequests, &cfg.Notification.HTTP.MaxRequests} {
		*n = 16
	}
	cfg.Document.MaxUploads = 16 // accounts without an organisation have two
	s := start(t, cfg)
	maker := s.newAccount(s.admin(), "operator", slug("maker"))
	p := s.published(maker, "ev-nmc-complete.json")
	victims := []session{maker, s.register("eve@people.example", "")}
	begun := s.attackSlowly(p)
	waittest.Until(s.t, "all attackers have begun", begun)
	for range 2 {
		for _, victim := range victims {
			s.useDuringAttack(victim, p)
		}
	}
}

// attackSlowly starts the attack, which continues until the end of the test.
func (s *suite) attackSlowly(p passport) (begun func() bool) {
	var wg sync.WaitGroup
	s.t.Cleanup(wg.Wait)
	var waiting atomic.Int32
	for i := range slowAccounts {
		mallory := s.register(fmt.Sprintf("mallory%d@people.example", i), "")
		for _, a := range s.slowAttacks(p, s.uploadLarge(mallory)) {
			for range slowRequests {
				waiting.Add(1)
				r := a.slowRequest(mallory.Token)
				r.Began = sync.OnceFunc(func() { waiting.Add(-1) })
				wg.Go(func() { r.Repeat(s.t.Context(), a.service) })
			}
		}
	}
	return func() bool { return waiting.Load() == 0 }
}

// uploadLarge uploads 8 MiB and returns the path of the document.
func (s *suite) uploadLarge(caller session) string {
	s.t.Helper()
	var d struct{ DocID string }
	s.document.Call("POST /api/documents/upload", caller.Token, formHead+strings.Repeat("x", 8<<20)+formEnd, "Content-Type", formType).Want(201, &d)
	return "/api/documents/" + d.DocID
}

// useDuringAttack logs in, reads, reads public data, uploads and downloads.
func (s *suite) useDuringAttack(caller session, p passport) {
	s.t.Helper()
	do := func(service resttest.Client, route, token, body, contentType string, status int) resttest.Response {
		s.t.Helper()
		a := service.Persist(honestBound, route, body, "Authorization", "Bearer "+token, "Content-Type", contentType)
		if a.Status != status {
			s.t.Fatalf("%s of %s = %d, want %d: %.300s", route, caller.User.Email, a.Status, status, a.Text)
		}
		return a
	}
	do(s.auth, "POST /api/auth/login", "", `{"email":"`+caller.User.Email+`","password":"`+password+`"}`, jsonType, 200)
	do(s.auth, "GET /api/auth/profile", caller.Token, "", "", 200)
	do(s.passport, "GET /api/public/passports/"+p.ID, "", "", "", 200)
	do(s.passport, "GET /api/passports/"+p.ID, caller.Token, "", "", 200)
	do(s.notification, "GET /api/notifications", caller.Token, "", "", 200)
	do(s.document, "GET /api/documents", caller.Token, "", "", 200)
	var d struct{ DocID string }
	do(s.document, "POST /api/documents/upload", caller.Token, formHead+strings.Repeat("x", 4<<20)+formEnd, formType, 201).Want(201, &d)
	do(s.document, "GET /api/documents/"+d.DocID+"/content", caller.Token, "", "", 200)
}
