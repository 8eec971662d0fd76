package notification

import "time"

// DateStyle is the style of times in texts for people.
type DateStyle string

// The styles. Times are in UTC.
const (
	ISO DateStyle = "iso" // ISO 8601 with zone: 2026-11-30T07:30:00Z
	US  DateStyle = "us"  // of the original service, without zone: 11/30/2026, 7:30:00 AM
)

// Format returns a time in the style. An empty style is ISO.
func (s DateStyle) Format(at time.Time) string {
	if s == US {
		return at.UTC().Format("1/2/2006, 3:04:05 PM")
	}
	return at.UTC().Format(time.RFC3339)
}
