package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
)

type userKey struct{}

type thing struct {
	Name  string   `json:"name" minLength:"2" maxLength:"5"`
	Mail  string   `json:"mail,omitempty" format:"email"`
	Kind  string   `json:"kind,omitempty" enum:"a,b"`
	Count int      `json:"count,omitempty" maximum:"3"`
	Parts []part   `json:"parts,omitempty" maxItems:"2"`
	Flag  bool     `json:"flag,omitempty"`
	Tags  []string `json:"tags,omitempty"`
}

type part struct {
	Mass float64 `json:"mass"`
}

type (
	thingInput struct{ Body thing }
	rawInput   struct {
		rest.Precondition
		Body rest.JSON[thing] `contentType:"application/merge-patch+json"`
	}
	output struct {
		ETag string `header:"ETag"`
		Body struct {
			Seen string    `json:"seen"`
			When time.Time `json:"when"`
		}
	}
)

func newAPI(t *testing.T, log io.Writer, checks ...rest.Check) *rest.API {
	t.Helper()
	a := rest.New(rest.Options{Title: "Test Service", Log: slog.New(slog.NewJSONHandler(log, nil)), Checks: checks,
		User: func(ctx context.Context) string { s, _ := ctx.Value(userKey{}).(string); return s }})
	rest.Handle(a, "POST /api/things", rest.Open, func(_ context.Context, in *thingInput) (*output, error) {
		out := &output{ETag: rest.ETag(1)}
		out.Body.Seen, out.Body.When = in.Body.Name, time.Date(2026, 11, 22, 9, 0, 0, 123456, time.UTC)
		return out, nil
	}, "Make a thing", rest.Status(http.StatusCreated), rest.MaxBody(1000))
	rest.Handle(a, "PATCH /api/things/{id}", rest.Open, func(_ context.Context, in *rawInput) (*output, error) {
		versions, err := in.Versions()
		if err != nil {
			return nil, err
		}
		out := &output{}
		text, _ := json.Marshal(versions)
		out.Body.Seen = string(in.Body.Value) + string(text)
		return out, nil
	}, "Change a thing")
	rest.Handle(a, "GET /api/things", rest.Open, func(_ context.Context, in *struct{ rest.Page }) (*struct{ Body rest.List[thing] }, error) {
		return &struct{ Body rest.List[thing] }{}, nil
	}, "List things")
	rest.Handle(a, "GET /api/fail/{how}", func(ctx context.Context, header string) (context.Context, error) {
		if header == "" {
			return nil, fault.New(fault.Unauthenticated, "who are you")
		}
		return context.WithValue(ctx, userKey{}, "u1"), nil
	}, func(_ context.Context, in *struct {
		How string `path:"how"`
	}) (*struct{}, error) {
		switch in.How {
		case "panic":
			panic("secret of the panic")
		case "error":
			return nil, errors.New("secret of the error")
		}
		return nil, fault.New(fault.Kind(in.How), "it is %s", in.How).Because(errors.New("secret of the cause"))
	}, "Fail")
	return a
}

func call(t *testing.T, url, method, path, contentType string, body io.Reader, headers ...string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(data)
}

// wantProblem checks the shape that all failures share.
func wantProblem(t *testing.T, name string, status int, header http.Header, body string) rest.Problem {
	t.Helper()
	var p rest.Problem
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatalf("%s: %d %q is no problem: %v", name, status, body, err)
	}
	if p.Status != status || p.Title == "" || p.Detail == "" || !strings.HasPrefix(p.Type, "/problems/") ||
		p.RequestID != header.Get("X-Request-Id") || p.Instance != "urn:uuid:"+p.RequestID || header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s: problem %+v, header %v", name, p, header)
	}
	if strings.Contains(body, "secret") {
		t.Errorf("%s: %s tells a secret", name, body)
	}
	return p
}

