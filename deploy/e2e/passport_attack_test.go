package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/battery-passport/suite/deploy/events/tail"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/waittest"
)

// maxEvent is the size that every event stays below, with its key and headers.
const maxEvent = 16 << 10

// TestLargestPassportsMakeSmallEvents stores the longest texts and identifiers, changes
// every field at once, publishes and deletes, and reads the events from the broker.
func TestLargestPassportsMakeSmallEvents(t *testing.T) {
	onSuites(t, func(s *suite) {
		t := s.t
		s.register("admin@large.example", "admin")
		organisation := strings.Repeat("o", 40)
		s.organisation(s.login("admin@large.example"), organisation)
		admin := s.login("admin@large.example")
		s.auth.Call("PATCH /api/auth/users/"+admin.User.ID, admin.Token, object{"organisation": organisation}).Want(200, nil)
		admin = s.login("admin@large.example")

		var keys []string
		for _, text := range []string{strings.Repeat("x", 10_000), strings.Repeat("🔋", 10_000), strings.Repeat("\x01", 10_000), strings.Repeat(`"`, 10_000), strings.Repeat("\u2028", 10_000)} {
			data := battery(t, "ev-nmc-complete.json")
			general := data["generalInformation"].(object)
			general["batteryModel"].(object)["modelName"] = text
			general["manufacturerInformation"].(object)["manufacturerName"] = text
			general["batteryIdentifier"] = "https://nlb.example/" + text[:9_900]
			var p passport
			s.passport.Call("POST /api/passports", admin.Token, object{"data": data}).Want(201, &p)
			path := "/api/passports/" + p.ID
			removal := object{}
			for section := range data {
				if section != "generalInformation" {
					removal[section] = nil
				}
			}
			s.passport.Call("PATCH "+path, admin.Token, object{"data": removal}).Want(200, nil)
			s.passport.Call("DELETE "+path, admin.Token, nil).Want(204, nil)
			keys = append(keys, p.ID)
		}
		keys = append(keys, s.publishLargest(admin))

		sizes := map[string]int{}
		for _, m := range s.messages(5*3+4, keys) {
			size := len(m.Key) + len(m.Data)
			for _, h := range m.Headers() {
				size += len(h.Key) + len(h.Value)
			}
			if size >= maxEvent || !json.Valid(m.Data) {
				t.Errorf("%s %s has %d bytes, want less than %d: %.300s", m.Type, m.Key, size, maxEvent, m.Data)
			}
			sizes[m.Type] = max(sizes[m.Type], size)
		}
		t.Logf("largest events: %v", sizes)
	})
}

// publishLargest publishes a passport with the longest identifier, and changes it.
func (s *suite) publishLargest(admin session) (id string) {
	s.t.Helper()
	data := battery(s.t, "ev-nmc-complete.json")
	general := data["generalInformation"].(object)
	identifier := "https://nlb.example/"
	identifier += strings.Repeat("a", 2_953-len(identifier))
	general["batteryIdentifier"] = identifier
	var p passport
	s.passport.Call("POST /api/passports", admin.Token, object{"data": data}).Want(201, &p)
	path := "/api/passports/" + p.ID
	general["batteryIdentifier"] = identifier + "a"
	s.passport.Call("PUT "+path, admin.Token, object{"data": data}).Want(200, nil)
	s.passport.Call("POST "+path+"/publish", admin.Token, nil).WantProblem(422, "/data/generalInformation/batteryIdentifier format")
	general["batteryIdentifier"] = identifier
	s.passport.Call("PUT "+path, admin.Token, object{"data": data}).Want(200, nil)
	s.passport.Call("POST "+path+"/publish", admin.Token, nil).Want(200, &p)
	return p.ID
}

// messages waits for n messages of the keys on the passport topics.
func (s *suite) messages(n int, keys []string) (messages []tail.Message) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), waittest.Limit)
	defer cancel()
	seen, errFound := map[string]bool{}, errors.New("all messages found")
	err := tail.Follow(ctx, s.brokers, event.PassportTopics(), func(m tail.Message) error {
		if slices.Contains(keys, m.Key) && !seen[m.ID] {
			seen[m.ID] = true
			messages = append(messages, m)
		}
		if len(seen) == n {
			return errFound
		}
		return nil
	})
	if !errors.Is(err, errFound) {
		s.t.Fatalf("got %d of %d messages: %v", len(seen), n, err)
	}
	return messages
}
