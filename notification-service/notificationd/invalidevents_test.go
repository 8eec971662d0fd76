package notificationd_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/event/kafka"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/waittest"
)

// TestInvalidEventsBecomeDeadLetters sends events that can never be handled. Each becomes a
// dead letter with a reason, and the next event is handled.
func TestInvalidEventsBecomeDeadLetters(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	owner := s.person(auth.User)
	huge := strings.Repeat("x", 900_000)
	headers := header(uuid.NewString())
	for name, c := range map[string]struct {
		topic, payload, reason string
		headers                []string
	}{
		"invalid JSON":              {"passport.created", `{"passportId":`, "the body is not valid JSON", headers},
		"empty":                     {"passport.created", ``, "the body is empty", headers},
		"two values":                {"passport.created", `{"passportId":"p"}{}`, "more than one JSON value", headers},
		"duplicate member":          {"passport.created", `{"passportId":"p","passportId":"q"}`, "/passportId line 1, column 19: the member must not be repeated", headers},
		"invalid UTF-8":             {"passport.created", "{\"passportId\":\"\xff\"}", "not valid JSON", headers},
		"an array":                  {"passport.created", `[]`, "must be a JSON object", headers},
		"null":                      {"passport.created", `null`, "must be a JSON object", headers},
		"nested too deeply":         {"passport.created", `{"passportId":"p","x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, "nested deeper", headers},
		"no passportId":             {"passport.created", `{}`, "/passportId is missing", headers},
		"no docId":                  {"document.uploaded", `{"fileName":"x"}`, "/docId is missing", headers},
		"no userId":                 {"user.registered", `{"email":"x@nlb.example"}`, "/userId is missing", headers},
		"type with HTML":            {"passport.published", `{"passportId":"p"}`, "type must be words", append(header("7"), "ce_type", "passport.<b>\r\nBcc: eve@evil.example")},
		"no headers, no passportId": {"passport.deleted", `{}`, "/passportId is missing", nil},
		"id is a number":            {"passport.updated", `{"passportId":7,"updatedBy":["x"]}`, "/passportId must be a string", headers},
		"id with a NUL":             {"passport.updated", `{"passportId":"p","updatedBy":"x\u0000status\u0000unread"}`, "/updatedBy must be a string", headers},
		"id too long":               {"passport.updated", `{"passportId":"` + huge[:201] + `"}`, "/passportId must be a string", headers},
		"payload too large":         {"passport.created", `{"passportId":"p","modelName":"` + huge + `"}`, "the payload must not be larger than 65536 bytes, got 900033", headers},
		"address with CRLF":         {"user.registered", `{"userId":"{key}","role":"user","email":"x@nlb.example\r\nBcc: eve@evil.example"}`, "/email must be an email address", accountHeader("x", 2)},
		"two addresses":             {"user.updated", `{"userId":"{key}","role":"user","email":"x@nlb.example, y@nlb.example"}`, "/email must be an email address", accountHeader("x", 2)},
		"year 1":                    {"passport.created", `{"passportId":"p"}`, "time must be in the years", header("x", "0001-01-01T00:00:00Z")},
	} {
		t.Run(name, func(t *testing.T) {
			key := uuid.NewString()
			c.payload = strings.ReplaceAll(c.payload, "{key}", key)
			s.send(c.topic, key, c.payload, c.headers...)
			if letter := deadLetter(t, s, c.topic, key, c.reason); string(letter.Value) != c.payload {
				t.Errorf("%d of %d bytes", len(letter.Value), len(c.payload))
			}
			passport := uuid.NewString()
			s.send("passport.created", key, object("passportId", passport, "createdBy", owner.id))
			s.about(owner, "passport.created", "passportId", passport, "")
		})
	}
}

// deadLetter waits for the dead letter of a key whose reason contains a text, and returns it. Other services on the
// same broker may write dead letters with reasons of their own.
func deadLetter(t *testing.T, s *service, topic, key, reason string) *kgo.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waittest.Limit)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.cfg.Kafka.Brokers...), kgo.ConsumeTopics(kafka.DeadLetterTopic(topic)))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for others := []string(nil); ; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("no dead letter on %s with the reason %q, but %q: %v", topic, reason, others, err)
		}
		for _, r := range fetches.Records() {
			if string(r.Key) != key {
				continue
			}
			i := slices.IndexFunc(r.Headers, func(h kgo.RecordHeader) bool { return h.Key == kafka.ReasonHeader })
			got := string(r.Headers[i].Value)
			if strings.Contains(got, reason) {
				return r
			}
			others = append(others, got)
		}
	}
}

// TestForeignEvents sends valid events that the suite itself would not write. Each results in
// a notification, and hostile values are harmless.
func TestForeignEvents(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	admin, owner := s.person(auth.Admin), s.person(auth.User)
	run := uuid.NewString() // a shared broker may have the events of an earlier run
	const attack = `"<script>alert(1)</script>\r\nBcc: eve@evil.example\r\nStatus: sent\u0000"`
	const flat = `"<script>alert(1)</script> Bcc: eve@evil.example Status: sent"`
	for name, c := range map[string]struct {
		topic, message string
		members        []string
		headers        []string
	}{
		"no headers":         {"passport.created", "Battery Identifier: \"N1\"\nModel: N/A\nManufacturer: N/A", []string{"batteryIdentifier", "N1"}, nil},
		"unknown keys":       {"passport.created", "Manufacturer: N/A", []string{"a.b", "1", "$set", `{"x.y":[1e300]}`, "", `"empty"`}, header("1" + run)},
		"keys in other case": {"passport.created", "Battery Identifier: N/A\nModel: N/A\nManufacturer: N/A", []string{"BatteryIdentifier", "N1"}, header("2" + run)},
		"unexpected types":   {"passport.created", "Battery Identifier: \"7\"\nModel: \"{}\"\nManufacturer: \"true\"", []string{"batteryIdentifier", "7", "modelName", "{}", "manufacturerName", "true", "createdAt", "yesterday"}, header("3" + run)},
		"HTML and CRLF":      {"passport.created", "Battery Identifier: " + flat + "\nModel: " + flat + "\nManufacturer: " + flat, []string{"batteryIdentifier", attack, "modelName", attack, "manufacturerName", attack}, header("4" + run)},
		"invalid time":       {"passport.created", "Manufacturer: N/A", nil, header("5"+run, "yesterday")},
		"hostile id":         {"passport.created", "Manufacturer: N/A", nil, header("../../etc/passwd\x00\r\n" + run)},
		"unknown type":       {"passport.updated", "You have a new notification from the system.", nil, append(header("6"+run), "ce_type", "passport.upgraded")},
	} {
		t.Run(name, func(t *testing.T) {
			passport := uuid.NewString()
			payload := object(append([]string{"passportId", passport, "createdBy", owner.id}, c.members...)...)
			s.send(c.topic, passport, payload, c.headers...)
			r := s.about(owner, "", "passportId", passport, "list sent, mail sent, file sent")
			if !strings.HasSuffix(r.Message, c.message) {
				t.Errorf("message %q, want %q", r.Message, c.message)
			}
			s.about(admin, "", "passportId", passport, "list sent, mail sent")
			if files := s.files(`"passportId": "` + passport); len(files) != 1 || strings.Contains(files[0], "\nBcc") || strings.Count(files[0], "\nStatus: ") != 1 {
				t.Errorf("files %q", files)
			}
		})
	}
	for _, m := range s.sink.Mails() {
		head, _, _ := strings.Cut(m.Content, "\r\n\r\n")
		_, page, _ := strings.Cut(m.Content, "text/html")
		if len(m.To) != 1 || strings.Contains(head, "\nBcc") || strings.Contains(page, "<script>") {
			t.Errorf("mail to %v: %s", m.To, m.Content)
		}
	}
}

