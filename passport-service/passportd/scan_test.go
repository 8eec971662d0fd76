package passportd_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/store/connect"
)

const (
	scanBase   = "https://id.example"
	nlbPath    = "/01/09521100000116/21/NB7K2Q9X" // of the sample ev-nmc-complete.json
	nlbModel   = "/01/09521100000116"
	ebikeModel = "/8013/9521321VF482S7" // a Global Model Number
	browser    = "text/html,application/xhtml+xml,*/*;q=0.8"
	linksetTy  = "application/linkset+json"
)

// startScan starts a service whose codes point to scanBase, with a published battery.
func startScan(t *testing.T, direct bool) (*service, apiPassport, string) {
	t.Helper()
	return startScanWith(t, passportd.Config{Direct: direct, CacheBytes: 8 << 20})
}

func startScanWith(t *testing.T, cfg passportd.Config) (*service, apiPassport, string) {
	t.Helper()
	if cfg.BaseURL = scanBase; cfg.Now == nil {
		cfg.Now = sampleClock
	}
	if cfg.Store == (connect.Config{}) {
		cfg.Store.Dir = t.TempDir()
	}
	if err := cfg.HTTP.TrustedProxies.Decode("127.0.0.1"); err != nil {
		t.Fatal(err)
	}
	cfg.HTTP.MaxRequests = 1000 // for TestScanStorm
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Metrics.Listener = l
	s := startConfigured(t, cfg, authtest.New(t))
	s.metrics = l.Addr().String()
	operator := s.as(auth.Operator, "A")
	return s, s.publish(operator, sample(t, fullSample)), operator
}

// get sends a request without following redirects. Headers are names and values.
func (s *service) get(method, path string, headers ...string) (*http.Response, string) {
	s.T.Helper()
	req, err := http.NewRequestWithContext(s.T.Context(), method, s.URL, nil)
	if err != nil {
		s.T.Fatal(err)
	}
	req.URL.Opaque = strings.TrimPrefix(s.URL, "http:") + path // as it is, also if it is malformed
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		s.T.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.T.Fatal(err)
	}
	return res, string(body)
}

