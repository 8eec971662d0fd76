package accountmail

import (
	"context"
	"errors"

	"github.com/battery-passport/suite/auth-service/internal/invitation"
	"github.com/battery-passport/suite/auth-service/internal/link"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/mail"
	"github.com/battery-passport/suite/pkg/task"
	"github.com/battery-passport/suite/pkg/wire"
)

// invitation returns the kind of tasks that send the mails of invitations. The only text in
// them that people have chosen is the name of the organisation, which an admin sets.
func (m *Mails) invitation() task.Kind {
	return mail.Kind(invitation.Mail, m.Sender, func(ctx context.Context, t task.Task) (mail.Message, error) {
		var request invitation.Request
		if err := wire.Unmarshal(t.Data, &request); err != nil {
			return mail.Message{}, task.Permanent(err)
		}
		l, err := m.Invitations.PrepareMail(ctx, request.Invitation, t.ID)
		switch {
		case fault.Is(err, fault.NotFound):
			return mail.Message{}, mail.ErrObsolete
		case fault.Is(err, fault.TooMany):
			return mail.Message{}, task.Permanent(errors.New("the invitation was sent too often; resend it tomorrow"))
		case err != nil:
			return mail.Message{}, err
		}
		msg := m.invitationMessage(l)
		msg.ID, msg.To, msg.At = t.ID, l.Email, m.Now()
		return msg, nil
	})
}

func (m *Mails) invitationMessage(l invitation.MailContent) mail.Message {
	text := "You are invited to the Battery Passport System."
	if l.OrganisationName != "" {
		text = "You are invited to join the organisation " + l.OrganisationName + " in the Battery Passport System."
	}
	return mail.Message{
		Subject: "Invitation to the Battery Passport System",
		Text:    text + " Open the link below and choose a password for your account. If you have an account with this address, enter its password: it stays.",
		Link:    m.link("Accept the invitation", link.InvitationPage, l.Token),
		Note:    "The link works once and until " + l.ExpiresAt.UTC().Format("2 January 2006, 15:04 UTC") + ". If you did not expect this invitation, ignore this mail: nothing happens then.",
	}
}
