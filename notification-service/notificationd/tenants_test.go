package notificationd_test

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/mail/mailsink"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// member registers a user and assigns it to an organisation.
func (s *service) member(role auth.Role, organisation string) person {
	s.T.Helper()
	p := s.person(role)
	return s.move(p, role, organisation, 2)
}

// move assigns a person to an organisation with a version of the account, and returns it with
// a new token.
func (s *service) move(p person, role auth.Role, organisation string, version int) person {
	s.T.Helper()
	s.account("user.updated", p, version, "role", string(role), "organisation", organisation)
	p.token = s.issuer.Token(s.T, auth.Principal{UserID: p.id, Email: p.email, Role: role, Organisation: organisation})
	s.until(func() bool { // a personal event of the organisation arrives
		id := uuid.NewString()
		s.send("passport.updated", id, object("passportId", id, "organisation", organisation, "updatedBy", "probe"), header(id, now())...)
		return s.canSee(p, "passport.updated", id)
	}, func() string { return p.id + " is not in " + organisation })
	return p
}

func now() string { return time.Now().UTC().Format(time.RFC3339Nano) }

// canSee waits for the text file of an event, which is written just before the notifications are
// stored, and reports whether a person has the notification.
func (s *service) canSee(p person, eventType, passport string) bool {
	s.T.Helper()
	s.until(func() bool { return len(s.files(`"passportId": "`+passport)) > 0 }, func() string { return "no text file of " + passport })
	return slices.ContainsFunc(s.rows(p, "eventType="+eventType), func(r row) bool { return r.about("passportId") == passport })
}

// TestNotificationsBelongToTheOrganisation: the people of the owner organisation are notified of
// an event. People who leave get no more notifications, and cannot read or change the earlier
// ones. People who join later do not see earlier notifications.
func TestNotificationsBelongToTheOrganisation(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		org, elsewhere := "org-"+uuid.NewString()[:8], "org-"+uuid.NewString()[:8]
		admin, ann, bob, eve := s.person(auth.Admin), s.member(auth.Operator, org), s.member(auth.User, org), s.member(auth.Operator, elsewhere)
		event := func(eventType, actor, passport string) string {
			t.Helper()
			if passport == "" {
				passport = uuid.NewString()
			}
			id := uuid.NewString()
			key := map[string]string{"passport.created": "createdBy", "passport.updated": "updatedBy"}[eventType]
			s.send(eventType, passport, object("passportId", passport, "organisation", org, key, actor), header(id, now())...)
			return passport
		}
		want := func(eventType, passport string, p person, told bool) {
			t.Helper()
			s.about(admin, eventType, "passportId", passport, "") // the records of all recipients are stored together
			if s.canSee(p, eventType, passport) != told {
				t.Errorf("%s has a notification of %s: %v, want %v", p.email, eventType, !told, told)
			}
		}
		passport := event("passport.created", ann.id, "")
		for p, told := range map[person]bool{ann: true, bob: true, admin: true, eve: false} {
			want("passport.created", passport, p, told)
		}
		before := s.about(ann, "passport.created", "passportId", passport, "list sent, mail sent, file sent").ID
		s.about(bob, "passport.created", "passportId", passport, "list sent, mail sent")

		// Ann moves to another organisation, and Eve joins.
		old := ann
		ann, eve = s.move(ann, auth.Operator, elsewhere, 3), s.move(eve, auth.Operator, org, 3)
		want("passport.created", passport, ann, false)
		want("passport.created", passport, eve, false)
		for _, route := range []string{"GET /api/notifications/" + before, "PATCH /api/notifications/" + before + "/read", "DELETE /api/notifications/" + before} {
			s.Call(route, ann.token, nil).WantProblem(404)
		}
		event("passport.updated", bob.id, passport)
		s.about(bob, "passport.updated", "passportId", passport, "")
		want("passport.updated", passport, eve, true)
		want("passport.updated", passport, ann, false)
		want("passport.updated", passport, old, false) // not even with a token of the old organisation

		// An event of the time before Eve joined arrives late.
		late := uuid.NewString()
		s.send("passport.created", late, object("passportId", late, "organisation", org, "createdBy", bob.id), header(late)...)
		s.about(bob, "passport.created", "passportId", late, "")
		want("passport.created", late, eve, false)

		// Ann comes back: she can read her earlier notifications, and none of the time between.
		ann = s.move(ann, auth.Operator, org, 4)
		want("passport.created", passport, ann, true)
		want("passport.updated", passport, ann, false)
		s.Call("GET /api/notifications/"+before, ann.token, nil).Want(200, nil)

		// After losing the role, an admin cannot read the notifications for admins.
		demoted := s.issuer.Token(t, auth.Principal{UserID: admin.id, Role: auth.User})
		want("passport.created", passport, person{id: admin.id, email: admin.email, token: demoted}, false)
	})
}