// TestResolver has a request in each row, as the text of GS1's conformance tests describes
// them, and the bad input that a public address gets.
func TestResolver(t *testing.T) {
	s, p, operator := startScan(t, true)
	s.Call("POST /api/passports", operator, draft("https://id.example/01/09521100000116/21/DRAFT")).Want(201, nil)
	archived := s.publish(operator, sample(t, "lmt-ebike.json"))
	s.Call("POST /api/passports/"+archived.ID+"/archive", operator, `{"reason":"recalled"}`).Want(200, nil)
	s.publish(operator, with(t, "lmt-ebike.json", `{"op":"replace","path":"/data/generalInformation/batteryIdentifier","value":"https://id.example/battery/4711"}`,
		`{"op":"remove","path":"/data/generalInformation/batteryPassportIdentifier"}`, `{"op":"replace","path":"/data/generalInformation/batteryModel/id","value":"`+strings.TrimPrefix(ebikeModel, "/8013/")+`"}`))
	ended := archived.BatteryIdentifier[strings.Index(archived.BatteryIdentifier, "/01/"):]
	page := scanBase + "/p/" + p.ID
	for _, c := range []struct {
		request, accept string
		status          int
		contentType     string
		location        string // beginning
	}{
		// a battery
		{"GET " + nlbPath, browser, 200, "text/html; charset=utf-8", ""},
		{"HEAD " + nlbPath, browser, 200, "text/html; charset=utf-8", ""},
		{"GET " + nlbPath, "", 307, "", page},
		{"GET " + nlbPath, "*/*", 307, "", page},
		{"GET " + nlbPath, "image/png", 307, "", page},
		{"GET " + nlbPath, "text/html;q=0", 307, "", page},
		{"GET " + nlbPath, strings.Repeat("a/b,", 500) + "text/html", 307, "", page},
		{"GET " + nlbPath, ";;;,,q=x", 307, "", page},
		{"GET " + nlbPath, "text/html, application/json;q=0.1", 200, "text/html; charset=utf-8", ""},
		{"GET " + nlbPath, "text/html, application/linkset+json;q=0.1", 200, "text/html; charset=utf-8", ""},
		{"GET " + nlbPath, "text/html;q=0.0", 307, "", page},
		{"GET " + nlbPath + "?linkType=gs1:instructions", "/x", 307, "", "https://nlb.example/"},
		{"GET " + nlbPath + "/", "", 307, "", page},
		{"GET " + nlbPath, "application/json", 200, "application/json", ""},
		{"GET " + nlbPath, "application/ld+json", 200, "application/ld+json", ""},
		{"GET " + nlbPath, linksetTy, 200, linksetTy, ""},
		{"GET " + nlbPath + "?linkType=linkset", browser, 200, linksetTy, ""},
		{"HEAD " + nlbPath + "?linkType=linkset", browser, 200, linksetTy, ""},
		{"GET " + nlbPath + "?linkType=all", "", 200, linksetTy, ""},
		{"GET " + nlbPath + "?linkType=gs1:dpp", "", 307, "", page + "?linkType=gs1:dpp"},
		{"GET " + nlbPath + "?linkType=dpp", browser, 307, "", page},
		{"GET " + nlbPath + "?linkType=https://ref.gs1.org/voc/dpp", browser, 307, "", page},
		{"GET " + nlbPath + "?linkType=gs1:dpp", "application/json", 307, "", scanBase + "/api/public/passports/" + p.ID},
		{"GET " + nlbPath + "?linkType=gs1:pip", "", 307, "", page},
		{"GET " + nlbPath + "?linkType=gs1:defaultLink", "", 307, "", page},
		{"GET " + nlbPath + "?linkType=gs1:instructions", "", 307, "", "https://nlb.example/"},
		{"GET " + nlbPath + "?linkType=gs1:certificationInfo", "", 307, "", "https://nlb.example/"},
		{"GET " + nlbPath + "?linkType=gs1:recyclingInfo", "", 300, linksetTy, ""},
		{"GET " + nlbPath + "?linkType=gs1:sustainabilityInfo", "", 300, linksetTy, ""},
		{"GET " + nlbPath + "?linkType=gs1:safetyInfo", browser, 307, "", page + "?view=safety&linkType=gs1:safetyInfo"},
		{"GET " + nlbPath + "?linkType=gs1:epil", "", 404, "application/problem+json", ""},
		{"GET " + nlbPath + "?linkType=gs1:epil", browser, 404, "text/html; charset=utf-8", ""},
		{"GET " + nlbPath + "?linkType=nonsense", "", 404, "application/problem+json", ""},
		{"GET " + nlbPath + "?a=1&b=%C3%BC&a=2", "", 307, "", page + "?a=1&b=%C3%BC&a=2"},
		{"GET " + nlbPath + "?17=261130", "", 307, "", page + "?17=261130"},
		{"GET /01/09521100000116/22/V1/10/L/21/NB7K2Q9X", "", 307, "", page},
		{"GET /01/09521100000116/21/%4EB7K2Q9X", "", 307, "", page},
		{"OPTIONS " + nlbPath, "", 204, "", ""},
		{"POST " + nlbPath, "", 405, "application/problem+json", ""},
		// a model, and batteries that are not known
		{"GET " + nlbModel, browser, 200, "text/html; charset=utf-8", ""},
		{"GET " + nlbModel, "", 200, "text/html; charset=utf-8", ""},
		{"GET " + nlbModel + "?linkType=linkset", "", 200, linksetTy, ""},
		{"GET " + nlbModel, linksetTy, 200, linksetTy, ""},
		{"GET " + nlbModel, "application/json", 200, "application/json", ""},
		{"GET " + nlbModel, "application/ld+json", 200, "application/ld+json", ""},
		{"GET " + nlbModel + "?mediaType=application/json", browser, 200, "application/json", ""},
		{"GET " + nlbModel + "?linkType=gs1:instructions&a=1", browser, 307, "", "https://nlb.example/"},
		{"GET " + nlbModel + "?linkType=gs1:recyclingInfo", browser, 300, linksetTy, ""},
		{"GET " + nlbModel + "?a=1&linkType=gs1:pip", browser, 307, "", scanBase + nlbModel + "?a=1"},
		{"GET " + nlbModel + "?linkType=gs1:dpp", browser, 404, "text/html; charset=utf-8", ""},
		{"GET " + nlbModel + "?linkType=gs1:epil", "", 404, "application/problem+json", ""},
		{"GET " + nlbModel + "/10/LOT", browser, 200, "text/html; charset=utf-8", ""},
		{"GET " + nlbModel + "/21/UNKNOWN", browser, 404, "text/html; charset=utf-8", ""},
		{"GET " + nlbModel + "/21/UNKNOWN", "", 404, "application/problem+json", ""},
		{"GET " + nlbModel + "/21/UNKNOWN", linksetTy, 200, linksetTy, ""},
		{"GET " + nlbModel + "/21/UNKNOWN", "application/json", 404, "application/problem+json", ""},
		{"GET " + nlbModel + "/21/UNKNOWN?linkType=gs1:instructions", "", 307, "", "https://nlb.example/"},
		{"GET " + nlbModel + "/21/UNKNOWN?linkType=gs1:pip", "", 307, "", scanBase + nlbModel},
		{"GET " + nlbModel + "/21/DRAFT", "", 404, "application/problem+json", ""},
		{"GET /01/09521100009997/21/X", browser, 404, "text/html; charset=utf-8", ""},
		{"GET /01/09521100009997", linksetTy, 404, "application/problem+json", ""},
		{"GET /414/9521321000001", "", 404, "application/problem+json", ""},
		{"GET /417/9521321000001", browser, 404, "text/html; charset=utf-8", ""},
		{"GET /8013/1987654Ad4X4bL5ttr2310c2K", browser, 404, "text/html; charset=utf-8", ""},
		{"GET " + ebikeModel, browser, 200, "text/html; charset=utf-8", ""},
		{"GET " + ebikeModel, "application/json", 200, "application/json", ""},
		{"GET " + ebikeModel + "?linkType=linkset", "", 200, linksetTy, ""},
		{"GET /8006/095211000001160102", browser, 200, "text/html; charset=utf-8", ""},
		{"GET /8006/095211000001160102/21/NB7K2Q9X", browser, 200, "text/html; charset=utf-8", ""},
		{"GET /8006/095211000001160102/21/NB7K2Q9X", "", 307, "", page},
		{"GET /8006/095211000001160102/21/X", "", 404, "application/problem+json", ""},
		{"GET /8006/095211000099970102/21/X", browser, 404, "text/html; charset=utf-8", ""},
		// identifiers that are not GS1 Digital Links (IEC 61406)
		{"GET /battery/4711", browser, 200, "text/html; charset=utf-8", ""},
		{"HEAD /battery/4711", browser, 200, "text/html; charset=utf-8", ""},
		{"GET /battery/4711", "application/json", 200, "application/json", ""},
		{"GET /battery/4711", linksetTy, 200, linksetTy, ""},
		{"GET /battery/4711?linkType=linkset", browser, 200, linksetTy, ""},
		{"GET /battery/4711?linkType=gs1:nosuchlt", "", 404, "application/problem+json", ""},
		{"GET /battery/4711?a=1", "", 307, "", scanBase + "/p/"},
		{"GET /battery//4711/", "", 307, "", scanBase + "/p/"},
		{"GET /battery/4712", browser, 404, "text/html; charset=utf-8", ""},
		{"GET /battery/4712", "", 404, "application/problem+json", ""},
		{"GET /BATTERY/4711", "", 404, "application/problem+json", ""},
		{"GET /battery/%2e%2e/battery/4711", "", 307, "", scanBase + "/p/"},
		{"GET /battery/4711%00", "", 404, "application/problem+json", ""},
		{"GET /battery/%254711", "", 404, "application/problem+json", ""},
		{"GET /" + strings.Repeat("a/", 2000), "", 404, "application/problem+json", ""},
		{"GET /api/unknown", browser, 404, "application/problem+json", ""},
		{"GET " + ended, browser, 410, "text/html; charset=utf-8", ""},
		{"GET " + ended, "", 410, "application/problem+json", ""},
		{"GET " + ended + "?linkType=linkset", "", 410, "application/problem+json", ""},
		// malformed links
		{"GET /01/09521100000117/21/X", browser, 400, "text/html; charset=utf-8", ""},
		{"GET /01/09521100000117/21/X", "", 400, "application/problem+json", ""},
		{"GET /01/9521100000116/21/X", "", 400, "application/problem+json", ""},
		{"GET /01/0952110000011A", "", 400, "application/problem+json", ""},
		{"GET /01/", "", 400, "application/problem+json", ""},
		{"GET /01//09521100000116", "", 400, "application/problem+json", ""},
		{"GET /01/09521100000116//21/X", "", 400, "application/problem+json", ""},
		{"GET /01/09521100000116/21/", "", 400, "application/problem+json", ""},
		{"GET /01/09521100000116/21/X/10/L", "", 400, "application/problem+json", ""},
		{"GET /01/09521100000116/235/T/21/X", "", 400, "application/problem+json", ""},
		{"GET /01/09521100000116/99/X", "", 400, "application/problem+json", ""},
		{"GET /01/09521100000116/21/%00", "", 404, "application/problem+json", ""},
		{"GET /01/09521100000116/21/%2500", "", 404, "application/problem+json", ""}, // the serial number %00, encoded once
		{"GET /01/09521100000116/21/%C3%BC", "", 400, "application/problem+json", ""},
		{"GET /01/09521100000116/21/%D0%90B7K2Q9X", "", 400, "application/problem+json", ""}, // Cyrillic A
		{"GET /01/09521100000116/21/" + strings.Repeat("A", 4000), "", 400, "application/problem+json", ""},
		{"GET /01/09521100000116/21/A%20B", "", 400, "application/problem+json", ""},
		{"GET /01/09521100000116/21/%3Cscript%3Ealert(1)%3C%2Fscript%3E", browser, 400, "text/html; charset=utf-8", ""},
		{"GET /01/../01/09521100000116/21/NB7K2Q9X", "", 307, "", page},
		{"GET /414/9521321000000", "", 400, "application/problem+json", ""},
		{"GET /8013/1987654Ad4X4bL5ttr2310c2L", "", 400, "application/problem+json", ""},
		{"GET /8006/095211000001160302", "", 400, "application/problem+json", ""},
		// pages
		{"GET /p/" + p.ID, browser, 200, "text/html; charset=utf-8", ""},
		{"GET /p/" + p.ID, "", 200, "text/html; charset=utf-8", ""},
		{"GET /p/" + p.ID + "?view=safety&lang=xx&utm_source=poster", browser, 200, "text/html; charset=utf-8", ""},
		{"GET /p/" + p.ID, "application/json", 200, "application/json", ""},
		{"GET /p/" + p.ID, "application/ld+json", 200, "application/ld+json", ""},
		{"GET /p/unknown", browser, 404, "text/html; charset=utf-8", ""},
		{"GET /p/unknown", "", 404, "application/problem+json", ""},
		{"GET /p/" + archived.ID, browser, 410, "text/html; charset=utf-8", ""},
		{"GET /.well-known/gs1resolver", "", 200, "application/json", ""},
	} {
		method, path, _ := strings.Cut(c.request, " ")
		headers := []string{"Accept", c.accept}
		if method != "POST" {
			headers = append(headers, "Origin", "https://shop.example")
		}
		res, body := s.get(method, path, headers...)
		name := c.request + " (" + c.accept[:min(len(c.accept), 30)] + ")"
		if res.StatusCode != c.status || c.contentType != "" && res.Header.Get("Content-Type") != c.contentType || !strings.HasPrefix(res.Header.Get("Location"), c.location) {
			t.Errorf("%.150s: got %d, %q, Location %q, want %d, %q, %q: %.300s", name, res.StatusCode, res.Header.Get("Content-Type"), res.Header.Get("Location"), c.status, c.contentType, c.location, body)
		}
		if isOpen := method != "POST" && !strings.HasPrefix(path, "/api/") && path != "/battery/4711%00"; isOpen && res.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%.150s: no CORS", name)
		}
		if known := c.status < 400 && strings.Contains(path, "21/NB7K") && method != "OPTIONS"; known && !strings.Contains(strings.Join(res.Header.Values("Link"), ","), `rel="linkset"`) {
			t.Errorf("%.150s: Link: %q", name, res.Header.Values("Link"))
		}
		if strings.Contains(body, "<script") {
			t.Errorf("%.150s: a script in the page", name)
		}
	}
	s.Do("GET "+nlbPath+"?linkType=gs1:epil", "").WantProblem(404, "query:linkType notFound")
}

