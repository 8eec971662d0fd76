package passportd_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// rendered returns how often a public answer of a type was rendered, from the metrics of the
// service.
func (s *service) rendered(mediaType string) string {
	s.T.Helper()
	res, err := http.Get("http://" + s.metrics + "/metrics")
	if err != nil {
		s.T.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.T.Fatal(err)
	}
	found := regexp.MustCompile(`passport_answers_rendered_total\{reader="public",type="` + regexp.QuoteMeta(mediaType) + `"\} (\d+)`).FindStringSubmatch(string(text))
	if found == nil {
		return "0"
	}
	return found[1]
}

// TestResponsesAreRenderedOnce reads a passport through the API, its page and the resolver, by
// id and by identifier. Each representation is rendered once per version.
func TestResponsesAreRenderedOnce(t *testing.T) {
	s, p, operator := startScan(t, true)
	read := func(mass string) {
		t.Helper()
		for range 2 {
			for path, accept := range map[string]string{
				"/api/public/passports/" + p.ID: "", "/api/public/passports?identifier=" + url.QueryEscape(p.BatteryIdentifier): "", "/p/" + p.ID: "application/json", nlbPath: "application/json",
				"/p/" + p.ID + "?lang=en": browser, nlbPath + "?lang=en": browser, nlbPath + "?linkType=linkset": "", nlbPath + "?linkType=all": browser,
			} {
				for _, encoding := range []string{"identity", "gzip"} {
					res, body := s.get("GET", path, "Accept", accept, "Accept-Encoding", encoding)
					if res.StatusCode != 200 || encoding == "identity" && !strings.Contains(path, "linkType") && !strings.Contains(body, mass) || (res.Header.Get("Content-Encoding") == "gzip") != (encoding == "gzip") {
						t.Errorf("%s, %s: got %d, %v", path, encoding, res.StatusCode, res.Header)
					}
				}
			}
		}
	}
	for i, mass := range []string{"493", "491.25"} { // in this order
		version := i + 1
		if version == 2 {
			s.Call("PATCH /api/passports/"+p.ID, operator, `{"reason":"weighed","data":{"generalInformation":{"batteryMass":491.25}}}`).Want(200, nil)
		}
		read(mass)
		for _, mediaType := range []string{"application/json", "text/html", linksetTy} {
			if n := s.rendered(mediaType); n != fmt.Sprint(version) {
				t.Errorf("version %d: %s was rendered %s times, want once per version", version, mediaType, n)
			}
		}
	}
}

// TestCacheIsBoundedInBytes reads pages in all languages with a cache that has room for a
// few of them: the first one is rendered again.
func TestCacheIsBoundedInBytes(t *testing.T) {
	for size, want := range map[int]string{8 << 20: "24", 400 << 10: "25", 0: "25"} {
		s, _, _ := startScanWith(t, passportd.Config{Direct: true, CacheBytes: size})
		for _, language := range strings.Fields("bg cs da de el en es et fi fr ga hr hu it lt lv mt nl pl pt ro sk sl sv bg") {
			if res, _ := s.get("GET", nlbPath+"?lang="+language, "Accept", browser); res.StatusCode != 200 {
				t.Fatalf("%s: got %d", language, res.StatusCode)
			}
		}
		if n := s.rendered("text/html"); n != want {
			t.Errorf("cache of %d bytes: 25 reads rendered %s pages, want %s", size, n, want)
		}
	}
}

// TestSignedInPagesAreNotCached: neither by the service nor by others, and they are not
// compressed, so that their length does not reveal what else they have.
func TestSignedInPagesAreNotCached(t *testing.T) {
	s, p, operator := startScan(t, true)
	for range 2 {
		res, body := s.get("GET", "/p/"+p.ID, "Accept", browser, "Accept-Encoding", "gzip", "Authorization", "Bearer "+operator)
		if res.StatusCode != 200 || res.Header.Get("Cache-Control") != "private, no-store" || res.Header.Get("Content-Encoding") != "" || res.Header.Get("ETag") != "" || !strings.Contains(body, "<!DOCTYPE html>") {
			t.Errorf("got %d, %v", res.StatusCode, res.Header)
		}
	}
	if n := s.rendered("text/html"); n != "0" {
		t.Errorf("the cache has %s pages of signed-in readers", n)
	}
}

// TestBrowsersGetErrorsAsPages: also when the service or its database is overloaded or
// away. Other clients get problems.
func TestBrowsersGetErrorsAsPages(t *testing.T) {
	check := func(s *service, path string, status int, text string) {
		t.Helper()
		res, body := s.get("GET", path, "Accept", browser, "Accept-Encoding", "gzip", "Accept-Language", "de")
		if res.StatusCode != status || !strings.Contains(body, text) || !strings.Contains(body, `<html lang="de">`) {
			t.Errorf("%s: got %d, want %d: %.300s", path, res.StatusCode, status, body)
		}
		h := res.Header
		if h.Get("Content-Type") != "text/html; charset=utf-8" || h.Get("Cache-Control") != "no-store" || h.Get("ETag") != "" || h.Get("Content-Encoding") != "" || (status == 429 || status == 503) != (h.Get("Retry-After") != "") {
			t.Errorf("%s: %v", path, h)
		}
		if res, body := s.get("GET", path); res.StatusCode != status || res.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s without Accept: got %d: %s", path, res.StatusCode, body)
		}
	}
	const unavailable = "Der Pass kann zurzeit nicht angezeigt werden"
	s, _, operator := startScan(t, true)
	archived := s.publish(operator, sample(t, "lmt-ebike.json"))
	s.Call("POST /api/passports/"+archived.ID+"/archive", operator, `{"reason":"recalled"}`).Want(200, nil)
	check(s, "/p/unknown", 404, "nicht bekannt")
	check(s, nlbModel+"/21/UNKNOWN", 404, "nicht bekannt")
	check(s, "/p/"+archived.ID, 410, "erloschen")
	check(s, "/01/123", 400, "Adresse")
	noStore := startConfigured(t, passportd.Config{Store: connect.Config{URI: "mongodb://" + resttest.UnusedAddress(t)}}, authtest.New(t))
	check(noStore, nlbPath, 503, unavailable)
	check(noStore, "/p/1", 503, unavailable)
	limited := startConfigured(t, passportd.Config{Store: connect.Config{Dir: t.TempDir()}, PublicRate: 1}, authtest.New(t))
	for limited.Do("GET /p/1", "").Status != 429 { // the first request of a minute is allowed
	}
	check(limited, "/p/1", 429, unavailable)
}

// TestIdentifierIsFoundWithoutTheDocument scans an identifier in other spellings, on each
// database.
func TestIdentifierIsFoundWithoutTheDocument(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s, _, _ := startScanWith(t, passportd.Config{Store: db, Direct: true, CacheBytes: 8 << 20})
		for range 2 {
			for _, path := range []string{nlbPath, "/01/09521100000116/22/V1/10/L/21/NB7K2Q9X", "/01/09521100000116/21/%4EB7K2Q9X"} {
				if res, _ := s.get("GET", path, "Accept", browser); res.StatusCode != 200 {
					t.Errorf("%s: got %d", path, res.StatusCode)
				}
			}
		}
		if n := s.rendered("text/html"); n != "1" {
			t.Errorf("the page was rendered %s times, want once", n)
		}
		s.Call("GET /api/public/passports?identifier=https://a.example/none", s.as(auth.User, "B"), nil).WantProblem(404)
	})
}
