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

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
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

func newAPI(t testing.TB, log io.Writer, checks ...rest.Check) *rest.API {
	t.Helper()
	a := rest.New(rest.Options{Document: rest.Document{Title: "Test Service"}, Log: slog.New(slog.NewJSONHandler(log, nil)), Checks: checks,
		User: func(ctx context.Context) string { s, _ := ctx.Value(userKey{}).(string); return s }})
	rest.Handle(a, "POST /api/things", rest.Open, func(_ context.Context, in *thingInput) (*output, error) {
		out := &output{ETag: rest.VersionETag(1)}
		out.Body.Seen, out.Body.When = in.Body.Name, time.Date(2026, 11, 22, 9, 0, 0, 123456, time.UTC)
		return out, nil
	}, "createThing", "Create a thing", rest.Status(http.StatusCreated), rest.MaxBody(1000))
	rest.Handle(a, "PATCH /api/things/{id}", rest.Open, func(_ context.Context, in *rawInput) (*output, error) {
		versions, err := in.Versions()
		if err != nil {
			return nil, err
		}
		out := &output{}
		text, _ := json.Marshal(versions)
		out.Body.Seen = string(in.Body.Value) + string(text)
		return out, nil
	}, "patchThing", "Patch a thing")
	rest.Handle(a, "GET /api/things", rest.Open, func(_ context.Context, in *struct{ rest.Paging }) (*struct{ Body rest.List[thing] }, error) {
		return &struct{ Body rest.List[thing] }{}, nil
	}, "listThings", "List things")
	rest.Handle(a, "GET /api/fail/{how}", rest.SignedIn(func(ctx context.Context, header string) (context.Context, error) {
		if header == "" {
			return nil, fault.New(fault.Unauthenticated, "the token is missing")
		}
		return context.WithValue(ctx, userKey{}, "u1"), nil
	}), func(_ context.Context, in *struct {
		How string `path:"how"`
	}) (*struct{}, error) {
		switch in.How {
		case "panic":
			panic("secret of the panic")
		case "error":
			return nil, errors.New("secret of the error")
		}
		return nil, fault.New(fault.Kind(in.How), "this is a %s fault", in.How).Because(errors.New("secret of the cause"))
	}, "fail", "Fail")
	return a
}

func serve(t *testing.T, a *rest.API) resttest.Client {
	t.Helper()
	srv := httptest.NewServer(a)
	t.Cleanup(srv.Close)
	return resttest.Client{T: t, URL: srv.URL}
}