// TestLinksetIsThatOfRFC9264 reads the linkset of a battery: one default link, each link
// with address and title, and the links of its model.
func TestLinksetIsThatOfRFC9264(t *testing.T) {
	s, _, _ := startScan(t, true)
	res, body := s.get("GET", nlbPath+"?linkType=linkset")
	var set struct{ Linkset []map[string]json.RawMessage }
	if err := json.Unmarshal([]byte(body), &set); err != nil || len(set.Linkset) != 2 {
		t.Fatalf("%v: %s", err, body)
	}
	if !strings.Contains(strings.Join(res.Header.Values("Link"), ","), "linkset-context") {
		t.Errorf("no JSON-LD context: %q", res.Header.Values("Link"))
	}
	defaults, types := 0, map[string]bool{}
	for i, entry := range set.Linkset {
		var anchor string
		if json.Unmarshal(entry["anchor"], &anchor); anchor != scanBase+[]string{nlbPath, nlbModel}[i] {
			t.Errorf("anchor: got %q", anchor)
		}
		for name, value := range entry {
			if name == "anchor" || name == "itemDescription" {
				continue
			}
			var links []struct{ Href, Title string }
			if err := json.Unmarshal(value, &links); err != nil || len(links) == 0 {
				t.Errorf("%s: %v: %s", name, err, value)
			}
			for _, l := range links {
				if !strings.HasPrefix(l.Href, "https://") || l.Title == "" {
					t.Errorf("%s: %+v", name, l)
				}
			}
			types[name] = true
			if name == "https://ref.gs1.org/voc/defaultLink" {
				defaults += len(links)
			}
		}
	}
	if defaults != 1 {
		t.Errorf("got %d default links, want 1", defaults)
	}
	for _, name := range []string{"dpp", "pip", "certificationInfo", "instructions", "recyclingInfo", "safetyInfo", "sustainabilityInfo"} {
		if !types["https://ref.gs1.org/voc/"+name] {
			t.Errorf("no link of type gs1:%s", name)
		}
	}
	if !types["dpp"] {
		t.Error("no link of the type dpp of IANA")
	}
}

