package notificationd_test

import (
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

// TestMailFloodBecomesOneDigest floods an account with events, on two instances. It gets as
// many mails as allowed and then, an hour after the last, one digest, also if all instances
// were restarted. In no hour are there more mails.
func TestMailFloodBecomesOneDigest(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		const limit, flood = 5, 40
		var ahead atomic.Int64
		sink := mailServer(t, mailsink.Options{})
		cfg := settings(t, db, sink)
		cfg.Kafka.Brokers, cfg.Mail.PerHour = ownBroker(t), limit
		cfg.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		issuer := authtest.New(t)
		s, second := startWith(t, cfg, issuer), startWith(t, cfg, issuer)
		s.sink = sink
		owner := s.person(auth.Operator) // one mail
		create := func(n int) {
			for range n {
				id := uuid.NewString()
				s.send("passport.created", id, object("passportId", id, "createdBy", owner.id, "modelName", "NLB 82"), header(id)...)
			}
		}
		// settled waits until n notifications have been mailed, and all others wait for a digest.
		settled := func(total, mailed int) {
			t.Helper()
			s.await(owner, "", func(rows []row) bool {
				sent, waiting := 0, 0
				for _, r := range rows {
					for _, c := range r.Channels {
						if c.Channel == "mail" && c.Status == "sent" {
							sent++
						} else if c.Channel == "mail" && c.Digest {
							waiting++
						}
					}
				}
				return len(rows) == total && sent == mailed && waiting == total-mailed
			})
		}
		create(flood)
		settled(flood+1, limit)
		if got := len(s.mails(owner.email)); got != limit {
			t.Errorf("%d mails, want %d", got, limit)
		}

		s.stop()
		second.stop()
		ahead.Store(int64(time.Hour))
		s = startWith(t, cfg, issuer)
		s.sink = sink
		settled(flood+1, flood+1)
		mails := s.mails(owner.email)
		if len(mails) != limit+1 {
			t.Fatalf("%d mails, want one more than %d", len(mails), limit)
		}
		digest := decoded(t, mails[limit])
		for _, want := range []string{"Subject: 36 new notifications", "Mail to your mailbox is limited to 5 per hour", "36 × New Battery Passport Created"} {
			if !strings.Contains(digest, want) {
				t.Errorf("the digest does not contain %q:\n%s", want, digest)
			}
		}
		if strings.Contains(digest, "NLB 82") {
			t.Errorf("the digest contains values of events:\n%s", digest)
		}

		// The digest counts as a mail.
		create(flood)
		settled(2*flood+1, flood+1+limit-1)
		if got := len(s.mails(owner.email)); got != limit+1+limit-1 {
			t.Errorf("%d mails, want %d", got, 2*limit)
		}
	})
}

// TestSettingsTurnMailOff changes which events are mailed. Events of documents are not mailed
// by default, and the mails that admins write always are.
func TestSettingsTurnMailOff(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	admin, ann := s.person(auth.Admin), s.person(auth.Operator)
	const path = "/api/notifications/settings"
	type settings struct{ Mail map[string]bool }
	want := func(passport, document, account bool) {
		t.Helper()
		var got settings
		s.Call("GET "+path, ann.token, nil).Want(200, &got)
		if len(got.Mail) != 3 || got.Mail["passport"] != passport || got.Mail["document"] != document || got.Mail["account"] != account {
			t.Errorf("settings %+v, want %v %v %v", got, passport, document, account)
		}
	}
	uploaded := func(channels string) {
		t.Helper()
		id := uuid.NewString()
		s.send("document.uploaded", id, object("docId", id, "fileName", "a.pdf", "uploadedBy", ann.id), header(id)...)
		s.about(ann, "document.uploaded", "docId", id, channels)
	}
	created := func(channels string) {
		t.Helper()
		id := uuid.NewString()
		s.send("passport.created", id, object("passportId", id, "createdBy", ann.id), header(id)...)
		s.about(ann, "passport.created", "passportId", id, channels)
	}
	want(true, false, true)
	uploaded("list sent, file sent")
	created("list sent, mail sent, file sent")

	s.Call("PUT "+path, ann.token, `{"mail":{"passport":false,"document":true,"account":false}}`).Want(200, nil)
	want(false, true, false)
	uploaded("list sent, mail sent, file sent")
	created("list sent, file sent")
	s.account("user.updated", ann, 2, "role", "operator") // does not reset the settings
	created("list sent, file sent")
	uploaded("list sent, mail sent, file sent")
	var r row
	s.Call(route, admin.token, object("type", "email", "eventType", "passport.created", "title", "t", "message", "m", "recipient", ann.id)).Want(201, &r)
	s.about(ann, "passport.created", "", "", "list sent, mail sent, file sent")

	s.Call("PUT "+path, ann.token, `{"mail":{"passport":false}}`).WantProblem(422, "/mail/document required", "/mail/account required")
	s.Call("PUT "+path, ann.token, `{"mail":{"passport":1,"document":true,"account":true}}`).WantProblem(422, "/mail/passport type")
	s.Do("PUT "+path, `{}`).WantProblem(401, "header:Authorization missing")
	other := s.person(auth.User)
	var got settings
	if s.Call("GET "+path, other.token, nil).Want(200, &got); !got.Mail["passport"] {
		t.Errorf("settings of another account: %+v", got)
	}
}
