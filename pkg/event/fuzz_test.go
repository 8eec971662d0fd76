package event_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/pkg/event"
)

// FuzzRead reads messages with any headers, each on a line. Whatever they say,
// the event that is read is the same when it has been sent on and read again.
func FuzzRead(f *testing.F) {
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
		read := event.Parse(topic, key, at, given, data)
		if read.Key != key || string(read.Data) != string(data) {
			t.Errorf("read %+v", read)
		}
		read.Time = read.Time.UTC().Truncate(time.Millisecond) // as it is written
		if read.Time.Year() < 0 || read.Time.Year() > 9999 {
			return // RFC 3339 has no such time, and who consumes it refuses it
		}
		again := event.Parse(topic, key, at, read.Headers(), read.Data)
		if diff := cmp.Diff(read, again); diff != "" {
			t.Errorf("sent on (-read +read again)\n%s", diff)
		}
	})
}