// TestStrictResolverRedirectsBrowsers: with RESOLVER_DIRECT=false everyone is redirected.
func TestStrictResolverRedirectsBrowsers(t *testing.T) {
	s, p, _ := startScan(t, false)
	if res, _ := s.get("GET", nlbPath, "Accept", browser); res.StatusCode != 307 || res.Header.Get("Location") != scanBase+"/p/"+p.ID {
		t.Errorf("got %d, %s", res.StatusCode, res.Header.Get("Location"))
	}
}

// TestNewVersionIsOnThePageAtOnce changes a passport whose page is cached, and reads it
// from the same service.
func TestNewVersionIsOnThePageAtOnce(t *testing.T) {
	s, p, operator := startScan(t, true)
	first, _ := s.get("GET", nlbPath, "Accept", browser)
	tag := first.Header.Get("ETag")
	if res, body := s.get("GET", nlbPath, "Accept", browser, "If-None-Match", tag); res.StatusCode != 304 || body != "" {
		t.Errorf("If-None-Match: got %d, %q", res.StatusCode, body)
	}
	if res, _ := s.get("GET", nlbPath, "Accept", browser, "If-None-Match", tag, "Accept-Language", "de"); res.StatusCode != 200 {
		t.Errorf("other language: got %d, want 200", res.StatusCode)
	}
	s.Call("PATCH /api/passports/"+p.ID, operator, `{"reason":"weighed","data":{"generalInformation":{"batteryMass":491.25}}}`).Want(200, nil)
	if res, body := s.get("GET", nlbPath, "Accept", browser, "If-None-Match", tag); res.StatusCode != 200 || !strings.Contains(body, "491.25") {
		t.Errorf("after a change: got %d with the old page", res.StatusCode)
	}
	s.Call("POST /api/passports/"+p.ID+"/archive", operator, `{"reason":"recalled"}`).Want(200, nil)
	if res, _ := s.get("GET", nlbPath, "Accept", browser, "If-None-Match", tag); res.StatusCode != 410 {
		t.Errorf("after archiving: got %d, want 410", res.StatusCode)
	}
}

