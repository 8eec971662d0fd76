// Package accountmail composes the mails about accounts. They contain no text that another
// person has chosen.
package accountmail

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/invitation"
	"github.com/battery-passport/suite/auth-service/internal/link"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/mail"
	"github.com/battery-passport/suite/pkg/task"
	"github.com/battery-passport/suite/pkg/wire"
)

// Mails composes mails. AppURL is the base of their links, without a slash at the end.
type Mails struct {
	Sender      *mail.Sender
	Accounts    *account.Service
	Invitations *invitation.Service
	AppURL      string
	Now         func() time.Time
}

// Tasks returns the kinds of tasks that send the mails.
func (m *Mails) Tasks() []task.Kind {
	return []task.Kind{
		m.invitation(),
		m.kind(account.ResetMail, account.ResetLifetime, m.Accounts.PrepareResetMail, func(l account.LinkMail) mail.Message {
			return mail.Message{
				Subject: "Choose a new password",
				Text:    "Somebody, probably you, asked for a new password for your account. Your current password stays valid until you choose another one.",
				Link:    m.link("Choose a new password", link.NewPasswordPage, l.Token),
				Note:    "The link works once and for 30 minutes. A new password ends all sessions of the account. If you did not ask for this, ignore this mail.",
			}
		}),
		m.kind(account.ConfirmationMail, account.ConfirmationLifetime, m.Accounts.PrepareConfirmationMail, func(l account.LinkMail) mail.Message {
			return mail.Message{
				Subject: "Confirm your email address",
				Text:    "Somebody, probably you, registered an account with this email address. Confirm the address with the password of the registration.",
				Link:    m.link("Confirm the address", link.ConfirmEmailPage, l.Token),
				Note:    "The link works once and for 24 hours. If you did not register, ignore this mail: you will get no other mail.",
			}
		}),
		m.kind(account.ExistingMail, account.ConfirmationLifetime, m.Accounts.PrepareExistingMail, func(account.LinkMail) mail.Message {
			return mail.Message{
				Subject: "You already have an account",
				Text:    "Somebody, probably you, tried to register an account with this email address. It has one already. Log in with your password or, if you have forgotten it, choose another one.",
				Link:    mail.Link{Text: "Forgot your password?", URL: m.AppURL + link.ForgotPasswordPage},
				Note:    "If you did not try to register, ignore this mail: your account has not changed.",
			}
		}),
	}
}

// kind returns a kind of tasks whose mail has a prepare for the request in the data of the task. A
// request that is older than maxAge fails: the person has to ask again.
func (m *Mails) kind(name string, maxAge time.Duration, prepare func(context.Context, account.MailRequest, string) (account.LinkMail, error), compose func(account.LinkMail) mail.Message) task.Kind {
	return mail.Kind(name, m.Sender, func(ctx context.Context, t task.Task) (mail.Message, error) {
		var request account.MailRequest
		if err := wire.Unmarshal(t.Data, &request); err != nil {
			return mail.Message{}, task.Permanent(err)
		}
		if m.Now().Sub(t.CreatedAt) > maxAge {
			return mail.Message{}, task.Permanent(errors.New("the mail could not be sent in time; the person has to ask again"))
		}
		l, err := prepare(ctx, request, t.ID)
		switch {
		case fault.Is(err, fault.NotFound), fault.Is(err, fault.TooMany): // no fault of the service
			return mail.Message{}, mail.ErrObsolete
		case err != nil:
			return mail.Message{}, err
		}
		msg := compose(l)
		msg.ID, msg.To, msg.At = t.ID, l.To, m.Now()
		return msg, nil
	})
}

func (m *Mails) link(text, path, token string) mail.Link {
	return mail.Link{Text: text, URL: m.AppURL + path + "?" + url.Values{"token": {token}}.Encode()}
}
