package passportd_test

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// TestPublicReads covers reads by id and by battery identifier, entity tags, unpublished
// passports and compression.
func TestPublicReads(t *testing.T) {
	s := startAt(t, connect.Config{Dir: t.TempDir()}, sampleClock)
	operator := s.as(auth.Operator, "A")
	p := s.publish(operator, sample(t, fullSample))
	secret := s.create(operator, draft("https://a.example/draft"))
	byID, byBattery := "GET /api/public/passports/"+p.ID, "GET /api/public/passports?identifier="+url.QueryEscape(p.BatteryIdentifier)

	first, second := s.Call(byID, "", nil).Want(200, nil), s.Call(byBattery, "", nil).Want(200, nil)
	tag := first.Header.Get("ETag")
	if first.Text != second.Text || tag != second.Header.Get("ETag") || !strings.HasPrefix(tag, `W/"`) || first.Header.Get("Cache-Control") != "public, max-age=60" {
		t.Errorf("read by id: got headers %v; by battery identifier: %v", first.Header, second.Header)
	}
	var members map[string]json.RawMessage
	if first.Want(200, &members); len(members) != 3 || members["id"] == nil || members["batteryIdentifier"] == nil || members["data"] == nil {
		t.Errorf("members: got %v, want id, batteryIdentifier and data", members)
	}
	for _, tags := range []string{tag, strings.TrimPrefix(tag, "W/"), `"x", ` + tag, "*"} {
		if a := s.Call(byID, "", nil, "If-None-Match", tags).Want(304, nil); a.Text != "" || a.Header.Get("ETag") != tag {
			t.Errorf("If-None-Match %s: got %q, %v", tags, a.Text, a.Header)
		}
	}
	s.Call(byID, "", nil, "If-None-Match", `W/"x"`).Want(200, nil)
	if a := s.Call(byID, operator, nil); a.Want(200, nil).Text != first.Text {
		t.Error("the response differs for a signed-in owner")
	}

	// The entity tag changes with the public data; an archived passport is 410.
	bike := s.publish(operator, sample(t, "lmt-ebike.json"))
	path := "/api/public/passports/" + bike.ID
	old := s.Call("GET "+path, "", nil).Want(200, nil).Header.Get("ETag")
	s.Call("PATCH /api/passports/"+bike.ID, operator, `{"reason":"weighed","data":{"generalInformation":{"batteryMass":2.91}}}`).Want(200, nil)
	if a := s.Call("GET "+path, "", nil, "If-None-Match", old).Want(200, nil); a.Header.Get("ETag") == old {
		t.Error("the entity tag did not change with the data")
	} else {
		old = a.Header.Get("ETag")
	}
	s.Call("GET "+path, "", nil, "If-None-Match", old).Want(304, nil)
	s.Call("POST /api/passports/"+bike.ID+"/archive", operator, `{"reason":"recalled"}`).Want(200, nil)
	s.Call("GET "+path, "", nil, "If-None-Match", old).WantProblem(410)
	s.Call("GET "+path, "", nil, "If-None-Match", "*").WantProblem(410)

	// An unknown passport and a draft give the same response.
	id := "01a20000-0000-7000-8000-000000000000"
	unknown, draft := s.Call("GET /api/public/passports/"+id, "", nil), s.Call("GET /api/public/passports/"+secret.ID, "", nil)
	unknown.WantProblem(404)
	if draft.WantProblem(404); strings.ReplaceAll(withoutRequestID(draft), secret.ID, id) != withoutRequestID(unknown) {
		t.Errorf("by id: got %s for an unknown passport, %s for a draft", unknown.Text, draft.Text)
	}
	unknown, draft = s.Call("GET /api/public/passports?identifier=https://a.example/none", "", nil), s.Call("GET /api/public/passports?identifier=https://a.example/draft", "", nil)
	unknown.WantProblem(404)
	if draft.WantProblem(404); strings.ReplaceAll(withoutRequestID(draft), "/draft", "/none") != withoutRequestID(unknown) {
		t.Errorf("by battery identifier: got %s for an unknown passport, %s for a draft", unknown.Text, draft.Text)
	}
	s.Call("GET /api/public/passports", "", nil).WantProblem(422, "query:identifier required")
	s.Call("GET /api/public/passports?state=draft", "", nil).WantProblem(422, "query:identifier required", "query:state unknownField")

	// A compressed response has the same content.
	req, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/api/public/passports/"+p.ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", "gzip")
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	unpacked, err := gzip.NewReader(res.Body)
	if err != nil {
		t.Fatalf("%v: %v", err, res.Header)
	}
	text, err := io.ReadAll(unpacked)
	if err != nil || string(text) != first.Text || res.Header.Get("Content-Encoding") != "gzip" || !slices.Contains(res.Header.Values("Vary"), "Accept-Encoding") || res.Header.Get("ETag") != tag {
		t.Errorf("compressed: got %v, %v", err, res.Header)
	}
}

// TestPublicRateLimit also checks that the limit does not apply to signed-in reads.
func TestPublicRateLimit(t *testing.T) {
	s := startConfigured(t, passportd.Config{Store: connect.Config{Dir: t.TempDir()}, Now: sampleClock, PublicRate: 3}, authtest.New(t))
	p := s.publish(s.as(auth.Operator, "A"), sample(t, fullSample))
	statuses := map[int]int{}
	for range 10 { // a new window may start in between and allow three more
		a := s.Call("GET /api/public/passports/"+p.ID, "", nil)
		statuses[a.Status]++
		if a.Status == 429 {
			a.WantProblem(429)
			if a.Header.Get("Retry-After") == "" {
				t.Errorf("429 without Retry-After: got %v", a.Header)
			}
		}
	}
	if statuses[429] < 4 || statuses[200] < 3 || statuses[200]+statuses[429] != 10 {
		t.Errorf("statuses of 10 requests: got %v", statuses)
	}
	s.Call("GET /api/passports/"+p.ID, s.as(auth.Operator, "A"), nil).Want(200, nil)
}