// TestPageShowsWhatTheReaderMayRead reads the page with the token of each role. Only pages
// without a token may be cached by others.
func TestPageShowsWhatTheReaderMayRead(t *testing.T) {
	s, p, operator := startScan(t, true)
	const composition, health, report = `"materials":`, "State of health", "testReports"
	for _, c := range []struct {
		token                                    string
		composition, health, report, ownerNotice bool
	}{
		{"", false, false, false, false},
		{s.as(auth.User, "B"), false, false, false, false},
		{s.as(auth.LegitimateInterest, "R"), true, true, false, true},
		{s.as(auth.Authority, "BAM"), true, false, true, true},
		{operator, true, true, true, true},
		{s.as(auth.Admin, ""), true, true, true, true},
	} {
		headers := []string{"Accept", browser}
		cache := "public, max-age=60"
		if c.token != "" {
			headers, cache = append(headers, "Authorization", "Bearer "+c.token), "private, no-store"
		}
		for _, path := range []string{"/p/" + p.ID, nlbPath, nlbModel + "/10/LOT/21/NB7K2Q9X", "/8006/095211000001160102/21/NB7K2Q9X"} {
			s.checkReader(path, headers, cache, map[string]bool{"Materials by share": c.composition, `<dt>` + health + `</dt>`: c.health, "<h3>Results of test reports": c.report, "You are signed in": c.ownerNotice})
		}
		data, body := s.get("GET", nlbPath, append([]string{"Accept", "application/json"}, headers[2:]...)...)
		if strings.Contains(body, composition) != c.composition || data.Header.Get("Content-Type") != "application/json" || data.Header.Get("Cache-Control") != cache {
			t.Errorf("as JSON: got %s, Cache-Control %q, with composition: %v", data.Header.Get("Content-Type"), data.Header.Get("Cache-Control"), !c.composition)
		}
		if res, _ := s.get("GET", nlbPath+"?linkType=linkset", headers...); res.StatusCode != 200 || res.Header.Get("Content-Type") != linksetTy {
			t.Errorf("linkset: got %d", res.StatusCode)
		}
	}
	s.Call("GET /p/"+p.ID, "forged", nil).WantProblem(401, "header:Authorization malformed")
	for _, path := range []string{"/p/" + p.ID, nlbPath} {
		if res, _ := s.get("GET", path, "Accept", browser, "Authorization", "Bearer x.y.z"); res.StatusCode != 401 {
			t.Errorf("%s: invalid token: got %d, want 401", path, res.StatusCode)
		}
	}
	s.Call("POST /api/passports/"+p.ID+"/archive", operator, `{"reason":"recalled"}`).Want(200, nil)
	for token, want := range map[string]int{operator: 200, s.as(auth.Authority, "BAM"): 200, s.as(auth.LegitimateInterest, "R"): 410, s.as(auth.User, "B"): 410} {
		if res, _ := s.get("GET", nlbPath, "Accept", browser, "Authorization", "Bearer "+token); res.StatusCode != want {
			t.Errorf("archived passport: got %d, want %d", res.StatusCode, want)
		}
	}
}

