package mail_test

import (
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/mail"
	"github.com/battery-passport/suite/pkg/mail/mailsink"
)

// TestErrorsDoNotNameTheRecipient: a mail server echoes the address of the recipient, and other
// forms of it. The error keeps the reason and the id of the mail.
func TestErrorsDoNotNameTheRecipient(t *testing.T) {
	for _, c := range []struct{ to, reply, want string }{
		{"ann@nlb.example", "user ann@nlb.example unknown", "user <recipient> unknown"},
		{"ann@nlb.example", "<Ann@NLB.example>: no mailbox", "<recipient>: no mailbox"},
		{"ann@nlb.example", "ann.b@int.nlb.example, ann@nlb.example. Try info@nlb.example", "<recipient>, <recipient>. Try <recipient>"},
		{`"ann b"@nlb.example`, `no "ann b"@nlb.example here`, "no <recipient> here"},
		{"ann+passports@nlb.example", "no ann@nlb.example", "no <recipient>"},
		{"ann@nlb.example", "sender noreply@nlb.example is blocked", "sender noreply@nlb.example is blocked"},
	} {
		t.Run(c.reply, func(t *testing.T) {
			s := sink(t, mailsink.Options{CheckRecipient: func(string) error { return mailsink.Refuse(550, c.reply) }})
			cfg := config(t, s.Addr, "none")
			cfg.FromEmail = "noreply@nlb.example"
			m := message()
			m.To = c.to
			err := mail.New(cfg).Send(t.Context(), m)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(strings.ToLower(err.Error()), "ann") || !strings.Contains(err.Error(), m.ID) {
				t.Errorf("Send = %v, want %s", err, c.want)
			}
		})
	}
}
