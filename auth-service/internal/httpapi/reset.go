package httpapi

import (
	"context"

	"github.com/battery-passport/suite/auth-service/internal/link"
	"github.com/battery-passport/suite/pkg/page"
	"github.com/battery-passport/suite/pkg/rest"
)

type passwordReset struct {
	Email string `json:"email" format:"email" maxLength:"254" example:"ann@nordlicht.example" doc:"email address of the account"`
}

type passwordResetConfirmation struct {
	Token    string `json:"token" maxLength:"200" doc:"token in the link of the mail"`
	Password string `json:"password" minLength:"8" maxLength:"1024" example:"paper pencil battery" doc:"new password that is not one of the 3,000 most common"`
}

type emailConfirmation struct {
	Token    string `json:"token" maxLength:"200" doc:"token in the link of the mail"`
	Password string `json:"password" maxLength:"1024" example:"correct horse battery" doc:"password of the account"`
}

func (a *API) confirmEmail(ctx context.Context, in *input[emailConfirmation]) (*struct{}, error) {
	return nil, a.Accounts.ConfirmEmail(withOrigin(ctx), in.Body.Token, in.Body.Password)
}

func (a *API) requestReset(ctx context.Context, in *input[passwordReset]) (*struct{}, error) {
	return nil, a.Accounts.RequestReset(withOrigin(ctx), in.Body.Email)
}

func (a *API) confirmReset(ctx context.Context, in *input[passwordResetConfirmation]) (*struct{}, error) {
	return nil, a.Accounts.ResetPassword(withOrigin(ctx), in.Body.Token, in.Body.Password)
}

// RegisterPages adds the pages that links in mails lead to.
func (a *API) RegisterPages(r *rest.API) {
	a.form(r, link.ForgotPasswordPage, formPage{
		show: func(context.Context, string) (page.Page, error) { return forgotPage(""), nil },
		send: func(ctx context.Context, form values) (page.Page, error) {
			return page.Page{
				Title: "Check your mailbox",
				Text:  "If the address has an account, a mail with a link is on its way. The link is valid for 30 minutes. No mail after a few minutes? Check your spam folder and the address, and ask again.",
			}, a.Accounts.RequestReset(ctx, form("email"))
		},
	})
	a.form(r, link.ConfirmEmailPage, formPage{
		show: confirmPage,
		send: func(ctx context.Context, form values) (page.Page, error) {
			return page.Page{Title: "Your email address is confirmed", Text: "You can use your account now."}, a.Accounts.ConfirmEmail(ctx, form("token"), form("password"))
		},
	})
	a.form(r, link.NewPasswordPage, formPage{
		show: newPasswordPage, renew: link.ForgotPasswordPage,
		send: func(ctx context.Context, form values) (page.Page, error) {
			return page.Page{
				Title: "Your password has changed",
				Text:  "All sessions of your account have ended. Log in with the new password.",
			}, a.Accounts.ResetPassword(ctx, form("token"), form("password"))
		},
	})
	a.form(r, link.InvitationPage, formPage{
		show: a.invitationPage,
		send: func(ctx context.Context, form values) (page.Page, error) {
			return page.Page{Title: "Welcome", Text: "Your account is ready. Log in with your email address and the password."},
				a.Logins.AcceptInvitationWithPassword(ctx, form("token"), form("password"))
		},
	})
}

func confirmPage(_ context.Context, token string) (page.Page, error) {
	return page.Page{
		Title: "Confirm your email address", Text: "Enter the password that you chose when you registered. If you did not register, close this page.",
		Form: &page.Form{Action: link.ConfirmEmailPage, Hidden: map[string]string{"token": token}, Button: "Confirm the address", Fields: []page.Field{
			{Name: "password", Label: "Password", Type: "password", Autocomplete: "current-password"},
		}},
	}, nil
}

func forgotPage(email string) page.Page {
	return page.Page{
		Title: "Forgot your password?", Text: "Enter the email address of your account. You get a mail with a link to choose a new password.",
		Form: &page.Form{Action: link.ForgotPasswordPage, Button: "Send the link", Fields: []page.Field{
			{Name: "email", Label: "Email address", Type: "email", Autocomplete: "email", Value: email},
		}},
	}
}

func newPasswordPage(_ context.Context, token string) (page.Page, error) {
	return page.Page{
		Title: "Choose a new password", Text: "It ends all sessions of your account, on every device.",
		Form: &page.Form{Action: link.NewPasswordPage, Hidden: map[string]string{"token": token}, Button: "Set the password", Fields: []page.Field{
			{Name: "password", Label: "New password", Hint: "At least 8 characters. Several words make a good password.", Type: "password", Autocomplete: "new-password", MinLength: 8},
		}},
	}, nil
}