// checkReader checks which texts the page at a path has.
func (s *service) checkReader(path string, headers []string, cache string, texts map[string]bool) {
	s.T.Helper()
	res, body := s.get("GET", path, headers...)
	if res.StatusCode != 200 || res.Header.Get("Cache-Control") != cache || !strings.Contains(strings.Join(res.Header.Values("Vary"), ","), "Authorization") {
		s.T.Errorf("%s: got %d, Cache-Control %q, Vary %q", path, res.StatusCode, res.Header.Get("Cache-Control"), res.Header.Values("Vary"))
	}
	for text, want := range texts {
		if strings.Contains(body, text) != want {
			s.T.Errorf("%s: %q on the page: got %v, want %v", path, text, !want, want)
		}
	}
}

// TestScanStorm: 500 phones scan one battery at the same time, and all get the page, which
// is rendered once.
func TestScanStorm(t *testing.T) {
	s, _, _ := startScan(t, true)
	var wg sync.WaitGroup
	pages := make([]string, 500)
	for i := range pages {
		wg.Go(func() {
			res, body := s.get("GET", nlbPath, "Accept", browser, "Accept-Language", "en", "X-Forwarded-For", fmt.Sprintf("198.51.%d.%d", i/250, i%250+1))
			pages[i] = fmt.Sprint(res.StatusCode, body)
		})
	}
	wg.Wait()
	for i, page := range pages {
		if page != pages[0] || !strings.HasPrefix(page, "200") {
			t.Fatalf("scan %d: got another page: %.100s", i, page)
		}
	}
	if n := s.rendered("text/html"); n != "1" {
		t.Errorf("500 scans rendered the page %s times, want once", n)
	}
}

