package notification

import (
	"context"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

const maxChanges = 20 // changes of mail settings in an audit entry

// MailChange is a change of mail settings.
type MailChange struct {
	At        time.Time    `json:"at" doc:"time of the request"`
	From      string       `json:"from,omitempty" doc:"IP address of the client"`
	RequestID string       `json:"requestId,omitempty" doc:"id of the request, as in the log"`
	ByLink    bool         `json:"byLink,omitzero" doc:"true if the change was made with the link in a mail, without a login"`
	Mail      MailSettings `json:"mail" doc:"mail settings after the change"`
}

// newMailEntry returns the audit entry of a change of mail settings by the caller, or by the link in a
// mail.
func (s *Service) newMailEntry(ctx context.Context, mail MailSettings, byLink bool) AuditEntry {
	e := newEntry(ctx, s.NewID(), MailSettingsChanged, s.now())
	e.ByLink, e.Mail, e.Count, e.LastAt = byLink, &mail, 1, e.At
	e.Changes = []MailChange{{e.At, e.From, e.RequestID, byLink, mail}}
	return e
}

// changeMail changes the mail settings of an account to those of an audit entry, and adds the
// entry to that of the same hour. So there is one entry for each account and hour, and nobody
// can fill the store. It fails with fault.Unavailable if the entry of an earlier hour is not in
// the audit yet, and with store.ErrNoChange if the settings are the same.
func (a *AccountProjection) changeMail(e AuditEntry) error {
	switch last := a.MailEntry; {
	case a.mailSettings() == *e.Mail:
		return store.ErrNoChange
	case last != nil && last.At.Truncate(time.Hour).Equal(e.At.Truncate(time.Hour)):
		last.From, last.RequestID, last.ByLink, last.Mail, last.LastAt = e.From, e.RequestID, e.ByLink, e.Mail, e.LastAt
		if last.Count++; len(last.Changes) < maxChanges {
			last.Changes = append(last.Changes, e.Changes...)
		}
	case a.Unrecorded:
		return fault.New(fault.Unavailable, "another request is changing the settings, try again")
	default:
		a.MailEntry = &e
	}
	a.Mail, a.Unrecorded = e.Mail, true
	return nil
}

// recordSettings copies the audit entry of an account to the audit, if it is not there yet. An
// entry with more changes stays.
func (s *Service) recordSettings(ctx context.Context, a AccountProjection) error {
	if !a.Unrecorded {
		return nil
	}
	e := *a.MailEntry
	_, err := s.Audit.Insert(ctx, e.ID, e)
	if fault.Is(err, fault.Conflict) {
		_, err = s.Audit.Update(ctx, e.ID, func(stored *AuditEntry) (store.Change, error) {
			if stored.Count >= e.Count {
				return store.Change{}, store.ErrNoChange
			}
			*stored = e
			return store.Change{}, nil
		})
	}
	if err != nil {
		return err
	}
	_, err = s.Accounts.Update(ctx, a.ID, func(a *AccountProjection) (store.Change, error) {
		if !a.Unrecorded || a.MailEntry.ID != e.ID || a.MailEntry.Count != e.Count {
			return store.Change{}, store.ErrNoChange
		}
		a.Unrecorded = false
		return store.Change{}, nil
	})
	return err
}

// resumeSettings records the changes of mail settings that are not in the audit yet, because the
// process was killed or the store failed.
func (s *Service) resumeSettings(ctx context.Context) error {
	for row, err := range s.Accounts.All(ctx, store.Query{Scopes: []string{unrecordedScope}, Limit: store.MaxLimit}) {
		if err == nil {
			err = s.recordSettings(ctx, row.Doc)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
