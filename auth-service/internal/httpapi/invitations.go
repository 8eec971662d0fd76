package httpapi

import (
	"context"
	"net/http"

	"github.com/battery-passport/suite/auth-service/internal/invitation"
	"github.com/battery-passport/suite/auth-service/internal/link"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/page"
	"github.com/battery-passport/suite/pkg/rest"
)

// acceptRate limits the requests per minute of a logged-in caller that accepts invitations.
const acceptRate = 30

type newInvitation struct {
	Email        string    `json:"email" format:"email" maxLength:"254" example:"ole@nordlicht.example" doc:"email address of the person"`
	Role         auth.Role `json:"role" enum:"operator,user,legitimate_interest,authority" doc:"role that the person gets, see Account; managers give user and operator only"`
	Manager      bool      `json:"manager,omitempty" doc:"whether the person will manage the organisation"`
	Organisation string    `json:"organisation,omitempty" example:"nordlicht-battery" doc:"id of the organisation; for admins, required for the roles user and operator; managers invite to their own"`
}

type acceptance struct {
	Token    string `json:"token" maxLength:"200" doc:"token in the link of the mail"`
	Password string `json:"password,omitempty" maxLength:"1024" example:"correct horse battery" doc:"password of the new account, that is not one of the 3,000 most common; absent in a request with an access token"`
}

type acceptanceInput struct {
	Proto string `header:"X-Forwarded-Proto" hidden:"true"`
	Body  acceptance
}

// InvitationID is the path parameter of the operations on one invitation.
type InvitationID struct {
	ID string `path:"id" id:"true" doc:"id of the invitation"`
}

type invitationsInput struct{ rest.Paging }

func (a *API) registerInvitations(r *rest.API, manager, registration rest.Policy) {
	rest.Handle(r, "POST /api/auth/invitations", manager, a.invite, "createInvitation", "Invite a person", rest.Status(http.StatusCreated), rest.Errors(http.StatusConflict, http.StatusTooManyRequests),
		rest.Description("Sends a mail with a link that is valid for 72 hours. The response does not depend on whether the address has an account. 409 if the address has a pending invitation to the organisation, or if the service sends no mail."))
	rest.Handle(r, "GET /api/auth/invitations", manager, a.listInvitations, "listInvitations", "List invitations",
		rest.Description("Managers get those of their organisation. A page may have fewer items than the limit. Invitations are removed 30 days after they have expired."))
	rest.Handle(r, "POST /api/auth/invitations/{id}/resend", manager, a.resendInvitation, "resendInvitation", "Resend an invitation", rest.Errors(http.StatusConflict, http.StatusTooManyRequests),
		rest.Description("Sends the mail again, with a new link that is valid for 72 hours. Earlier links end."))
	rest.Handle(r, "DELETE /api/auth/invitations/{id}", manager, a.revokeInvitation, "revokeInvitation", "Revoke an invitation", rest.Status(http.StatusNoContent), rest.Errors(http.StatusConflict),
		rest.Description("Its link is no longer valid."))
	accept := registration
	accept.Audience = rest.Recognised(a.Verifier.Require(), acceptRate)
	rest.Handle(r, "POST /api/auth/invitations/accept", accept, a.acceptInvitation, "acceptInvitation", "Accept an invitation", rest.Errors(http.StatusForbidden, http.StatusConflict),
		rest.Accepted[pendingLogin]("the invitation is accepted, and the account has TOTP or must have it, see logIn"),
		rest.Description("Without an access token: creates an account with the password and logs it in; 409 if the address has an account, unless that must still confirm its address: it then gets the password. With the access token of that account and without a password: gives it the role and the organisation, and begins a session. All tokens that are not accepted get the same 422: unknown, used, expired, revoked, incomplete, or for another address."))
}

func (a *API) invite(ctx context.Context, in *input[newInvitation]) (*output[invitation.Invitation], error) {
	by, err := a.Accounts.Administrator(ctx)
	if err != nil {
		return nil, err
	}
	r, err := a.Invitations.Create(withOrigin(ctx), by, invitation.Invitation{Email: in.Body.Email, Role: in.Body.Role, Manager: in.Body.Manager, Organisation: in.Body.Organisation})
	return a.invitation(r), err
}

func (a *API) invitation(r invitation.Record) *output[invitation.Invitation] {
	return &output[invitation.Invitation]{r.At(a.Invitations.Now())}
}

func (a *API) listInvitations(ctx context.Context, in *invitationsInput) (*output[rest.List[invitation.Invitation]], error) {
	by, err := a.Accounts.Administrator(ctx)
	if err != nil {
		return nil, err
	}
	page, err := a.Invitations.List(ctx, by, in.Cursor, in.Limit)
	return listOf(page, func(r invitation.Record) invitation.Invitation { return r.At(a.Invitations.Now()) }), err
}

func (a *API) resendInvitation(ctx context.Context, in *InvitationID) (*output[invitation.Invitation], error) {
	by, err := a.Accounts.Administrator(ctx)
	if err != nil {
		return nil, err
	}
	r, err := a.Invitations.Resend(withOrigin(ctx), by, in.ID)
	return a.invitation(r), err
}

func (a *API) revokeInvitation(ctx context.Context, in *InvitationID) (*struct{}, error) {
	by, err := a.Accounts.Administrator(ctx)
	if err != nil {
		return nil, err
	}
	return nil, a.Invitations.Revoke(withOrigin(ctx), by, in.ID)
}

func (a *API) acceptInvitation(ctx context.Context, in *acceptanceInput) (*tokensOutput, error) {
	g, err := a.Logins.AcceptInvitation(withOrigin(ctx), in.Body.Token, in.Body.Password)
	return a.tokens(ctx, g, in.Proto), err
}

// invitationPage asks for the password of the account if the invited address has one. Otherwise
// it asks for a new password, even if the token is not valid: only the person with the mail
// learns the difference.
func (a *API) invitationPage(ctx context.Context, token string) (page.Page, error) {
	p := page.Page{Title: "Accept your invitation", Form: &page.Form{Action: link.InvitationPage, Hidden: map[string]string{"token": token}, Button: "Accept the invitation"}}
	invitee, err := a.Invitations.Invitee(ctx, token)
	if err != nil && !isLinkProblem(err) {
		return p, err
	}
	if err != nil || !invitee.HasAccount {
		p.Text = "Choose a password for your account."
		p.Form.Fields = []page.Field{{Name: "password", Label: "Password", Hint: "At least 8 characters. Several words make a good password.", Type: "password", Autocomplete: "new-password", MinLength: 8}}
		return p, nil
	}
	p.Text = "The address " + invitee.Email + " has an account. Enter its password"
	if invitee.OrganisationName != "" {
		p.Text += " to join " + invitee.OrganisationName
	}
	p.Text += "."
	p.Form.Fields = []page.Field{{Name: "password", Label: "Password of your account", Type: "password", Autocomplete: "current-password"}}
	p.Link = &page.Link{Text: "Forgot your password?", Path: link.ForgotPasswordPage}
	return p, nil
}