func TestInvalidRequests(t *testing.T) {
	c := serve(t, newAPI(t, io.Discard))
	const post, list = "POST /api/things", "GET /api/things"
	for name, bad := range map[string]struct {
		route, body string
		headers     []string
		status      int
		errors      []string // path code
	}{
		"malformed":              {post, `{"name":"secret`, nil, 400, []string{"/name syntax"}},
		"empty":                  {post, ``, nil, 400, []string{" syntax"}},
		"two values":             {post, `{"name":"abc"} {}`, nil, 400, []string{" syntax"}},
		"text after the value":   {post, `{"name":"abc"} x`, nil, 400, []string{" syntax"}},
		"duplicate":              {post, `{"name":"abc","parts":[{"mass":1,"mass":2}]}`, nil, 400, []string{"/parts/0/mass duplicate"}},
		"duplicate, escaped":     {post, `{"name":"abc","n\u0061me":"abd"}`, nil, 400, []string{"/name duplicate"}},
		"invalid UTF-8":          {post, "{\"name\":\"a\xff\"}", nil, 400, []string{"/name syntax"}},
		"nested too deeply":      {post, strings.Repeat("[", 900), nil, 400, []string{strings.Repeat("/0", 16) + " depth"}},
		"UTF-16 LE with a mark":  {post, "\xff\xfe{\x00}\x00", nil, 400, []string{" encoding"}},
		"UTF-16 BE with a mark":  {post, "\xfe\xff\x00{\x00}", nil, 400, []string{" encoding"}},
		"UTF-16 LE, no mark":     {post, "{\x00}\x00", nil, 400, []string{" encoding"}},
		"UTF-16 BE, no mark":     {post, "\x00{\x00}", nil, 400, []string{" encoding"}},
		"UTF-32 LE with a mark":  {post, "\xff\xfe\x00\x00{\x00\x00\x00", nil, 400, []string{" encoding"}},
		"UTF-32 BE, no mark":     {post, "\x00\x00\x00{\x00\x00\x00}", nil, 400, []string{" encoding"}},
		"only a byte order mark": {post, "\ufeff", nil, 400, []string{" syntax"}},
		"two byte order marks":   {post, "\ufeff\ufeff{}", nil, 400, []string{" syntax"}},
		"gzip without a header":  {post, gzipped("{}"), nil, 400, []string{" encoding"}},
		"not UTF-8 as declared":  {post, "{\"name\":\"M\xfc\"}", []string{"Content-Type", "application/json; charset=UTF-8"}, 400, []string{"/name syntax"}},
		"not UTF-8, by charset":  {post, "{\"name\":\"M\xfc\"}", []string{"Content-Type", "application/json; charset=iso-8859-1"}, 400, []string{" encoding"}},
		"too large":              {post, `{"name":"` + strings.Repeat("x", 1000) + `"}`, nil, 413, nil},
		"form":                   {post, `{}`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, []string{"header:Content-Type enum"}},
		"patch type":             {post, `{}`, []string{"Content-Type", "application/merge-patch+json"}, 415, []string{"header:Content-Type enum"}},
		"invalid type":           {post, `{}`, []string{"Content-Type", ";;"}, 415, []string{"header:Content-Type enum"}},
		"array":                  {post, `[]`, nil, 422, []string{" type"}},
		"null":                   {post, `null`, nil, 422, []string{" type"}},
		"all errors at once": {post, `{"kind":"secret","count":9,"parts":[{},{"mass":"secret"},{"mass":1}],"Name":"secret","mail":"secret","flag":1,"tags":[1]}`, nil, 422,
			[]string{"/name required", "/kind enum", "/count range", "/parts range", "/parts/0/mass required", "/parts/1/mass type", "/Name unknownField", "/mail format", "/flag type", "/tags/0 type"}},
		"short":                   {post, `{"name":"a"}`, nil, 422, []string{"/name range"}},
		"fraction for integer":    {post, `{"name":"abc","count":1.5}`, nil, 422, []string{"/count type"}},
		"huge number":             {post, `{"name":"abc","count":1e400,"parts":[{"mass":-1e999}]}`, nil, 422, []string{"/count range", "/parts/0/mass range"}},
		"unknown parameter":       {list + "?limit=5&offset=1&x=secret", "", nil, 422, []string{"query:offset unknownField", "query:x unknownField"}},
		"all of the query":        {list + "?limit=x&limt=5&cursor=a%00&foo=1", "", nil, 422, []string{"query:limit type", "query:limt unknownField", "query:cursor format", "query:foo unknownField"}},
		"query and body":          {post + "?x=1", `{"name":"a"}`, nil, 422, []string{"query:x unknownField", "/name range"}},
		"query and huge number":   {post + "?x=1", `{"count":1e400}`, nil, 422, []string{"query:x unknownField", "/count range"}},
		"query and valid body":    {post + "?x=1", `{"name":"abc"}`, nil, 422, []string{"query:x unknownField"}},
		"query and body of a GET": {list + "?x=1", `{"name":"abc"}`, nil, 422, []string{"query:x unknownField"}},
		"broken escape":           {list + "?limit=%zz", "", nil, 400, []string{"query syntax"}},
		"semicolon":               {list + "?limit=5;x", "", nil, 400, []string{"query syntax"}},
		"repeated":                {list + "?limit=5&limit=6", "", nil, 422, []string{"query:limit duplicate"}},
		"empty unknown parameter": {list + "?limit=&skip=", "", nil, 422, []string{"query:skip unknownField"}},
		"invalid UTF-8 in path":   {"GET /api/%ff", "", nil, 404, nil},
		"invalid UTF-8 in query":  {list + "?%ff=1", "", nil, 422, []string{"query:\uFFFD format"}},
		"invalid UTF-8 in value":  {list + "?cursor=%ff", "", nil, 422, []string{"query:cursor format"}},
		"NUL in query":            {list + "?cursor=a%00", "", nil, 422, []string{"query:cursor format"}},
		"line break in query":     {list + "?cursor=a%0d%0ab", "", nil, 422, []string{"query:cursor format"}},
		"C1 control character":    {list + "?cursor=%c2%9b31m", "", nil, 422, []string{"query:cursor format"}},
		"DEL in a name":           {list + "?a%7f=1", "", nil, 422, []string{"query:a\u007f format"}},
		"invalid UTF-8 in header": {post, `{}`, []string{"Content-Type", "text/\xff"}, 415, []string{"header:Content-Type enum"}},
		"limit 0":                 {list + "?limit=0", "", nil, 422, []string{"query:limit range"}},
		"limit 201":               {list + "?limit=201", "", nil, 422, []string{"query:limit range"}},
		"limit not a number":      {list + "?limit=many", "", nil, 422, []string{"query:limit type"}},
		"no such path":            {"GET /api/nothing", "", nil, 404, nil},
		"no such method":          {"DELETE /api/things", "", nil, 405, nil},
		"If-Match without quotes": {"PATCH /api/things/1", `{}`, []string{"If-Match", "3"}, 400, []string{"header:If-Match format"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := c.On(t).Call(bad.route, "", bad.body, bad.headers...)
			if a.WantProblem(bad.status, bad.errors...); strings.Contains(a.Text, "secret") {
				t.Errorf("the problem contains a submitted value: %s", a.Text)
			}
		})
	}
}

