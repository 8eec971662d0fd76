package passportd_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/battery-passport/suite/pkg/auth"
)

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

// TestHeadersInSeveralLines: lists in headers count as a whole.
func TestHeadersInSeveralLines(t *testing.T) {
	s, _, _ := startScan(t, true)
	first, _ := s.get("GET", nlbPath, "Accept", browser, "Accept-Language", "fi")
	req, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+nlbPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{
		"Accept": {"application/json;q=0.5", "text/html"}, "Accept-Language": {"xx", "fi"},
		"Accept-Encoding": {"br", "gzip"}, "If-None-Match": {`"1"`, first.Header.Get("ETag")},
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 304 {
		t.Errorf("got %d in %s with %v, want 304", res.StatusCode, res.Header.Get("Content-Language"), res.Header)
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

// TestSafetyCardNamesEverySubstance: a substance with only a name is on the card.
// Only the page of a draft can have one.
func TestSafetyCardNamesEverySubstance(t *testing.T) {
	s, _, operator := startScan(t, true)
	draft := s.create(operator, `{"data":{"materialComposition":{"hazardousSubstances":[{"substanceName":"Fluoroethylene carbonate"}]}}}`)
	_, body := s.get("GET", "/p/"+draft.ID+"?view=safety&lang=en", "Accept", browser, "Authorization", "Bearer "+operator)
	if want := "<dt>Hazardous substances · Fluoroethylene carbonate</dt><dd><bdi>–</bdi></dd>"; !strings.Contains(body, want) {
		t.Errorf("%s is not on the card", want)
	}
}

// TestLanguageOfAPage: a parameter selects the language in any case and of any region. Two
// spellings are one page, which is rendered once.
func TestLanguageOfAPage(t *testing.T) {
	s, _, _ := startScan(t, true)
	tags := map[string]string{}
	for query, want := range map[string]string{
		"lang=de": "de", "lang=DE": "de", "lang=de-AT": "de", "lang=De_ch": "de", "lang=xx&lang=de": "de", "lang=&lang=DE": "de",
		"": "fr", "lang": "fr", "lang=": "fr", "lang=xx": "fr", "lang=tlh&lang=%00": "fr", "LANG=de": "fr", "lang=FR&lang=de": "fr",
	} {
		res, body := s.get("GET", nlbPath+"?"+query, "Accept", browser, "Accept-Language", "fr")
		if res.StatusCode != 200 || res.Header.Get("Content-Language") != want || !strings.Contains(body, `<html lang="`+want+`">`) || !strings.Contains(body, `hreflang="`+want+`" lang="`+want+`" aria-current="true"`) {
			t.Errorf("%q: got %d in %s, want %s", query, res.StatusCode, res.Header.Get("Content-Language"), want)
		}
		if tag := res.Header.Get("ETag"); tags[want] != "" && tags[want] != tag {
			t.Errorf("%q: got the ETag %s, want %s", query, tag, tags[want])
		} else {
			tags[want] = tag
		}
		if strings.Contains(body, "?lang=DE") || strings.Count(body, `<link rel="alternate" hreflang="`) != 24 {
			t.Errorf("%q: the links to other languages changed", query)
		}
	}
	if n := s.rendered("text/html"); n != "2" {
		t.Errorf("two languages were rendered %s times, want twice", n)
	}
}

// TestPageOfAMalformedLink: people read what to do in their language, and below it the reason for
// those who print codes.
func TestPageOfAMalformedLink(t *testing.T) {
	s, _, _ := startScan(t, true)
	for language, texts := range map[string][]string{
		"en": {"Scan the code on the battery again. If that does not help, ask the maker", "Technical details:<br>"},
		"de": {"Wenn das nicht hilft, fragen Sie den Erzeuger der Batterie.</p>", "Technische Angaben (auf Englisch):<br>"},
		"fi": {"kysy akun valmistajalta.</p>", "Tekniset tiedot (englanniksi):<br>"},
	} {
		res, body := s.get("GET", "/01/09521100000117/21/X?lang="+language, "Accept", browser)
		for _, text := range append(texts, `<code lang="en">`, "check digit") {
			if res.StatusCode != 400 || !strings.Contains(body, text) {
				t.Errorf("%s: got %d; %s is not on the page: %s", language, res.StatusCode, text, body[strings.Index(body, "<main"):])
			}
		}
	}
}

// TestBrowsersChooseBetweenLinks: people get a page instead of a linkset, in their language,
// with a way to the whole passport or to the model.
func TestBrowsersChooseBetweenLinks(t *testing.T) {
	s, _, _ := startScan(t, true)
	for _, c := range []struct {
		path   string
		status int
		texts  []string
	}{
		{nlbPath + "?linkType=gs1:recyclingInfo", 300, []string{
			"Mehrere Dokumente passen", "<dt>Abfallvermeidung</dt><dd><a href=\"https://nlb.example/", `href="https://id.example` + nlbPath + `">Ganzer Pass`,
			`href="?linkType=gs1%3ArecyclingInfo&amp;lang=fi" hreflang="fi"`,
		}},
		{nlbPath + "?linkType=gs1:epil&lang=de", 404, []string{"Diese Information ist nicht vorhanden", "Ganzer Pass", `href="?linkType=gs1%3Aepil&amp;lang=fi"`}},
		{nlbPath + "?linkType=gs1:epil&lang=de&x=" + strings.Repeat("%22", 2000), 404, []string{`href="?linkType=gs1%3Aepil&amp;lang=fi"`}},
		{nlbModel + "?linkType=gs1:sustainabilityInfo", 300, []string{"<dt>Öffentliche Studie</dt>", `href="https://id.example` + nlbModel + `">Batteriemodell`}},
		{nlbModel + "?linkType=%22%3E%3Cb%3E", 404, []string{`href="?linkType=%22%3E%3Cb%3E&amp;lang=fi"`}},
	} {
		res, body := s.get("GET", c.path, "Accept", browser, "Accept-Language", "de")
		if res.StatusCode != c.status || res.Header.Get("Content-Language") != "de" {
			t.Errorf("%s: got %d in %s, want %d in de", c.path, res.StatusCode, res.Header.Get("Content-Language"), c.status)
		}
		for _, text := range c.texts {
			if !strings.Contains(body, text) {
				t.Errorf("%s: %s is not on the page: %s", c.path, text, body[strings.Index(body, "<main"):])
			}
		}
	}
}

// TestStrictResolverRedirectsBrowsers: with RESOLVER_DIRECT=false everyone is redirected.
func TestStrictResolverRedirectsBrowsers(t *testing.T) {
	s, p, _ := startScan(t, false)
	if res, _ := s.get("GET", nlbPath, "Accept", browser); res.StatusCode != 307 || res.Header.Get("Location") != scanBase+"/p/"+p.ID {
		t.Errorf("got %d, %s", res.StatusCode, res.Header.Get("Location"))
	}
}
