package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/battery-passport/suite/deploy/events/tail"
	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/waittest"
)

// TestTraceReachesLogEventAndMail checks that the trace of a caller appears in the access
// log, the event and the log line of the mail, and that a request without a valid trace
// gets a new one.
func TestTraceReachesLogEventAndMail(t *testing.T) {
	cfg, all := config(t), &logs{}
	cfg.Log = func(service string) *slog.Logger {
		return boot.NewLogger(io.MultiWriter(all, t.Output()), service, boot.LogConfig{})
	}
	s := start(t, cfg)
	admin := s.register("ann@x.example", "admin")
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	created := map[string]string{} // expected trace by passport id; empty: a new trace
	for name, c := range map[string]struct{ traceparent, want string }{
		"readme-sample.json": {"00-" + id + "-00f067aa0ba902b7-01", id},
		"lmt-ebike.json":     {"00-" + id + "-0000000000000000-01", ""},
	} {
		var p passport
		s.passport.Call("POST /api/passports", admin.Token, sample(t, name), "Traceparent", c.traceparent).Want(201, &p)
		created[p.ID] = c.want
	}
	var traces []string // of the events
	ctx, cancel := context.WithTimeout(t.Context(), waittest.Limit)
	defer cancel()
	errFound := errors.New("all events found")
	err := tail.Follow(ctx, s.brokers, event.PassportTopics(), func(e tail.Message) error {
		want, ok := created[e.Key]
		if !ok {
			return nil
		}
		if len(e.Traceparent) != 55 || (e.Traceparent[3:35] == id) != (want == id) {
			t.Fatalf("event %s has the trace %q", e.ID, e.Traceparent)
		}
		traces = append(traces, e.Traceparent[3:35])
		if delete(created, e.Key); len(created) == 0 {
			return errFound
		}
		return nil
	})
	if !errors.Is(err, errFound) {
		t.Errorf("Follow = %v", err)
	}
	for _, trace := range traces { // a request is logged after its response was sent
		waittest.Until(s.t, "the access log has the trace "+trace, func() bool { return requests(all.String(), trace) > 0 })
	}
	waittest.Until(s.t, "the log line of the mail has the trace of the request", func() bool { return delivered(all.String(), id) > 0 })
}

// requests returns the number of lines of the access log with a trace id.
func requests(log, id string) (n int) {
	for line := range strings.Lines(log) {
		var l struct {
			Msg   string
			Trace string `json:"trace_id"`
		}
		if json.Unmarshal([]byte(line), &l) == nil && l.Msg == "request" && l.Trace == id {
			n++
		}
	}
	return n
}

// delivered returns the number of mails that the notification-service logged with a trace id.
func delivered(log, id string) (n int) {
	for line := range strings.Lines(log) {
		var l struct {
			Msg, Service, Channel, EventType string
			Trace                            string `json:"trace_id"`
		}
		if json.Unmarshal([]byte(line), &l) == nil && l.Msg == "notification delivered" && l.Channel == "mail" && l.EventType == "passport.created" && l.Trace == id {
			n++
		}
	}
	return n
}