func TestBadInput(t *testing.T) {
	srv := httptest.NewServer(newAPI(t, io.Discard))
	defer srv.Close()
	const js = "application/json"
	post := func(body string) func() (int, http.Header, string) {
		return func() (int, http.Header, string) {
			return call(t, srv.URL, "POST", "/api/things", js, strings.NewReader(body))
		}
	}
	get := func(path string) func() (int, http.Header, string) {
		return func() (int, http.Header, string) { return call(t, srv.URL, "GET", path, "", nil) }
	}
	for name, c := range map[string]struct {
		call   func() (int, http.Header, string)
		status int
		errors []string // path code
	}{
		"malformed":          {post(`{"name":"secret`), 400, []string{"/name syntax"}},
		"empty":              {post(``), 400, []string{" syntax"}},
		"two values":         {post(`{"name":"abc"} {}`), 400, []string{" syntax"}},
		"value and rubbish":  {post(`{"name":"abc"} x`), 400, []string{" syntax"}},
		"duplicate":          {post(`{"name":"abc","parts":[{"mass":1,"mass":2}]}`), 400, []string{"/parts/0/mass duplicate"}},
		"duplicate, escaped": {post(`{"name":"abc","n\u0061me":"abd"}`), 400, []string{"/name duplicate"}},
		"invalid UTF-8":      {post("{\"name\":\"a\xff\"}"), 400, []string{"/name syntax"}},
		"deep":               {post(strings.Repeat("[", 900)), 400, []string{strings.Repeat("/0", 64) + " depth"}},
		"too large":          {post(`{"name":"` + strings.Repeat("x", 1000) + `"}`), 413, nil},
		"form": {func() (int, http.Header, string) {
			return call(t, srv.URL, "POST", "/api/things", "application/x-www-form-urlencoded", strings.NewReader("{}"))
		}, 415, []string{"header:Content-Type enum"}},
		"patch type": {func() (int, http.Header, string) {
			return call(t, srv.URL, "POST", "/api/things", "application/merge-patch+json", strings.NewReader("{}"))
		}, 415, []string{"header:Content-Type enum"}},
		"no type at all": {func() (int, http.Header, string) {
			return call(t, srv.URL, "POST", "/api/things", ";;", strings.NewReader("{}"))
		}, 415, []string{"header:Content-Type enum"}},
		"array":             {post(`[]`), 422, []string{" type"}},
		"null":              {post(`null`), 422, []string{" type"}},
		"all at once":       {post(`{"kind":"secret","count":9,"parts":[{},{"mass":"secret"},{"mass":1}],"Name":"secret","mail":"secret","flag":1,"tags":[1]}`), 422, []string{"/name required", "/kind enum", "/count range", "/parts range", "/parts/0/mass required", "/parts/1/mass type", "/Name unknownField", "/mail format", "/flag type", "/tags/0 type"}},
		"short":             {post(`{"name":"a"}`), 422, []string{"/name range"}},
		"too precise":       {post(`{"name":"abc","count":1.5}`), 422, []string{"/count type"}},
		"huge number":       {post(`{"name":"abc","count":1e400}`), 400, []string{" format"}},
		"unknown parameter": {get("/api/things?limit=5&offset=1&x=secret"), 422, []string{"query:offset unknownField", "query:x unknownField"}},
		"limit 0":           {get("/api/things?limit=0"), 422, []string{"query:limit range"}},
		"limit 201":         {get("/api/things?limit=201"), 422, []string{"query:limit range"}},
		"limit of words":    {get("/api/things?limit=secret"), 422, []string{"query:limit type"}},
		"no such path":      {get("/api/nothing"), 404, nil},
		"no such method":    {func() (int, http.Header, string) { return call(t, srv.URL, "DELETE", "/api/things", "", nil) }, 405, nil},
		"If-Match of words": {func() (int, http.Header, string) {
			return call(t, srv.URL, "PATCH", "/api/things/1", js, strings.NewReader("{}"), "If-Match", "3")
		}, 400, []string{"header:If-Match format"}},
	} {
		t.Run(name, func(t *testing.T) {
			status, header, body := c.call()
			if status != c.status {
				t.Fatalf("status %d, want %d: %s", status, c.status, body)
			}
			p := wantProblem(t, name, status, header, body)
			got := map[string]bool{}
			for _, e := range p.Errors {
				got[e.Path+" "+e.Code] = true
				if e.Message == "" {
					t.Errorf("%s: no message", e.Path)
				}
			}
			want := map[string]bool{}
			for _, e := range c.errors {
				want[e] = true
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("errors (-want +got)\n%s", diff)
			}
		})
	}
}