// TestPendingMailIsNotSentAfterLeaving: a mail that is due when its recipient has left the
// organisation is not sent.
func TestPendingMailIsNotSentAfterLeaving(t *testing.T) {
	var accepting atomic.Bool
	var ahead atomic.Int64
	sink := mailServer(t, mailsink.Options{CheckRecipient: func(string) error {
		if !accepting.Load() {
			return mailsink.Refuse(451, "try later")
		}
		return nil
	}})
	cfg := settings(t, connect.Config{Dir: t.TempDir()}, sink)
	cfg.Kafka.Brokers = ownBroker(t)
	cfg.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	s := startWith(t, cfg, authtest.New(t))
	s.sink = sink
	org := "org-" + uuid.NewString()[:8]
	ann := s.member(auth.Operator, org)
	passport := uuid.NewString()
	s.send("passport.created", passport, object("passportId", passport, "organisation", org, "createdBy", ann.id), header(passport, now())...)
	r := s.about(ann, "passport.created", "passportId", passport, "list sent, mail pending, file sent")
	inside := ann
	s.until(func() bool {
		r = s.about(ann, "passport.created", "passportId", passport, "")
		return r.Channels[1].Attempts > 0
	}, func() string { return "no attempt" })
	s.move(ann, auth.Operator, "elsewhere", 3)
	s.stop()
	accepting.Store(true)
	ahead.Store(int64(2 * time.Minute))
	s = startWith(t, cfg, s.issuer)
	s.sink = sink
	r = s.about(inside, "passport.created", "passportId", passport, "list sent, mail failed, file sent")
	if r.Channels[1].Reason != "the recipient does not belong to the organisation" {
		t.Errorf("channels %+v", r.Channels)
	}
	for _, m := range s.mails(ann.email) {
		if strings.Contains(decoded(t, m), "New Battery Passport Created") {
			t.Errorf("mail %s", m.Content)
		}
	}
}

// TestFormerIDsAreOneOrganisation: accounts and passports with a former id of an organisation
// belong to it.
func TestFormerIDsAreOneOrganisation(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	former, org := "Nordlicht Batterie "+uuid.NewString(), "org-"+uuid.NewString()[:8]
	s.send("organisation.updated", org, object("organisationId", org, "name", "Nordlicht", "formerIds", `["`+former+`"]`), accountHeader(uuid.NewString(), 1)...)
	ann, bob := s.member(auth.Operator, org), s.member(auth.User, former)
	for _, owner := range []string{org, former} {
		passport := uuid.NewString()
		s.send("passport.created", passport, object("passportId", passport, "organisation", owner, "createdBy", ann.id), header(passport, now())...)
		s.canSee(ann, "passport.created", passport)
		for _, p := range []person{ann, bob} { // tokens name the organisation and its former ids
			p.token = s.issuer.Token(t, auth.Principal{UserID: p.id, Role: auth.User, Organisation: org, FormerOrganisations: []string{former}})
			s.about(p, "passport.created", "passportId", passport, "")
		}
	}
}
