package notification

import (
	"context"
	"strings"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Settings are the notification settings of an account.
type Settings struct {
	Mail MailSettings `json:"mail" doc:"which events are sent to you by mail; all events are in the list of notifications"`
}

// MailSettings selects the events for which an account gets mail.
type MailSettings struct {
	Passport bool `json:"passport" doc:"events of passports; true by default"`
	Document bool `json:"document" doc:"events of documents; false by default"`
	Account  bool `json:"account" doc:"events of accounts, such as the registration; true by default"`
}

var defaultMail = MailSettings{Passport: true, Account: true}

// mailed reports whether the account gets a mail for an event type.
func (a AccountProjection) mailed(eventType string) bool {
	m := a.mailSettings()
	if a.Deleted {
		m = MailSettings{}
	}
	switch noun, _, _ := strings.Cut(eventType, "."); noun {
	case "passport":
		return m.Passport
	case "document":
		return m.Document
	case "user":
		return m.Account
	}
	return false
}

func (a AccountProjection) mailSettings() MailSettings {
	if a.Mail == nil {
		return defaultMail
	}
	return *a.Mail
}

// Settings returns the settings of the caller.
func (s *Service) Settings(ctx context.Context) (Settings, error) {
	a, err := s.account(ctx, auth.Caller(ctx).UserID)
	return Settings{Mail: a.mailSettings()}, err
}

// ChangeSettings replaces the settings of the caller, and records a change in the audit. The
// account stores the audit entry together with the settings, so that they agree. The settings
// also apply to mails that are not sent yet.
func (s *Service) ChangeSettings(ctx context.Context, settings Settings) error {
	return s.changeMailSettings(ctx, settings.Mail, false)
}

// changeMailSettings replaces the mail settings of the caller. ByLink says whether the caller has used
// the link in a mail, without a login.
func (s *Service) changeMailSettings(ctx context.Context, mail MailSettings, byLink bool) error {
	id := auth.Caller(ctx).UserID
	a, err := s.account(ctx, id)
	if err == nil {
		err = s.recordSettings(ctx, a) // of an earlier request that failed
	}
	if err != nil || a.mailSettings() == mail {
		return err
	}
	e := s.newMailEntry(ctx, mail, byLink)
	_, err = s.Accounts.Insert(ctx, id, AccountProjection{ID: id, KnownSince: e.At}) // if no event about it has arrived
	if err != nil && !fault.Is(err, fault.Conflict) {
		return err
	}
	row, err := s.Accounts.Update(ctx, id, func(a *AccountProjection) (store.Change, error) {
		return store.Change{}, a.changeMail(e)
	})
	if err != nil {
		return err
	}
	return s.recordSettings(ctx, row.Doc)
}
