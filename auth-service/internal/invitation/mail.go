package invitation

import (
	"context"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
)

// Mail is the kind of tasks that send the mail of an invitation. The data is a Request.
const Mail = "invitation.mail"

// Request is a request for the mail of an invitation.
type Request struct {
	Invitation string `json:"invitation"`
}

// MailContent is the content of the mail.
type MailContent struct {
	Invitation
	OrganisationName string
	Token            string
}

func (s *Service) send(ctx context.Context, r Record) error {
	_, err := s.Mails.Enqueue(ctx, task.Spec{ID: r.Request, Kind: Mail, Data: Request{r.ID}})
	return err
}

// PrepareMail returns the mail for a request, with a new token. A mail that is sent again has
// another token, and both are valid. It fails with fault.NotFound if the mail is not needed any
// more, and with fault.TooMany.
func (s *Service) PrepareMail(ctx context.Context, invitation, request string) (MailContent, error) {
	var l MailContent
	_, err := s.Invitations.Update(ctx, invitation, func(r *Record) (_ store.Change, err error) {
		now := s.now()
		if r.State != Pending || r.Request != request || !now.Before(r.ExpiresAt) {
			return store.Change{}, fault.New(fault.NotFound, "the invitation was accepted, revoked, resent or has expired")
		}
		l.Invitation = r.Invitation
		l.Token, err = r.Link.Issue(r.ID, request, now, r.ExpiresAt.Sub(now), mailsPerDay)
		return store.Change{}, err
	})
	if err == nil && l.Organisation != "" {
		o, failure := s.Organisations.Get(ctx, l.Organisation)
		l.OrganisationName, err = o.Name, failure
	}
	return l, err
}

// Tasks returns the background task that removes old invitations with their addresses.
func (s *Service) Tasks() []task.Kind {
	return []task.Kind{{Name: "invitation.removeOld", Every: time.Hour, Run: func(ctx context.Context, _ task.Task) error { return s.removeOld(ctx) }}}
}

// removeOld removes invitations whose link expired longer than retention ago.
func (s *Service) removeOld(ctx context.Context) error {
	limit := s.now().Add(-retention)
	q := store.Query{Scopes: []string{store.All}, Order: store.OldestFirst, Until: limit, Limit: store.MaxLimit}
	for row, err := range s.Invitations.All(ctx, q) {
		if err != nil {
			return err
		}
		if !row.Doc.ExpiresAt.Before(limit) {
			continue
		}
		if err := s.Audit.Ensure(ctx, row.Doc.LastEntry); err != nil {
			return err
		}
		if err := s.Invitations.Delete(ctx, row.ID, row.Version); err != nil && !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Stale) {
			return err
		}
	}
	return nil
}
