package kafka_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/trace"
)

// The trace goes from the context of a write through the store and the broker to the
// context of the handler.
func TestTraceReachesTheHandler(t *testing.T) {
	_, cfg := startBroker(t)
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	cells, counted := openStore(t), topic(storetest.Counted{}.Topic())
	request := trace.NewContext(t.Context(), "00-"+id+"-00f067aa0ba902b7-00")
	if _, err := cells.Insert(request, "a", storetest.Cell{}, event.New("/test", "a", time.Now(), storetest.Counted{})); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- kafka.NewForwarder(cfg, []string{string(counted)}, slog.New(slog.NewTextHandler(t.Output(), nil)), cells.Outbox()).Run(ctx)
	}()
	traces := make(chan [2]string, 1)
	stop := consume(t, cfg, counted, func(ctx context.Context, e event.Envelope) error {
		traces <- [2]string{e.Traceparent, trace.FromContext(ctx)}
		return nil
	})
	got := <-traces
	stop()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
	written := trace.FromContext(request)
	if got[0] != written || got[1][:36] != "00-"+id+"-" || got[1] == written || got[1][53:] != "00" {
		t.Errorf("the event has trace %q and the handler %q, want the trace of %q and a new span for the handler", got[0], got[1], written)
	}
}
