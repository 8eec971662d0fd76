package rest_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
)

// TestEachPatience has a server that waits long for all but one thing.
func TestEachPatience(t *testing.T) {
	const soon, long = 300 * time.Millisecond, time.Minute
	for name, v := range map[string]struct {
		patience rest.Patience
		send     string
		cut      func(*testing.T, net.Conn)
	}{
		"a head":             {rest.Patience{Header: soon, Body: long, Answer: long, Take: long, Idle: long, Stall: long}, "GET /livez HTTP/1.1\r\nX-A: ", waitForEnd},
		"the next request":   {rest.Patience{Header: long, Body: long, Answer: long, Take: long, Idle: soon, Stall: long}, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", waitForEnd},
		"a body":             {rest.Patience{Header: long, Body: soon, Answer: long, Take: long, Idle: long, Stall: long}, "POST /api/things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n", waitForEnd},
		"an answer to leave": {rest.Patience{Header: long, Body: long, Answer: soon, Take: long, Idle: long, Stall: long}, "GET /api/large HTTP/1.1\r\nHost: x\r\n\r\n", waitForCut},
		"a piece of it":      {rest.Patience{Header: long, Body: long, Answer: long, Take: soon, Idle: long, Stall: long}, "GET /api/large HTTP/1.1\r\nHost: x\r\n\r\n", waitForCut},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := resttest.Start(t, func(ctx context.Context, cfg rest.Config) error {
				cfg.Patience = v.patience
				a := rest.New(rest.Options{Title: "Test Service", Log: slog.New(slog.NewJSONHandler(t.Output(), nil)), HTTP: cfg})
				rest.Handle(a, "POST /api/things", rest.Open, func(context.Context, *thingInput) (*output, error) { return &output{}, nil }, "Make a thing", rest.JSONBody(0))
				rest.Handle(a, "GET /api/large", rest.Open, func(context.Context, *struct{}) (*struct{ Body string }, error) {
					return &struct{ Body string }{strings.Repeat("x", 16<<20)}, nil
				}, "Read much")
				return rest.Serve(ctx, cfg.Listener, a, cfg.Drain)
			})
			v.cut(t, dial(t, c, v.send))
		})
	}
}

// waitForEnd reads until a connection is closed.
func waitForEnd(t *testing.T, conn net.Conn) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(8 * time.Second))
	if answer, err := io.ReadAll(conn); err != nil {
		t.Errorf("it is not cut: %q, %v", answer, err)
	}
}
