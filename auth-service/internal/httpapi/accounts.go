package httpapi

import (
	"context"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/pkg/auth"
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

type accountChange account.Change

type changeInput struct {
	ID   string `path:"id" doc:"id of the account"`
	Body accountChange
}

func (a *API) profile(ctx context.Context, _ *struct{}) (*output[account.Account], error) {
	acc, err := a.Accounts.CallerAccount(ctx)
	return &output[account.Account]{acc}, err
}

func (a *API) changePassword(ctx context.Context, in *input[passwordChange]) (*struct{}, error) {
	return nil, a.Logins.ChangePassword(withOrigin(ctx), in.Body.CurrentPassword, in.Body.NewPassword)
}

func (a *API) list(ctx context.Context, in *listInput) (*output[rest.List[account.Account]], error) {
	page, err := a.Accounts.List(ctx, account.Filter{Email: in.Email, Role: in.Role, Organisation: in.Organisation}, in.Cursor, in.Limit)
	return listOf(page, func(r account.Record) account.Account { return r.Account }), err
}

func (a *API) change(ctx context.Context, in *changeInput) (*output[account.Account], error) {
	acc, err := a.Accounts.Change(withOrigin(ctx), in.ID, account.Change(in.Body))
	return &output[account.Account]{acc}, err
}

// withOrigin returns a context that carries the origin of the request, for the audit.
func withOrigin(ctx context.Context) context.Context {
	return account.WithOrigin(ctx, account.Origin{Address: rest.Address(ctx).String(), RequestID: rest.RequestID(ctx), Network: rest.Network(ctx)})
}

type auditInput struct {
	rest.Paging
	Account string `query:"account" doc:"only entries about the account with this id"`
	By      string `query:"by" doc:"only changes made by the account with this id"`
}

func (a *API) audit(ctx context.Context, in *auditInput) (*output[rest.List[account.AuditEntry]], error) {
	page, err := a.Accounts.ListAudit(ctx, account.AuditFilter{Account: in.Account, By: in.By}, in.Cursor, in.Limit)
	return listOf(page, func(e account.AuditEntry) account.AuditEntry { return e }), err
}