// TestHostileTextIsShownAsText publishes a passport with markup, script, bidirectional
// controls and very long texts in every text field.
func TestHostileTextIsShownAsText(t *testing.T) {
	s, p, operator := startScan(t, true)
	hostile := `</title><script>alert(1)</script><img src=x onerror=alert(1)>"'` + "\u202e" + strings.Repeat("W", 9000)
	name, _ := json.Marshal(hostile)
	s.Call("PATCH /api/passports/"+p.ID, operator, fmt.Sprintf(`{"reason":"x","data":{"generalInformation":{"batteryModel":{"modelName":%s},"manufacturerInformation":{"manufacturerName":%s}}}}`, name, name)).Want(200, nil)
	for _, path := range []string{nlbPath, nlbPath + "?view=safety", nlbModel, nlbModel + "/21/UNKNOWN"} {
		_, body := s.get("GET", path, "Accept", browser)
		if strings.Contains(body, "<script") || strings.Contains(body, "<img") || !strings.Contains(body, "&lt;script&gt;") {
			t.Errorf("%s: the text is not shown as text", path)
		}
	}
	var set any
	if _, body := s.get("GET", nlbPath+"?linkType=linkset"); json.Unmarshal([]byte(body), &set) != nil {
		t.Errorf("linkset: %.300s", body)
	}
}

// TestIdentifierIsMadeOnRequest creates passports without a battery identifier, and
// scans the identifiers that the service made.
func TestIdentifierIsMadeOnRequest(t *testing.T) {
	s, _, operator := startScan(t, true)
	const body = `{"data":{"generalInformation":{"batteryModel":{"gtin":"09521100000116"}}}}`
	seen := map[string]bool{}
	for query, pattern := range map[string]string{
		"gs1": `^https://id\.example/01/09521100000116/21/[0-9A-HJKMNP-TV-Z]{15}$`,
		"uri": `^https://id\.example/p/[0-9A-HJKMNP-TV-Z]{15}$`,
	} {
		for range 2 {
			var p struct {
				BatteryIdentifier string
				Data              struct {
					GeneralInformation struct{ BatteryIdentifier, BatterySerialNumber string }
				}
			}
			s.Call("POST /api/passports?identifier="+query, operator, body).Want(201, &p)
			if !regexp.MustCompile(pattern).MatchString(p.BatteryIdentifier) || p.Data.GeneralInformation.BatteryIdentifier != p.BatteryIdentifier || seen[p.BatteryIdentifier] {
				t.Errorf("%s: got %q", query, p.BatteryIdentifier)
			}
			if serial := p.Data.GeneralInformation.BatterySerialNumber; query == "gs1" && !strings.HasSuffix(p.BatteryIdentifier, "/"+serial) {
				t.Errorf("serial number: got %q", serial)
			}
			seen[p.BatteryIdentifier] = true
		}
	}
	for body, want := range map[string]string{
		`{"data":{"generalInformation":{}}}`: "/data/generalInformation/batteryModel/gtin required",
		`{"data":{"generalInformation":{"batteryIdentifier":"https://a.example/1","batteryModel":{"gtin":"09521100000116"}}}}`: "/data/generalInformation/batteryIdentifier notApplicable",
		`{"data":{"generalInformation":{"batteryModel":{"gtin":"09521100000116"},"batterySerialNumber":"ü"}}}`:                 "/data/generalInformation/batterySerialNumber format",
	} {
		s.Call("POST /api/passports?identifier=gs1", operator, body).WantProblem(422, want)
	}
	s.Call("POST /api/passports?identifier=rfid", operator, body).WantProblem(422, "query:identifier enum")
	var p apiPassport
	s.Call("POST /api/passports?identifier=gs1", operator, body, "Idempotency-Key", "k").Want(201, &p)
	var again apiPassport
	if s.Call("POST /api/passports?identifier=gs1", operator, body, "Idempotency-Key", "k").Want(201, &again); again.BatteryIdentifier != p.BatteryIdentifier {
		t.Errorf("repeated request: got %s and %s", p.BatteryIdentifier, again.BatteryIdentifier)
	}
}

