package notification_test

import (
	"testing"
	"time"

	"github.com/battery-passport/suite/notification-service/internal/notification"
)

// TestNoMailToAddressThatIsNotConfirmed: an account whose address is not confirmed has notifications in its
// list, but gets no mail until the address is confirmed.
func TestNoMailToAddressThatIsNotConfirmed(t *testing.T) {
	mail := &channel{name: notification.Mail}
	s := newService(t, mail)
	s.handle("user.registered", `{"userId":"ann","email":"ann@nlb.example","role":"user","emailVerified":false,"registeredAt":"2026-11-30T12:00:00Z"}`)
	s.handle("passport.created", `{"passportId":"p","createdBy":"ann"}`)
	s.deliver()
	if _, d := s.newest("ann", notification.Mail); d.State != notification.Failed || d.Reason != "the address of the recipient is not confirmed" || len(mail.sent) > 0 {
		t.Errorf("before the confirmation: %+v, %d mails", d, len(mail.sent))
	}
	s.now = s.now.Add(time.Second)
	s.handle("user.updated", `{"userId":"ann","email":"ann@nlb.example","role":"user","disabled":false,"emailVerified":true,"updatedAt":"2026-11-30T12:01:00Z"}`)
	s.handle("passport.created", `{"passportId":"q","createdBy":"ann"}`)
	s.deliver()
	if _, d := s.newest("ann", notification.Mail); d.State != notification.Sent || len(mail.sent) != 1 {
		t.Errorf("after the confirmation: %+v, %d mails", d, len(mail.sent))
	}
}
