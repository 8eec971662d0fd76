package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/session"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/rest"
)

// ownSession is a session as its account sees it.
type ownSession struct {
	ID         string    `json:"id" example:"q0Jf3bJ6T8mVq2m1oXwYvA" doc:"id of the session; gives no access"`
	CreatedAt  time.Time `json:"createdAt" doc:"time of the login"`
	LastUsedAt time.Time `json:"lastUsedAt" doc:"time of the login or of the latest refresh; access tokens may be used for up to JWT_EXPIRES_IN after it"`
	ExpiresAt  time.Time `json:"expiresAt" doc:"time at which the session ends if nothing ends it earlier"`
	Address    string    `json:"address,omitempty" example:"198.51.100.7" doc:"IP address of the client at the login or the latest refresh; absent for sessions of earlier releases"`
	UserAgent  string    `json:"userAgent,omitempty" example:"Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0" doc:"User-Agent header of the login, which the client chose; absent if it sent none"`
	Provider   string    `json:"provider,omitempty" example:"https://login.example/realms/nordlicht" doc:"issuer of the identity provider at which the person logged in; absent for other logins"`
	Current    bool      `json:"current" doc:"whether the access token of this request belongs to the session"`
}

// SessionID is the path parameter of the operation on one session.
type SessionID struct {
	ID string `path:"id" maxLength:"100" doc:"id of the session"`
}

func (a *API) registerSessions(r *rest.API, login, user rest.Policy) {
	rest.Handle(r, "POST /api/auth/logout", login, a.logout, "logOut", "Log out", rest.Status(http.StatusNoContent), rest.Errors(http.StatusUnauthorized, http.StatusTooManyRequests),
		rest.Description("Ends a session. All services refuse its access tokens within 5 seconds."))
	rest.Handle(r, "GET /api/auth/sessions", user, a.listSessions, "listSessions", "List your sessions",
		rest.Description("All sessions of the account that continue, the latest login first; at most 100."))
	rest.Handle(r, "DELETE /api/auth/sessions/{id}", user, a.endSession, "endSession", "End one of your sessions", rest.Status(http.StatusNoContent),
		rest.Description("All services refuse the access tokens of the session within 5 seconds."))
}

func (a *API) listSessions(ctx context.Context, _ *struct{}) (*output[rest.List[ownSession]], error) {
	sessions, err := a.Logins.OwnSessions(ctx)
	return &output[rest.List[ownSession]]{rest.List[ownSession]{Items: ownSessions(ctx, sessions)}}, err
}

func ownSessions(ctx context.Context, records []session.Record) []ownSession {
	current := auth.Caller(ctx).Session
	out := make([]ownSession, 0, len(records))
	for _, r := range records {
		out = append(out, ownSession{
			ID: r.ID, CreatedAt: r.CreatedAt, LastUsedAt: r.RotatedAt, ExpiresAt: r.ExpiresAt,
			Address: r.Client.Address, UserAgent: r.Client.UserAgent, Provider: r.Client.Provider, Current: r.ID == current,
		})
	}
	return out
}

func (a *API) endSession(ctx context.Context, in *SessionID) (*struct{}, error) {
	return nil, a.Logins.EndOwnSession(withOrigin(ctx), in.ID)
}
