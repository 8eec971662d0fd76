package passportd_test

import (
	"io"
	"net"
	"net/http"
	"strings"
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
		{"OPTIONS /p/" + p.ID, "", 204, "", ""},
		{"OPTIONS /.well-known/gs1resolver", "", 204, "", ""},
		{"GET " + nlbPath, "APPLICATION/JSON", 200, "application/json", ""},
		{"GET " + nlbPath + "?linkType=https://gs1.org/voc/instructions", "", 307, "", "https://nlb.example/"},
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
		{"GET " + nlbModel + "?linkType=gs1:recyclingInfo", browser, 300, "text/html; charset=utf-8", ""},
		{"GET " + nlbModel + "?linkType=gs1:recyclingInfo", linksetTy, 300, linksetTy, ""},
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
		{"OPTIONS /battery/4711", "", 204, "", ""},
		{"OPTIONS /api/unknown", "", 404, "application/problem+json", ""},
		{"POST /battery/4711", "", 405, "application/problem+json", ""},
		{"POST /battery/4712", "", 404, "application/problem+json", ""},
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
		{"GET /p/" + p.ID + "/", browser, 200, "text/html; charset=utf-8", ""},
		{"GET /p/unknown/", browser, 404, "text/html; charset=utf-8", ""},
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
		if allow := res.Header.Get("Allow"); c.status == 405 && allow != "GET, HEAD, OPTIONS" {
			t.Errorf("%.150s: Allow: %q", name, allow)
		}
		if strings.Contains(body, "<script") {
			t.Errorf("%.150s: a script in the page", name)
		}
	}
	s.Do("GET "+nlbPath+"?linkType=gs1:epil", "").WantProblem(404, "query:linkType notFound")
}