// TestCarriers draws codes, and refuses sizes, colours and types that cannot be read.
func TestCarriers(t *testing.T) {
	s, p, operator := startScan(t, true)
	path := "/api/public/passports/" + p.ID + "/carrier"
	for query, start := range map[string]string{
		"": "<svg ", "?type=datamatrix&format=png": "\x89PNG", "?type=gs1datamatrix": "<svg ", "?ecc=H&size=30&dpi=600&format=png&text=true": "\x89PNG", "?color=003300&background=ffffe0": "<svg ",
	} {
		res, body := s.get("GET", path+query)
		if res.StatusCode != 200 || !strings.HasPrefix(body, start) {
			t.Errorf("%s: got %d: %.200s", query, res.StatusCode, body)
		}
		if res, _ := s.get("GET", path+query, "If-None-Match", res.Header.Get("ETag")); res.StatusCode != 304 {
			t.Errorf("%s with If-None-Match: got %d", query, res.StatusCode)
		}
	}
	for query, want := range map[string]string{
		"size=0": "query:size range", "size=10000": "query:size range", "dpi=1&format=png": "query:dpi range", "dpi=1000000&format=png": "query:dpi range", "size=500&dpi=2400&format=png": "query:size range",
		"size=5&dpi=72&format=png": "query:size range", "color=ffffff": "query:background range", "color=777777&background=999999": "query:background range", "color=red": "query:color format",
		"type=aztec": "query:type enum", "ecc=L": "query:ecc enum",
	} {
		s.Call("GET "+path+"?"+query, "", nil).WantProblem(422, want)
	}
	unlinked := s.publishURI(operator)
	s.Call("GET /api/passports/"+unlinked+"/carrier?type=gs1datamatrix", operator, nil).WantProblem(422, "query:type consistency")
	empty := s.create(operator, `{"data":{}}`)
	s.Call("GET /api/passports/"+empty.ID+"/carrier", operator, nil).WantProblem(409)
	s.Call("GET /api/passports/"+empty.ID+"/carrier", s.as(auth.Operator, "B"), nil).WantProblem(404)
}

// publishURI creates a passport whose identifier is not a GS1 Digital Link.
func (s *service) publishURI(token string) string {
	return s.create(token, draft("https://a.example/battery/1")).ID
}

// TestLabels prints labels by ids and by filter, and names all passports without one.
func TestLabels(t *testing.T) {
	s, p, operator := startScan(t, true)
	other := s.create(operator, draft("https://a.example/battery/1"))
	foreign := s.create(s.as(auth.Operator, "B"), draft("https://a.example/battery/2"))
	empty := s.create(operator, `{"data":{}}`)
	order := func(format string, values ...any) string { return fmt.Sprintf(format, values...) }
	for body, count := range map[string]int{
		order(`{"ids":[%q,%q]}`, p.ID, other.ID): 2, `{}`: 2, `{"filter":{"state":"active"},"layout":"letter-30"}`: 1, `{"layout":"single","width":50,"height":30,"cropMarks":true}`: 2,
	} {
		res := s.Call("POST /api/passports/labels", operator, body).Want(200, nil)
		pages := bytes.Count([]byte(res.Text), []byte("/Type /Page "))
		if wantPages := map[bool]int{true: count, false: 1}[strings.Contains(body, "single")]; res.Header.Get("Content-Type") != "application/pdf" || !strings.HasPrefix(res.Text, "%PDF-") || pages != wantPages {
			t.Errorf("%s: got %s with %d pages, want %d", body, res.Header.Get("Content-Type"), pages, wantPages)
		}
	}
	zpl := s.Call("POST /api/passports/labels", operator, `{"format":"zpl","dpi":300}`).Want(200, nil).Text
	if strings.Count(zpl, "^XA") != 2 || strings.Count(zpl, "^XZ") != 2 || !strings.Contains(zpl, "^FDS/N NB7K2Q9X^FS") {
		t.Errorf("ZPL: %s", zpl)
	}
	s.Call("POST /api/passports/labels", operator, order(`{"ids":[%q,%q,%q,"none"]}`, p.ID, foreign.ID, empty.ID)).WantProblem(422, "/ids/1 notFound", "/ids/2 required", "/ids/3 notFound")
	s.Call("POST /api/passports/labels", operator, order(`{"ids":[%q],"layout":"single","width":10,"height":10}`, p.ID)).WantProblem(422, "/ids/0 consistency")
	for body, want := range map[string]string{
		`{"layout":"single","width":0.001}`: "/width range", `{"layout":"single","width":10000}`: "/width range", `{"layout":"single","height":-1}`: "/height range",
		`{"format":"zpl","dpi":1}`: "/dpi enum", `{"format":"zpl","dpi":1000000}`: "/dpi enum", `{"layout":"a0"}`: "/layout enum", `{"type":"aztec"}`: "/type enum", `{"ecc":"L"}`: "/ecc enum", `{"format":"docx"}`: "/format enum",
	} {
		s.Call("POST /api/passports/labels", operator, body).WantProblem(422, want)
	}
	s.Call("POST /api/passports/labels", operator, `{"filter":{"state":"archived"}}`).WantProblem(422, "/filter required")
	s.Call("POST /api/passports/labels", s.as(auth.User, "A"), `{}`).WantProblem(403)
}
