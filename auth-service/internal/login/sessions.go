package login

import (
	"context"
	"strings"

	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/auth-service/internal/session"
	"github.com/battery-passport/suite/pkg/readable"
)

// maxUserAgent limits the stored description of a client, in characters.
const maxUserAgent = 200

// clientOf describes the client of a request for the list of sessions. The User-Agent is the
// choice of the client, so only characters with a visible form remain.
func clientOf(ctx context.Context) session.Client {
	o := audit.OriginOf(ctx)
	visible := []rune(strings.Map(func(r rune) rune {
		if readable.Invisible(string(r)) >= 0 {
			return -1
		}
		return r
	}, strings.ToValidUTF8(o.UserAgent, "")))
	return session.Client{Address: o.Address, UserAgent: string(visible[:min(len(visible), maxUserAgent)]), Provider: o.Provider}
}

// OwnSessions returns the sessions of the caller that continue, the latest login first. It
// fails with fault.Unauthenticated as account.Service.CallerAccount does.
func (s *Service) OwnSessions(ctx context.Context) ([]session.Record, error) {
	r, err := s.Accounts.CallerRecord(ctx)
	if err != nil {
		return nil, err
	}
	return s.Sessions.Active(ctx, r.ID, r.Epoch)
}

// EndOwnSession ends a session of the caller, as LogOut does. It fails with fault.NotFound if
// the caller has no such session, and with fault.Unauthenticated.
func (s *Service) EndOwnSession(ctx context.Context, id string) error {
	r, err := s.Accounts.CallerRecord(ctx)
	if err != nil {
		return err
	}
	if err := s.Sessions.EndActive(ctx, id, r.ID, r.Epoch); err != nil {
		return err
	}
	s.Audit.CountNow(ctx, audit.LoggedOut, r.ID)
	return nil
}
