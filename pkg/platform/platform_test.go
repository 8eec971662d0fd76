package platform_test

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/battery-passport/suite/pkg/metrics"
	"github.com/battery-passport/suite/pkg/platform"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFailedOpenClosesThePorts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l, m := resttest.Listen(t), resttest.Listen(t)
	cfg := platform.Config{HTTP: rest.Config{Listener: l}, Metrics: metrics.Config{Listener: m}, Store: connect.Config{Dir: file}}
	if _, err := platform.Open(t.Context(), "test-service", cfg, slog.New(slog.DiscardHandler)); err == nil {
		t.Fatal("Open with a file as database directory = nil, want an error")
	}
	for _, l := range []net.Listener{l, m} {
		if conn, err := net.Dial("tcp", l.Addr().String()); err == nil {
			conn.Close()
			t.Errorf("%s is still open", l.Addr())
		}
	}
}

func TestServeRunsChecksAndBackgroundFunctions(t *testing.T) {
	ended := make(chan struct{})
	c, stop := resttest.Start(t, func(ctx context.Context, http rest.Config) error {
		p, err := platform.Open(ctx, "test-service", platform.Config{HTTP: http, Store: connect.Config{Dir: t.TempDir()}}, slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		defer p.Close()
		p.Check("optional", false, func(context.Context) error { return context.Canceled })
		p.Background(func(ctx context.Context) error {
			<-ctx.Done()
			close(ended)
			return nil
		})
		return p.Serve(ctx, rest.Document{Title: "Test Service"}, func(*rest.API) {})
	})
	var got rest.Readiness
	c.Do("GET /readyz", "").Want(200, &got)
	if len(got.Checks) != 2 || got.Checks[0].Name != "store" || !got.Checks[0].OK || got.Checks[1].Name != "optional" || got.Status != "degraded" {
		t.Errorf("readyz = %+v, want store ok and optional failed", got)
	}
	stop()
	<-ended
}
