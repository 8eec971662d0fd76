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

func TestPublic(t *testing.T) {
	s := startAt(t, connect.Config{Dir: t.TempDir()}, day)
	maker := s.as(auth.Operator, "A")
	p := s.publish(maker, sample(t, largest))
	secret := s.create(maker, draft("https://a.example/draft"))
	byID, byBattery := "GET /api/public/passports/"+p.ID, "GET /api/public/passports?identifier="+url.QueryEscape(p.BatteryIdentifier)

	one, other := s.Call(byID, "", nil).Want(200, nil), s.Call(byBattery, "", nil).Want(200, nil)
	tag := one.Header.Get("ETag")
	if one.Text != other.Text || tag != other.Header.Get("ETag") || !strings.HasPrefix(tag, `W/"`) || one.Header.Get("Cache-Control") != "public, max-age=60" {
		t.Errorf("by id %v, by battery %v", one.Header, other.Header)
	}
	var members map[string]json.RawMessage
	if one.Want(200, &members); len(members) != 3 || members["id"] == nil || members["batteryIdentifier"] == nil || members["data"] == nil {
		t.Errorf("members %v", members)
	}
	for _, tags := range []string{tag, strings.TrimPrefix(tag, "W/"), `"x", ` + tag, "*"} {
		if a := s.Call(byID, "", nil, "If-None-Match", tags).Want(304, nil); a.Text != "" || a.Header.Get("ETag") != tag {
			t.Errorf("If-None-Match %s: %q, %v", tags, a.Text, a.Header)
		}
	}
	s.Call(byID, "", nil, "If-None-Match", `W/"x"`).Want(200, nil)
	if a := s.Call(byID, maker, nil, "X-Request-Id", "01a20000-0000-7000-8000-000000000000"); a.Want(200, nil).Text != one.Text {
		t.Error("a login makes a difference")
	}

	// A tag lives as long as what it was made of, and not longer than the passport.
	bike := s.publish(maker, sample(t, "lmt-ebike.json"))
	path := "/api/public/passports/" + bike.ID
	old := s.Call("GET "+path, "", nil).Want(200, nil).Header.Get("ETag")
	s.Call("PATCH /api/passports/"+bike.ID, maker, `{"reason":"weighed","data":{"generalInformation":{"batteryMass":2.91}}}`).Want(200, nil)
	if a := s.Call("GET "+path, "", nil, "If-None-Match", old).Want(200, nil); a.Header.Get("ETag") == old {
		t.Error("what has changed has the tag of before")
	} else {
		old = a.Header.Get("ETag")
	}
	s.Call("GET "+path, "", nil, "If-None-Match", old).Want(304, nil)
	s.Call("POST /api/passports/"+bike.ID+"/archive", maker, `{"reason":"recalled"}`).Want(200, nil)
	s.Call("GET "+path, "", nil, "If-None-Match", old).WantProblem(410)
	s.Call("GET "+path, "", nil, "If-None-Match", "*").WantProblem(410)

	// What is not there, and what is not published, look the same.
	id := "01a20000-0000-7000-8000-000000000000"
	none, draft := s.Call("GET /api/public/passports/"+id, "", nil, "X-Request-Id", id), s.Call("GET /api/public/passports/"+secret.ID, "", nil, "X-Request-Id", id)
	none.WantProblem(404)
	if draft.WantProblem(404); strings.ReplaceAll(draft.Text, secret.ID, id) != none.Text {
		t.Errorf("%s\n%s", none.Text, draft.Text)
	}
	none, draft = s.Call("GET /api/public/passports?identifier=https://a.example/none", "", nil, "X-Request-Id", id), s.Call("GET /api/public/passports?identifier=https://a.example/draft", "", nil, "X-Request-Id", id)
	none.WantProblem(404)
	if draft.WantProblem(404); strings.ReplaceAll(draft.Text, "/draft", "/none") != none.Text {
		t.Errorf("%s\n%s", none.Text, draft.Text)
	}
	s.Call("GET /api/public/passports", "", nil).WantProblem(422, "query:identifier required")
	s.Call("GET /api/public/passports?state=draft", "", nil).WantProblem(422, "query:state unknownField")

	// Compressed it is the same.
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
	if err != nil || string(text) != one.Text || res.Header.Get("Content-Encoding") != "gzip" || !slices.Contains(res.Header.Values("Vary"), "Accept-Encoding") || res.Header.Get("ETag") != tag {
		t.Errorf("compressed: %v, %v", err, res.Header)
	}
}

// TestPublicRate limits what one address may ask, and nothing but that.
func TestPublicRate(t *testing.T) {
	s := startAs(t, passportd.Config{Store: connect.Config{Dir: t.TempDir()}, Now: day, PublicRate: 3}, authtest.New(t))
	p := s.publish(s.as(auth.Operator, "A"), sample(t, largest))
	statuses := map[int]int{}
	for range 10 { // a window that ends meanwhile lets three more through
		a := s.Call("GET /api/public/passports/"+p.ID, "", nil)
		statuses[a.Status]++
		if a.Status == 429 {
			a.WantProblem(429)
			if a.Header.Get("Retry-After") == "" {
				t.Errorf("header %v", a.Header)
			}
		}
	}
	if statuses[429] < 4 || statuses[200] < 3 || statuses[200]+statuses[429] != 10 {
		t.Errorf("ten requests: %v", statuses)
	}
	s.Call("GET /api/passports/"+p.ID, s.as(auth.Operator, "A"), nil).Want(200, nil)
}
