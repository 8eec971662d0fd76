package notificationd_test

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/battery-passport/suite/pkg/waittest"
)

// row is a notification in a response.
type row struct {
	ID, Type, EventType, Title, Message, Priority, Status string
	Channels                                              []struct {
		Channel, Status, Reason string
		Attempts                int
		Digest                  bool
		NextTry, SentAt         time.Time
	}
	Metadata          map[string]any
	CreatedAt, ReadAt time.Time
}

func (r row) about(key string) string { id, _ := r.Metadata[key].(string); return id }

// channels returns the states of all channels, such as "list sent, mail pending".
func (r row) channels() string {
	var all []string
	for _, c := range r.Channels {
		all = append(all, c.Channel+" "+c.Status)
	}
	return strings.Join(all, ", ")
}

type page struct {
	Items      []row
	NextCursor string
}

// rows returns all notifications of a person that match a query.
func (s *service) rows(p person, query string) []row {
	s.T.Helper()
	var all []row
	for cursor := ""; ; {
		var got page
		s.Call("GET /api/notifications?limit=200&"+query+cursor, p.token, nil).Want(200, &got)
		all = append(all, got.Items...)
		if got.NextCursor == "" {
			return all
		}
		cursor = "&cursor=" + got.NextCursor
	}
}

// await waits until done returns true for the notifications of a person.
func (s *service) await(p person, query string, done func([]row) bool) []row {
	s.T.Helper()
	var rows []row
	s.until(func() bool { rows = s.rows(p, query); return done(rows) }, func() string { return fmt.Sprintf("%+v", rows) })
	return rows
}

// about waits for a notification whose metadata has the id as key, with the given states of
// its channels, and returns it.
func (s *service) about(p person, eventType, key, id, channels string) row {
	s.T.Helper()
	var found row
	query := ""
	if eventType != "" {
		query = "eventType=" + eventType
	}
	s.await(p, query, func(rows []row) bool {
		for _, r := range rows {
			if r.about(key) == id {
				found = r
				return channels == "" || r.channels() == channels
			}
		}
		return false
	})
	return found
}

// until waits until done returns true. If it never does, the test fails with the last state.
func (s *service) until(done func() bool, lastState func() string) {
	s.T.Helper()
	waittest.Success(s.T, "last state", func() error {
		if done() {
			return nil
		}
		return errors.New(lastState())
	})
}
