package authd_test

import (
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// TestStrangerCannotBlockResets: a stranger requests resets of the account of Ann as often as
// possible. The link that Ann got before stays valid, and a mail is sent again after an hour.
func TestStrangerCannotBlockResets(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		m := withMail(t, db)
		m.register("root@nlb.example", "admin")
		m.register("ann@nlb.example", "")
		m.requestReset("ann@nlb.example")
		_, own := m.link("ann@nlb.example", 1)
		last := own
		for n := 2; n <= 5; n++ {
			m.advance(5 * time.Minute)
			m.requestReset("ann@nlb.example")
			_, last = m.link("ann@nlb.example", n)
		}
		m.advance(5 * time.Minute)
		m.requestReset("ann@nlb.example") // above the limit
		m.requestReset("root@nlb.example")
		m.link("root@nlb.example", 1) // after the mail to Ann, if there was one
		if n := len(m.mailsTo("ann@nlb.example")); n != 5 {
			t.Errorf("%d mails to Ann, want 5", n)
		}
		m.confirmReset(own, "battery staple").Want(204, nil)
		m.confirmReset(last, "stolen battery").WantProblem(422, "/token invalid")
		for n := 6; n <= 8; n++ {
			m.advance(time.Hour)
			m.requestReset("ann@nlb.example")
			_, last = m.link("ann@nlb.example", n)
		}
		m.confirmReset(last, "another battery").Want(204, nil)
		if strings.Contains(m.log.String(), "task failed") {
			t.Error("a request above the limit is logged as a failure of the service")
		}
	})
}

// TestEndOfLoginsEndsResetLinks: whatever ends the sessions of an account ends its reset links
// too, also if the account is enabled again.
func TestEndOfLoginsEndsResetLinks(t *testing.T) {
	m := withMail(t, connect.Config{Dir: t.TempDir()})
	root := m.register("root@nlb.example", "admin")
	for name, end := range map[string]func(g grant){
		"password": func(g grant) {
			m.Call("PUT /api/auth/password", g.Token, `{"currentPassword":"correct horse","newPassword":"battery staple"}`).Want(204, nil)
		},
		"logout": func(g grant) { m.logout(`{"refreshToken":"`+g.RefreshToken+`","everywhere":true}`).Want(204, nil) },
		"disabled": func(g grant) {
			for _, body := range []string{`{"disabled":true}`, `{"disabled":false}`} {
				m.Call("PATCH /api/auth/users/"+g.User.ID, root.Token, body).Want(200, nil)
			}
		},
	} {
		email := name + "@nlb.example"
		g := m.register(email, "")
		m.requestReset(email)
		_, token := m.link(email, 1)
		end(g)
		m.confirmReset(token, "stolen battery").WantProblem(422, "/token invalid")
		m.advance(5 * time.Minute)
		m.requestReset(email)
		_, token = m.link(email, 2)
		m.confirmReset(token, "another battery").Want(204, nil)
	}
}

// TestPromotionEndsResetLinks: a stranger registered the address of the operator, who becomes
// an admin at a restart. Links that were sent before cannot take the account over.
func TestPromotionEndsResetLinks(t *testing.T) {
	db := connect.Config{Dir: t.TempDir()}
	m := withMail(t, db)
	m.register("root@nlb.example", "")
	m.requestReset("root@nlb.example")
	_, token := m.link("root@nlb.example", 1)
	m.stop()
	m.service = start(t, db, adminEmail("root@nlb.example"))
	m.eventuallyLogin("root@nlb.example", "operator's own")
	m.confirmReset(token, "stolen battery").WantProblem(422, "/token invalid")
}
