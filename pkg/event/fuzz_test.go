package event_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/pkg/event"
)

// FuzzParse parses messages with arbitrary headers, given one per line. An event
// must not change when it is written to headers and parsed again.
func FuzzParse(f *testing.F) {
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	e := event.New("/passport-service", "0193-p", at, event.PassportDeleted{PassportID: "0193-p"})
	var lines []string
	for _, h := range e.Headers() {
		lines = append(lines, h.Key+"="+h.Value)
	}
	f.Add("passport.deleted", "0193-p", strings.Join(lines, "\n"), []byte(e.Data))
	f.Add("a", "", "ce_sequence=-9223372036854775809\nce_time=0000-01-01T00:00:00Z", []byte("null"))
	f.Add("a", "\x00", "ce_sequence=1e3\nce_time=2026-11-22T09:00:00.0009+25:00\nce_id=\nce_id=x", []byte("\xff"))
	f.Add("a", "b", "ce_time=9999-12-31T23:59:59.9999-23:59\nce_type=\u202e\nCE_ID=x\n=", []byte(""))
	f.Fuzz(func(t *testing.T, topic, key, headers string, data []byte) {
		var given []event.Header
		for line := range strings.SplitSeq(headers, "\n") {
			name, value, _ := strings.Cut(line, "=")
			given = append(given, event.Header{Key: name, Value: value})
		}
		parsed := event.Parse(topic, key, at, given, data)
		if parsed.Key != key || string(parsed.Data) != string(data) {
			t.Errorf("got %+v, want key %q and data %q", parsed, key, data)
		}
		parsed.Time = parsed.Time.UTC().Truncate(time.Millisecond) // the precision of ce_time
		if parsed.Time.Year() < 0 || parsed.Time.Year() > 9999 {
			return // RFC 3339 cannot represent it
		}
		copied := event.Parse(topic, key, at, parsed.Headers(), parsed.Data)
		if diff := cmp.Diff(parsed, copied); diff != "" {
			t.Errorf("event changed (-first +second)\n%s", diff)
		}
	})
}