func TestGoodInput(t *testing.T) {
	srv := httptest.NewServer(newAPI(t, io.Discard))
	defer srv.Close()
	status, header, body := call(t, srv.URL, "POST", "/api/things", "application/json; charset=utf-8", strings.NewReader(` {"name":"abc"} `))
	if want := `{"seen":"abc","when":"2026-11-22T09:00:00.000Z"}`; status != 201 || header.Get("ETag") != `"1"` || body != want {
		t.Errorf("POST = %d %v %s, want 201 %s", status, header, body, want)
	}
	for match, want := range map[string]string{"": "null", "*": "null", `"3"`: "[3]", `"3", W/"4","x"`: "[3,-1,-1]"} {
		status, _, body := call(t, srv.URL, "PATCH", "/api/things/1", "application/merge-patch+json", strings.NewReader(`{"n":1e400}`), "If-Match", match)
		if status != 200 || !strings.Contains(body, `"seen":"{\"n\":1e400}`+want) {
			t.Errorf("If-Match %s: %d %s, want %s", match, status, body, want)
		}
	}
	if status, _, body := call(t, srv.URL, "HEAD", "/health", "", nil); status != 200 || body != "" {
		t.Errorf("HEAD = %d %q", status, body)
	}
}

func TestFailuresOfHandlers(t *testing.T) {
	var log bytes.Buffer
	srv := httptest.NewServer(newAPI(t, &log))
	defer srv.Close()
	for how, want := range map[string]int{
		"malformed": 400, "unauthenticated": 401, "forbidden": 403, "not-found": 404, "timeout": 408, "conflict": 409, "stale": 412, "too-large": 413,
		"unsupported-type": 415, "invalid": 422, "unavailable": 503, "error": 500, "panic": 500,
	} {
		log.Reset()
		status, header, body := call(t, srv.URL, "GET", "/api/fail/"+how, "", nil, "Authorization", "x")
		p := wantProblem(t, how, status, header, body)
		if status != want {
			t.Errorf("%s = %d, want %d", how, status, want)
		}
		if tell := want >= 500; tell != strings.Contains(log.String(), "secret") || strings.Count(log.String(), "\n") != 1 {
			t.Errorf("%s: cause in the log: %v, want %v, in one line: %s", how, !tell, tell, log.String())
		}
		if !strings.Contains(log.String(), p.RequestID) || !strings.Contains(log.String(), `"user":"u1"`) {
			t.Errorf("%s: log line without request or user: %s", how, log.String())
		}
		if status, _, page := call(t, srv.URL, "GET", p.Type, "", nil); status != 200 || !strings.Contains(page, p.Title) {
			t.Errorf("page of %s = %d %s", p.Type, status, page)
		}
	}
	status, header, body := call(t, srv.URL, "GET", "/api/fail/x", "", nil)
	wantProblem(t, "guard", status, header, body)
	if status != 401 || header.Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("guard = %d %v", status, header)
	}
	if _, header, _ := call(t, srv.URL, "GET", "/api/fail/unavailable", "", nil, "Authorization", "x"); header.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
}

func TestRequestID(t *testing.T) {
	srv := httptest.NewServer(newAPI(t, io.Discard))
	defer srv.Close()
	const own = "0193f6b4-7b1a-7c3e-9c1a-3a9b8f2e4d10"
	for given, kept := range map[string]bool{own: true, "": false, "<script>": false} {
		_, header, _ := call(t, srv.URL, "GET", "/health", "", nil, "X-Request-Id", given)
		if got := header.Get("X-Request-Id"); len(got) != 36 || (got == given) != kept {
			t.Errorf("X-Request-Id %q is answered with %q", given, got)
		}
	}
}

