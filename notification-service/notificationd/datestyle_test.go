package notificationd_test

import (
	"strings"
	"testing"

	"github.com/battery-passport/suite/notification-service/internal/notification"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/mail/mailsink"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// TestDateStyle sends a notification with a time, in each style of dates. The mail, the text
// file and the list have the time in it.
func TestDateStyle(t *testing.T) {
	for style, layout := range map[notification.DateStyle]string{notification.ISO: "2006-01-02T15:04:05Z", notification.US: "1/2/2006, 3:04:05 PM"} {
		t.Run(string(style), func(t *testing.T) {
			sink := mailServer(t, mailsink.Options{})
			cfg := settings(t, connect.Config{Dir: t.TempDir()}, sink)
			cfg.Dates = style
			s := startWith(t, cfg, authtest.New(t))
			s.sink = sink
			admin := s.person(auth.Admin)
			s.Call(route, admin.token, object("type", "email", "eventType", "user.login", "recipient", admin.id)).Want(201, nil)
			r := s.about(admin, "user.login", "", "", "list sent, mail sent, file sent")
			at := r.CreatedAt.UTC().Format(layout)
			if want := "Login Time: " + at + "\n"; !strings.Contains(r.Message, want) {
				t.Errorf("the message does not contain %q: %s", want, r.Message)
			}
			if files := s.files("Notification Log - " + at + "\n"); len(files) == 0 {
				t.Errorf("no text file begins with the time %s", at)
			}
			for _, m := range s.mails(admin.email) {
				if text := decoded(t, m); strings.Contains(text, "Successful Login") && strings.Contains(text, "Login Time: "+at) {
					return
				}
			}
			t.Errorf("no mail contains the time %s", at)
		})
	}
}