func TestValidRequests(t *testing.T) {
	c := serve(t, newAPI(t, io.Discard))
	a := c.Call("POST /api/things", "", ` {"name":"abc"} `, "Content-Type", "application/json; charset=utf-8").Want(201, nil)
	if want := `{"seen":"abc","when":"2026-11-22T09:00:00.000Z"}`; a.Header.Get("ETag") != `"1"` || a.Text != want {
		t.Errorf("POST = %v %s, want %s", a.Header, a.Text, want)
	}
	c.Call("POST /api/things", "", `{"name":"abc"}`, "Content-Type", "APPLICATION/JSON; Charset=UTF-8").Want(201, nil)
	c.Call("PATCH /api/things/1", "", `{}`, "Content-Type", "Application/Merge-Patch+Json").Want(200, nil)
	c.Call("POST /api/things", "", "\ufeff"+`{"name":"abc"}`).Want(201, nil) // a byte order mark, as from PowerShell
	for text, want := range map[string]string{"\xff\xfe{\x00}\x00": "got UTF-16", "\xff\xfe\x00\x00{\x00\x00\x00": "got UTF-32", gzipped("{}"): "send Content-Encoding: gzip", "\"\xfc\"": "got charset iso-8859-1", "{\n\"a\" 1}": "line 2, column 5: "} {
		if a := c.Call("POST /api/things", "", text, "Content-Type", "application/json; charset=ISO-8859-1").Want(400, nil); !strings.Contains(strings.ToLower(a.Text), strings.ToLower(want)) {
			t.Errorf("%q: %s, want %q", text, a.Text, want)
		}
	}
	for match, want := range map[string]string{"": "null", "*": "null", `"3"`: "[3]", `"3", W/"4","x"`: "[3,-1,-1]"} {
		a := c.Call("PATCH /api/things/1", "", `{"n":1e400}`, "Content-Type", "application/merge-patch+json", "If-Match", match).Want(200, nil)
		if !strings.Contains(a.Text, `"seen":"{\"n\":1e400}`+want) {
			t.Errorf("If-Match %s: %s, want %s", match, a.Text, want)
		}
	}
	if a := c.Do("HEAD /health", "").Want(200, nil); a.Text != "" {
		t.Errorf("HEAD: got the body %q, want none", a.Text)
	}
}

