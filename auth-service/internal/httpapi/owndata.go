package httpapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
)

// passwordConfirmation is the body of requests that require the password again.
type passwordConfirmation struct {
	Password string `json:"password" maxLength:"1024" example:"correct horse battery" doc:"current password of the account"`
}

// profileExport contains all data that the service stores about an account.
type profileExport struct {
	Account    account.Account  `json:"account" doc:"the account"`
	Identity   account.Identity `json:"identity,omitzero" doc:"the person at the identity provider; absent if the account has never logged in there"`
	Sessions   []ownSession     `json:"sessions" doc:"sessions that continue, the latest login first"`
	Audit      []auditEntry     `json:"audit" doc:"audit entries about the account, newest first, at most 10,000; those of failed logins and of changes by others without client addresses"`
	NextCursor string           `json:"nextCursor,omitempty" doc:"cursor of older audit entries; absent on the last page"`
}

type exportInput struct {
	Cursor string `query:"cursor" maxLength:"1000" doc:"nextCursor of the previous export"`
}

type exportOutput struct {
	Disposition string `header:"Content-Disposition" doc:"file name for browsers"`
	Body        profileExport
}

func (a *API) registerOwnData(r *rest.API, user, admin rest.Policy) {
	rest.Handle(r, "GET /api/auth/profile/export", user, a.exportProfile, "exportProfile", "Export your data",
		rest.Description("Everything that the service stores about the account: the account, the person at the identity provider, its sessions and the audit entries about it. The notification-service has your notifications and settings."))
	rest.Handle(r, "POST /api/auth/profile/deletion", user, a.eraseProfile, "eraseProfile", "Erase your account", rest.Status(http.StatusNoContent), rest.Errors(http.StatusConflict),
		rest.Description("Requires the password or, for an account without one, an empty password in a session that began at the identity provider within the last 10 minutes (otherwise 409), in a POST, because many clients and proxies drop the body of a DELETE. Email address, password and sessions are removed, pending mails are not sent. The id remains in histories and in the audit. Passports and documents remain. The address can be registered again. The last admin cannot be erased."))
	rest.Handle(r, "DELETE /api/auth/users/{id}", admin, a.eraseAccount, "eraseAccount", "Erase an account", rest.Status(http.StatusNoContent), rest.Errors(http.StatusConflict),
		rest.Description("As eraseProfile, for the account of another person."))
}

func (a *API) exportProfile(ctx context.Context, in *exportInput) (*exportOutput, error) {
	e, err := a.Logins.Export(ctx, in.Cursor)
	if err != nil {
		return nil, err
	}
	out := &exportOutput{
		Disposition: `attachment; filename="account-` + e.Account.ID + `.json"`,
		Body:        profileExport{Account: e.Account, Identity: e.Identity, Sessions: ownSessions(ctx, e.Sessions), Audit: make([]auditEntry, len(e.Audit)), NextCursor: e.Next},
	}
	for i, entry := range e.Audit {
		out.Body.Audit[i] = auditEntry(entry)
	}
	return out, nil
}

func (a *API) eraseProfile(ctx context.Context, in *input[passwordConfirmation]) (*struct{}, error) {
	err := a.Logins.EraseOwn(withOrigin(ctx), in.Body.Password)
	annotateOwnFailure(ctx, err)
	return nil, err
}

func (a *API) eraseAccount(ctx context.Context, in *AccountID) (*struct{}, error) {
	return nil, a.Logins.Erase(withOrigin(ctx), in.ID)
}

// annotateOwnFailure adds the security event of a wrong current password, or of a wrong code, of the caller
// to the access log.
func annotateOwnFailure(ctx context.Context, err error) {
	if errors.Is(err, account.ErrWrongPassword) || errors.Is(err, account.ErrWrongCode) || fault.Is(err, fault.TooMany) {
		annotateFailure(ctx, auth.Caller(ctx).UserID, err)
	}
}
