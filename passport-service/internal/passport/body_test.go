package passport

import (
	"testing"
	"time"
)

func TestVersionsAreLaterThanTheOneBefore(t *testing.T) {
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for now, want := range map[time.Time]time.Time{at.Add(time.Second): at.Add(time.Second), at: at.Add(time.Millisecond), at.Add(-time.Hour): at.Add(time.Millisecond)} {
		if got := nextTime(now, at); got != want {
			t.Errorf("nextTime(%v) = %v, want %v", now, got, want)
		}
	}
}
