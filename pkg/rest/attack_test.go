package rest_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/wire"
)

// group takes the part of a user id before the dot as the organisation.
func group(ctx context.Context) string {
	user, _ := ctx.Value(userKey{}).(string)
	organisation, _, found := strings.Cut(user, ".")
	if !found {
		return rest.SelfRegistered
	}
	return organisation
}

// attackedService starts a service with all kinds of routes and few slots.
func attackedService(t *testing.T) resttest.Client {
	t.Helper()
	c, _ := resttest.Start(t, func(ctx context.Context, cfg rest.Config) error {
		cfg.MaxRequests, cfg.MaxUploads = 16, 8
		a := rest.New(rest.Options{Document: rest.Document{Title: "Test Service"}, Log: slog.New(slog.DiscardHandler), HTTP: cfg, Group: group,
			User: func(ctx context.Context) string { s, _ := ctx.Value(userKey{}).(string); return s }})
		user, upload := rest.SignedIn(users), rest.SignedIn(users)
		upload.Concurrency = rest.UploadSlots
		large := func(context.Context, *struct{}) (*struct{ Body string }, error) {
			return &struct{ Body string }{strings.Repeat("x", 8<<20)}, nil
		}
		rest.Handle(a, "GET /api/public", rest.Public, large, "readPublic", "Read")
		rest.Handle(a, "GET /api/list", user, large, "list", "List")
		rest.Handle(a, "GET /api/file", user, func(context.Context, *struct{}) (*rest.Download, error) {
			return rest.Content{Name: "x", Type: "text/plain", Size: 8 << 20, ETag: "x", Open: func(context.Context, int64, int64) (io.ReadCloser, error) {
				return io.NopCloser(io.LimitReader(zeroes{}, 8<<20)), nil
			}}.Download(), nil
		}, "download", "Download")
		rest.Handle(a, "POST /api/login", rest.Open, func(context.Context, *thingInput) (*output, error) { return &output{}, nil }, "logIn", "Log in")
		rest.Handle(a, "POST /api/things", user, func(context.Context, *thingInput) (*output, error) { return &output{}, nil }, "create", "Create")
		rest.Handle(a, "POST /api/lines", user, func(ctx context.Context, in *linesInput) (*rest.Stream, error) {
			return in.Lines.Process(ctx, 1<<20, func(_ context.Context, v wire.Value) (length, error) { return length{len(v)}, nil })
		}, "check", "Check")
		rest.Handle(a, "POST /api/files", upload, func(_ context.Context, in *slowInput) (*output, error) { return &output{}, readAll(in) }, "upload", "Upload")
		return rest.Serve(ctx, smallBuffers{cfg.Listener}, a, cfg.Drain)
	})
	return c
}

func readAll(in *slowInput) error {
	parts, err := in.Form.Parts(16 << 20)
	for err == nil {
		var p *rest.Part
		if p, err = parts.Next(); err == io.EOF {
			return nil
		}
		if err == nil {
			_, err = io.Copy(io.Discard, p)
		}
	}
	return err
}

const (
	formHead = "--b\r\nContent-Disposition: form-data; name=file\r\n\r\n"
	formEnd  = "\r\n--b--\r\n"
)

// attacks are requests that a client sends or receives slowly.
var attacks = map[string]struct{ request, headers string }{
	"public read":    {"GET /api/public", ""},
	"signed-in read": {"GET /api/list", ""},
	"download":       {"GET /api/file", ""},
	"login":          {"POST /api/login", "Content-Type: application/json\r\nContent-Length: 60000\r\n"},
	"write":          {"POST /api/things", "Content-Type: application/json\r\nContent-Length: 60000\r\n"},
	"lines":          {"POST /api/lines", "Content-Type: application/x-ndjson\r\nContent-Length: 10000000\r\n"},
	"upload":         {"POST /api/files", "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 10000000\r\n"},
}

// slowRequest returns an attack by a user.
func slowRequest(user, request, headers string) resttest.SlowRequest {
	head := request + " HTTP/1.1\r\nHost: x\r\nAuthorization: " + user + "\r\n" + headers + "\r\n"
	if strings.Contains(headers, "multipart") {
		head += formHead
	}
	return resttest.SlowRequest{Head: head, HasBody: headers != ""}
}

