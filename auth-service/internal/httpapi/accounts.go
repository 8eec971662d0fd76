package httpapi

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
)

type passwordChange struct {
	CurrentPassword string `json:"currentPassword" maxLength:"1024" example:"correct battery horse" doc:"current password of the account"`
	NewPassword     string `json:"newPassword" minLength:"8" maxLength:"1024" example:"paper pencil battery" doc:"new password that is not one of the 3,000 most common"`
}

type listInput struct {
	rest.Paging
	Email        string    `query:"email" doc:"only the account with this email address"`
	Role         auth.Role `query:"role" enum:"admin,operator,user,legitimate_interest,authority" doc:"only accounts with this role, see Account"`
	Organisation string    `query:"organisation" doc:"only accounts of the organisation with this id, including those stored under one of its former ids; a former id finds only the accounts stored under it"`
}

// accountChange is the body of updateAccount, a JSON Merge Patch (RFC 7396).
type accountChange struct {
	account.Change
	nulls []fault.Detail // members that cannot be removed
}

// UnmarshalJSON implements json.Unmarshaler. A null removes the member: the account leaves its
// organisation.
func (c *accountChange) UnmarshalJSON(data []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if string(members[name]) == "null" && name != "organisation" {
			c.nulls = append(c.nulls, fault.Detail{Path: "/" + name, Code: "type", Message: "must not be null; omit it to keep the value"})
		}
	}
	if err := json.Unmarshal(data, &c.Change); err != nil {
		return err
	}
	if string(members["organisation"]) == "null" {
		c.Organisation = new(string)
	}
	return nil
}

// AccountID is the path parameter of the operations on one account.
type AccountID struct {
	ID string `path:"id" id:"true" doc:"id of the account"`
}

type changeInput struct {
	AccountID
	rest.Precondition
	Body accountChange
}

func (a *API) profile(ctx context.Context, _ *struct{}) (*output[account.Account], error) {
	if caller := auth.Caller(ctx); caller.Client {
		return a.clientProfile(ctx)
	}
	acc, err := a.Accounts.CallerAccount(ctx)
	return &output[account.Account]{acc}, err
}

func (a *API) changePassword(ctx context.Context, in *input[passwordChange]) (*struct{}, error) {
	err := a.Logins.ChangePassword(withOrigin(ctx), in.Body.CurrentPassword, in.Body.NewPassword)
	annotateOwnFailure(ctx, err)
	return nil, err
}

func (a *API) list(ctx context.Context, in *listInput) (*output[rest.List[account.Account]], error) {
	by, err := a.Accounts.Administrator(ctx)
	if err != nil {
		return nil, err
	}
	page, err := a.Accounts.List(ctx, by, account.Filter{Email: in.Email, Role: in.Role, Organisation: in.Organisation}, in.Cursor, in.Limit)
	return listOf(page, func(r account.Record) account.Account { return r.Account }), err
}

func (a *API) get(ctx context.Context, in *AccountID) (*versioned[account.Account], error) {
	by, err := a.Accounts.Administrator(ctx)
	if err != nil {
		return nil, err
	}
	r, err := a.Accounts.Get(ctx, by, in.ID)
	return newVersioned(r.Account, r.LastEntry), err
}

func (a *API) change(ctx context.Context, in *changeInput) (*versioned[account.Account], error) {
	versions, err := in.Versions()
	if err != nil {
		return nil, err
	}
	if in.Body.nulls != nil {
		return nil, fault.New(fault.Invalid, "the change of the account is not valid").With(in.Body.nulls...)
	}
	by, err := a.Accounts.Administrator(ctx)
	if err != nil {
		return nil, err
	}
	r, err := a.Accounts.Change(withOrigin(ctx), by, in.ID, in.Body.Change, versions...)
	return newVersioned(r.Account, r.LastEntry), err
}

// withOrigin returns a context that carries the origin of the request, for the audit.
func withOrigin(ctx context.Context) context.Context {
	return audit.WithOrigin(ctx, audit.Origin{Address: rest.Address(ctx).String(), RequestID: rest.RequestID(ctx), Client: rest.Address(ctx), UserAgent: rest.UserAgent(ctx)})
}

type auditInput struct {
	rest.Paging
	Account      string       `query:"account" id:"true" doc:"only entries about the account with this id"`
	By           string       `query:"by" id:"true" doc:"only changes made by the account with this id"`
	Organisation string       `query:"organisation" doc:"only entries about the organisation with this id"`
	Client       string       `query:"client" id:"true" doc:"only entries about the API client with this id"`
	Action       audit.Action `query:"action" enum:"registered,changed,passwordChanged,passwordReset,emailConfirmed,totpEnrolled,totpEnabled,totpDisabled,totpReset,recoveryCodesReplaced,recoveryCodeUsed,sessionsEnded,identityLinked,refreshTokenReused,accountDeleted,organisationCreated,organisationChanged,organisationDeleted,signingKeyRotated,clientCreated,clientChanged,clientDeleted,clientSecretAdded,clientSecretRemoved,clientAuthenticated,clientFailed,invitationCreated,invitationResent,invitationRevoked,invitationAccepted,passwordResetRequested,loggedIn,loggedOut,loginFailed,codeFailed,loginThrottled" doc:"only entries with this action, see AuditEntry"`
	From         time.Time    `query:"from" doc:"only entries whose at is this time or later"`
	Until        time.Time    `query:"until" doc:"only entries whose at is before this time"`
}

// auditEntry names the schema of an entry in the OpenAPI document.
type auditEntry audit.Entry

func (a *API) audit(ctx context.Context, in *auditInput) (*output[rest.List[auditEntry]], error) {
	f := audit.Filter{Account: in.Account, By: in.By, Organisation: in.Organisation, Client: in.Client, Action: in.Action, From: in.From, Until: in.Until}
	page, err := a.Audit.List(ctx, f, in.Cursor, in.Limit)
	return listOf(page, func(e audit.Entry) auditEntry { return auditEntry(e) }), err
}