// TestEventsOutOfOrder: a deletion arrives before the event that names the owner of the
// document, and is repeated after it. Each event results in one notification per user.
func TestEventsOutOfOrder(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	owner, admin := s.person(auth.User), s.person(auth.Admin)
	doc := uuid.NewString()
	s.send("document.deleted", doc, object("docId", doc, "fileName", "a.pdf", "deletedBy", admin.id), header("d"+doc)...)
	s.about(admin, "document.deleted", "docId", doc, "list sent, file sent")
	s.send("document.uploaded", doc, object("docId", doc, "fileName", "a.pdf", "uploadedBy", owner.id), header("u"+doc)...)
	s.about(owner, "document.uploaded", "docId", doc, "list sent, file sent")
	s.send("document.deleted", doc, object("docId", doc, "fileName", "a.pdf", "deletedBy", admin.id), header("d"+doc)...) // repeated
	s.about(owner, "document.deleted", "docId", doc, "list sent, file sent")
	for _, p := range []person{owner, admin} {
		if rows := s.rows(p, "eventType=document.deleted"); len(rows) != 1 {
			t.Errorf("%d notifications about the deletion, want 1", len(rows))
		}
	}
	if files := s.files(`"docId": "` + doc); len(files) != 2 {
		t.Errorf("%d files, want one for the upload and one for the deletion", len(files))
	}
}

// TestWithoutBroker: without a broker, the service starts, responds, reports the failed check,
// and stops.
func TestWithoutBroker(t *testing.T) {
	cfg := settings(t, connect.Config{Dir: t.TempDir()}, nil)
	cfg.Kafka.Brokers = []string{resttest.UnusedAddress(t)}
	s := startWith(t, cfg, authtest.New(t))
	var ready struct {
		Status string
		Checks []struct {
			Name      string
			OK, Vital bool
		}
	}
	s.Call("GET /readyz", "", nil).Want(200, &ready)
	for _, c := range ready.Checks {
		if c.OK == (c.Name == "kafka") || c.Vital != (c.Name == "store" || c.Name == "keys") {
			t.Errorf("check %+v", c)
		}
	}
	if ready.Status != "degraded" || len(ready.Checks) != 5 {
		t.Errorf("readiness %+v", ready)
	}
	s.Call("GET /api/notifications", s.issuer.Token(t, auth.Principal{UserID: "x", Role: auth.User}), nil).Want(200, nil)
	s.stop()
}