// TestClientsCannotChooseRequestIDs: the id of a request is always a new one. A UUID that
// the client sent is an attribute of its own in the log.
func TestClientsCannotChooseRequestIDs(t *testing.T) {
	var log bytes.Buffer
	c := serve(t, newAPI(t, &log))
	for sent, logged := range map[string]bool{"0193f6b4-7b1a-7c3e-9c1a-3a9b8f2e4d10": true, "": false, "<script>": false} {
		log.Reset()
		a := c.Do("GET /api/fail/invalid", "", "Authorization", "x", "X-Request-Id", sent)
		var p rest.Problem
		a.Want(422, &p)
		id, line := a.Header.Get("X-Request-Id"), log.String()
		if len(id) != 36 || id == sent || p.RequestID != id || !strings.Contains(line, `"request_id":"`+id+`"`) || strings.Contains(line, `"client_request_id":"`+sent+`"`) != logged {
			t.Errorf("X-Request-Id %q: got %q, in the body %q, log %s", sent, id, p.RequestID, line)
		}
	}
}

func TestHandlerErrorsBecomeProblems(t *testing.T) {
	var log bytes.Buffer
	c := serve(t, newAPI(t, &log))
	for how, want := range map[string]int{
		"malformed": 400, "unauthenticated": 401, "forbidden": 403, "not-found": 404, "timeout": 408, "conflict": 409, "stale": 412, "too-large": 413,
		"unsupported-type": 415, "invalid": 422, "unavailable": 503, "error": 500, "panic": 500,
	} {
		log.Reset()
		a := c.Do("GET /api/fail/"+how, "", "Authorization", "x")
		a.WantProblem(want)
		line, id := log.String(), a.Header.Get("X-Request-Id")
		if logged := want >= 500; logged != strings.Contains(line, "secret") || strings.Contains(a.Text, "secret") || strings.Count(line, "\n") != 1 {
			t.Errorf("%s: the cause must be in the log, in one line, only for a 5xx: log %s, response %s", how, line, a.Text)
		}
		if !strings.Contains(line, id) || !strings.Contains(line, `"user":"u1"`) {
			t.Errorf("%s: log entry without request id or user: %s", how, line)
		}
		var p rest.Problem
		a.Want(want, &p)
		if page := c.Do("GET "+p.Type, "").Want(200, nil); !strings.Contains(page.Text, p.Title) {
			t.Errorf("page of %s = %s", p.Type, page.Text)
		}
	}
	a := c.Do("GET /api/fail/x", "")
	if a.WantProblem(401); a.Header.Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("guard: %v", a.Header)
	}
	if a := c.Do("GET /api/fail/unavailable", "", "Authorization", "x"); a.Header.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
}

func TestPortInUseErrorNamesVariable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = rest.Config{Host: "127.0.0.1"}.Listen(rest.Port(l.Addr().(*net.TCPAddr).Port), "PASSPORT_PORT")
	if err == nil || !strings.Contains(err.Error(), "PASSPORT_PORT") {
		t.Errorf("Listen on a port in use = %v", err)
	}
}

// TestClientDisconnectsInBody: an incomplete body gets 400.
func TestClientDisconnectsInBody(t *testing.T) {
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
	response, _ := io.ReadAll(c)
	<-done
	if !strings.HasPrefix(string(response), "HTTP/1.1 400 ") || !strings.Contains(log.String(), `"status":400`) {
		t.Errorf("response %s, log %s", response, log.String())
	}
}