// TestSlowClientsTakeNoSlots: four self-registered accounts send and receive at 68 kB/s on
// all kinds of routes, with twice as many requests as there are slots. Guests, members of
// an organisation and another self-registered account on the same network still get all
// their responses within a minute. On a busy machine a client can look as slow as the attackers and
// lose its slot, so it may have to repeat a request.
func TestSlowClientsTakeNoSlots(t *testing.T) {
	c := attackedService(t)
	var wg sync.WaitGroup
	for _, a := range attacks {
		for i := range 32 {
			wg.Go(func() { slowRequest(fmt.Sprintf("mallory%d", i%4), a.request, a.headers).Repeat(t.Context(), c) })
		}
	}
	t.Cleanup(wg.Wait)
	time.Sleep(3 * time.Second) // the attack is established
	form := formHead + strings.Repeat("x", 4<<20) + formEnd
	for _, user := range []string{"", "acme.ann", "eve"} {
		for name, v := range map[string]struct{ route, body, contentType string }{
			"public read": {"GET /api/public", "", ""}, "login": {"POST /api/login", `{"name":"abc"}`, "application/json"},
			"signed-in read": {"GET /api/list", "", ""}, "download": {"GET /api/file", "", ""}, "write": {"POST /api/things", `{"name":"abc"}`, "application/json"},
			"lines": {"POST /api/lines", strings.Repeat("[1]\n", 10000), "application/x-ndjson"}, "upload": {"POST /api/files", form, "multipart/form-data; boundary=b"},
		} {
			if guest := name == "public read" || name == "login"; guest != (user == "") {
				continue
			}
			for range 3 {
				if a := c.Persist(time.Minute, v.route, v.body, "Authorization", user, "Content-Type", v.contentType); a.Status != 200 {
					t.Errorf("%s as %q = %d %s", name, user, a.Status, a.Text)
				}
			}
		}
	}
}

// TestFloodOf503IsOneWarning: anyone can cause 503 responses, so only one in ten seconds is
// logged at WARN, with their number, and none at ERROR.
func TestFloodOf503IsOneWarning(t *testing.T) {
	var log syncBuffer
	c := serve(t, newAPI(t, &log))
	for range 50 {
		c.Do("GET /api/fail/unavailable", "", "Authorization", "x").WantProblem(503)
	}
	c.Do("GET /api/fail/quota-exceeded", "", "Authorization", "x").WantProblem(507)
	for level, want := range map[string]int{"ERROR": 0, "WARN": 1, "INFO": 50} {
		if n := strings.Count(log.String(), `"level":"`+level+`"`); n != want {
			t.Errorf("%d entries at %s, want %d", n, level, want)
		}
	}
	if !strings.Contains(log.String(), `"unavailable":1`) {
		t.Errorf("the warning does not say how many: %s", log.String())
	}
}

// TestForwardedForSelectsNoSecondLimit: a client that is not a trusted proxy sends
// X-Forwarded-For to get a second limit. Only the health checks have one, so that the clients
// of a proxy cannot stop its own checks.
func TestForwardedForSelectsNoSecondLimit(t *testing.T) {
	c, _ := newLimitedAPI(t, rest.Config{RateLimit: 3, PublicRateLimit: 3})
	for _, route := range []string{"GET /api/open", "GET /open/to/all", "GET /api/own", "GET /api/limited"} {
		for n := 0; c.Do(route, "").Status != 429; n++ {
			if n > 3 {
				t.Fatalf("%s has no limit", route)
			}
		}
		for _, header := range []string{"X-Forwarded-For", "Forwarded"} {
			c.Do(route, "", header, "198.51.100.1").WantProblem(429)
		}
	}
	for n := 0; c.Do("GET /livez", "", "X-Forwarded-For", "198.51.100.1").Status != 429; n++ {
		if n > 20_000 { // the limit grows while the test runs
			t.Fatal("/livez has no limit")
		}
	}
	c.Do("GET /livez", "").Want(200, nil)
}