func TestReadiness(t *testing.T) {
	ok := func(context.Context) error { return nil }
	down := func(context.Context) error {
		return fault.New(fault.Unavailable, "is away").Because(errors.New("secret"))
	}
	odd := func(context.Context) error { return errors.New("secret") }
	for name, c := range map[string]struct {
		checks []rest.Check
		status int
		want   string
	}{
		"nothing":  {nil, 200, `{"status":"ready","checks":[]}`},
		"all":      {[]rest.Check{{"store", true, ok}}, 200, `{"status":"ready","checks":[{"name":"store","ok":true,"vital":true}]}`},
		"degraded": {[]rest.Check{{"kafka", false, down}}, 200, `{"status":"degraded","checks":[{"name":"kafka","ok":false,"vital":false,"detail":"is away"}]}`},
		"not ready": {[]rest.Check{{"kafka", false, ok}, {"store", true, odd}}, 503,
			`{"status":"not ready","checks":[{"name":"kafka","ok":true,"vital":false},{"name":"store","ok":false,"vital":true,"detail":"does not answer"}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(newAPI(t, io.Discard, c.checks...))
			defer srv.Close()
			if status, _, body := call(t, srv.URL, "GET", "/readyz", "", nil); status != c.status || strings.TrimSpace(body) != c.want {
				t.Errorf("readyz = %d %s, want %d %s", status, body, c.status, c.want)
			}
			if status, _, body := call(t, srv.URL, "GET", "/livez", "", nil); status != 200 || !strings.Contains(body, "Test Service is running") {
				t.Errorf("livez = %d %s", status, body)
			}
		})
	}
}

func TestDocumentation(t *testing.T) {
	srv := httptest.NewServer(newAPI(t, io.Discard))
	defer srv.Close()
	_, _, spec := call(t, srv.URL, "GET", "/openapi.json", "", nil)
	for _, want := range []string{`"openapi": "3.1.0"`, `"/api/things/{id}"`, `"application/merge-patch+json"`, `"maxLength": 5`, `"bearer"`, `"application/problem+json"`} {
		if !strings.Contains(spec, want) {
			t.Errorf("openapi.json lacks %s", want)
		}
	}
	if strings.Contains(spec, `"null"`) || strings.Contains(spec, "$schema") {
		t.Error("openapi.json has nullable arrays or $schema")
	}
	for _, path := range []string{"/docs", "/docs/swagger-ui-bundle.js"} {
		status, _, page := call(t, srv.URL, "GET", path, "", nil)
		if status != 200 || strings.Contains(page, "https://cdn") {
			t.Errorf("%s = %d", path, status)
		}
	}
}

// TestServeFinishesWhatIsUnderWay stops the server while a request is being
// answered.
func TestServeFinishesWhatIsUnderWay(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	begun, finish := make(chan struct{}), make(chan struct{})
	a := newAPI(t, io.Discard)
	rest.Handle(a, "GET /api/slow", rest.Open, func(context.Context, *struct{}) (*struct{}, error) {
		close(begun)
		<-finish
		return &struct{}{}, nil
	}, "Be slow", rest.Status(http.StatusNoContent))
	ctx, stop := context.WithCancel(t.Context())
	served, answered := make(chan error, 1), make(chan int, 1)
	go func() { served <- rest.Serve(ctx, l, a, 10*time.Second) }()
	url := "http://" + l.Addr().String()
	go func() {
		status, _, _ := call(t, url, "GET", "/api/slow", "", nil)
		answered <- status
	}()
	<-begun
	stop()
	for { // the port is closed when the server has heard
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			break
		}
		c.Close()
	}
	close(finish)
	if status, err := <-answered, <-served; status != 204 || err != nil {
		t.Errorf("request under way = %d, Serve = %v", status, err)
	}
}

func TestTakenPortNamesItsVariable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = rest.Config{Host: "127.0.0.1"}.Listen(l.Addr().(*net.TCPAddr).Port, "PASSPORT_PORT")
	if err == nil || !strings.Contains(err.Error(), "PASSPORT_PORT") {
		t.Errorf("Listen on a taken port = %v", err)
	}
}

// TestBodyCutOff has the client go away in the middle of its body.
func TestBodyCutOff(t *testing.T) {
	var log bytes.Buffer
	a := newAPI(t, &log)
	done := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.ServeHTTP(w, r)
		close(done)
	}))
	defer srv.Close()
	c, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(c, "POST /api/things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	c.(*net.TCPConn).CloseWrite()
	answer, _ := io.ReadAll(c)
	<-done
	if !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") || !strings.Contains(log.String(), `"status":400`) {
		t.Errorf("answer %s, log %s", answer, log.String())
	}
}
