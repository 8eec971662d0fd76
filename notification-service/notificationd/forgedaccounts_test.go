package notificationd_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/mail/mailsink"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// TestForgedAccountEvents writes user events that the auth-service would not write. Each becomes
// a dead letter, and moves neither role nor address.
func TestForgedAccountEvents(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	headers := func(version int, changes ...string) []string {
		return append(accountHeader(uuid.NewString(), version), changes...) // the last header counts
	}
	at := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339) }
	for name, c := range map[string]struct {
		topic, reason string
		headers       []string
	}{
		"known version":               {"user.updated", "version 4 of account", headers(4)},
		"earlier version":             {"user.updated", "does not follow version 4", headers(3)},
		"first version":               {"user.updated", "does not follow version 4", headers(1)},
		"second registration":         {"user.registered", "is already registered", headers(1)},
		"registration with a version": {"user.registered", "must have the version 1, got 5", headers(5)},
		"distant version":             {"user.updated", "is too far from version 4", headers(1 << 62)},
		"future":                      {"user.updated", "must not be in the future", headers(5, "ce_time", at(time.Hour))},
		"past":                        {"user.updated", "is older than version 4", headers(5, "ce_time", at(-time.Hour))},
		"no version":                  {"user.updated", "must be a version of at least 1", headers(5, "ce_sequence", "")},
		"no source":                   {"user.updated", "ce_source must be /auth-service", headers(5, "ce_source", "")},
		"source of another service":   {"user.updated", "ce_source must be /auth-service", headers(5, "ce_source", "/passport-service")},
		"topic of passports":          {"passport.created", "not allowed on the topic passport.created", headers(5, "ce_type", "user.updated")},
		"topic of registrations":      {"user.registered", "not allowed on the topic user.registered", headers(5, "ce_type", "user.updated")},
		"passport on the topic":       {"user.updated", "not allowed on the topic user.updated", headers(5, "ce_type", "passport.created")},
		"deletion on another topic":   {"passport.deleted", "not allowed on the topic passport.deleted", headers(5, "ce_type", "user.deleted")},
		"no role":                     {"user.updated", "/role is missing", headers(5)},
		"no address":                  {"user.updated", "/email must be an email address", headers(5)},
		"key of another account":      {"user.updated", "the key must be userId", headers(5)},
	} {
		t.Run(name, func(t *testing.T) {
			victim := s.person(auth.User)
			s.account("user.updated", victim, 4, "role", "user")
			members := []string{"userId", victim.id, "passportId", victim.id, "docId", victim.id, "email", "eve@evil.example", "role", "admin"}
			key := victim.id
			switch name {
			case "no role":
				members = members[:8]
			case "no address":
				members[7] = ""
			case "key of another account":
				key = uuid.NewString()
			}
			s.send(c.topic, key, object(members...), c.headers...)
			deadLetter(t, s, c.topic, key, c.reason)
			// Mail still goes to the address of the victim, whose role is unchanged.
			passport := uuid.NewString()
			s.send("passport.created", passport, object("passportId", passport, "createdBy", victim.id))
			s.about(victim, "passport.created", "passportId", passport, "list sent, mail sent, file sent")
			foreign := uuid.NewString()
			s.send("passport.created", foreign, object("passportId", foreign, "createdBy", "somebody"))
			s.until(func() bool { return len(s.files(foreign)) == 1 }, func() string { return "no file" })
			asAdmin := victim
			asAdmin.token = s.issuer.Token(t, auth.Principal{UserID: victim.id, Role: auth.Admin})
			for _, r := range s.rows(asAdmin, "eventType=passport.created") {
				if r.about("passportId") == foreign {
					t.Error("the victim has become an admin")
				}
			}
		})
	}
	if mails := s.mails("eve@evil.example"); len(mails) != 0 {
		t.Errorf("mails to the attacker: %+v", mails)
	}
}

var deadLetterCounts = regexp.MustCompile(`events_handled_total{outcome="dead_letter",topic="[^"]+"} [1-9]`)

// TestPlausibleAccountEvents: repeated events, and events that other topics have overtaken, are
// accepted.
func TestPlausibleAccountEvents(t *testing.T) {
	cfg := settings(t, connect.Config{Dir: t.TempDir()}, mailServer(t, mailsink.Options{}))
	cfg.Kafka.Brokers, cfg.Metrics.Listener = ownBroker(t), resttest.Listen(t)
	s := startWith(t, cfg, authtest.New(t))
	id := uuid.NewString()
	p := person{id: id, email: id + "@nlb.example", token: s.issuer.Token(t, auth.Principal{UserID: id, Role: auth.Admin})}
	updated, registered := accountHeader("u"+id, 3), accountHeader("r"+id, 1)
	user, admin := object("userId", id, "email", p.email, "role", "user"), object("userId", id, "email", p.email, "role", "admin")
	isAdmin := func() bool {
		passport := uuid.NewString()
		s.send("passport.created", passport, object("passportId", passport, "createdBy", "somebody"))
		return s.canSee(p, "passport.created", passport)
	}
	s.send("user.updated", id, admin, updated...)
	s.until(isAdmin, func() string { return "not an admin" })
	for range 2 {
		s.send("user.registered", id, user, registered...) // late, and repeated
		s.send("user.updated", id, admin, updated...)
	}
	s.about(p, "user.registered", "userId", id, "list sent, mail sent, file sent")
	s.send("user.updated", id, user, accountHeader(uuid.NewString(), 7)...)
	s.until(func() bool { return !isAdmin() }, func() string { return "still an admin" })
	deadLetters := func() int {
		t.Helper()
		metrics := resttest.Client{T: t, URL: "http://" + cfg.Metrics.Listener.Addr().String()}
		return len(deadLetterCounts.FindAllString(metrics.Do("GET /metrics", "").Text, -1))
	}
	if n := deadLetters(); n != 0 {
		t.Errorf("%d topics with a dead letter, want none", n)
	}
	s.send("user.updated", id, user, accountHeader(uuid.NewString(), 7)...)
	s.until(func() bool { return deadLetters() == 1 }, func() string { return "the metrics do not count the dead letter" })
}

// TestDeletedAccountIsForgotten: a deleted account gets no more mail, and no event brings it
// back. An update before the deletion, which another topic delivers late, is ignored.
func TestDeletedAccountIsForgotten(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	ann := s.person(auth.User)
	s.Call("PUT /api/notifications/settings", ann.token, `{"mail":{"passport":true,"document":true,"account":true}}`).Want(200, nil)
	s.account("user.deleted", ann, 3)
	s.account("user.updated", ann, 2, "role", "user")
	s.account("user.updated", ann, 4, "role", "admin")
	if letter := deadLetter(t, s, "user.updated", ann.id, "was deleted"); !strings.Contains(string(letter.Value), "admin") {
		t.Errorf("the first dead letter is %s, want the update after the deletion", letter.Value)
	}
	passport := uuid.NewString()
	s.send("passport.created", passport, object("passportId", passport, "createdBy", ann.id))
	s.about(ann, "passport.created", "passportId", passport, "list sent, file sent")
	if files := s.files(passport); len(files) != 1 || strings.Contains(files[0], ann.email) {
		t.Errorf("files %q", files)
	}
	if text := s.Call("GET /api/notifications/settings", ann.token, nil).Text; !strings.Contains(text, `"document":false`) {
		t.Errorf("settings after the deletion = %s, want the default", text)
	}
}
