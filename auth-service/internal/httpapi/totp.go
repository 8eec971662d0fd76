package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/auth-service/internal/login"
	"github.com/battery-passport/suite/auth-service/internal/session"
	"github.com/battery-passport/suite/pkg/rest"
)

type totpStatus struct {
	Enabled           bool      `json:"enabled" doc:"whether logins need a code of an authenticator app"`
	Since             time.Time `json:"since,omitzero" doc:"time since which they do; absent if enabled is false"`
	RecoveryCodesLeft int       `json:"recoveryCodesLeft" example:"10" doc:"number of unused recovery codes"`
	Required          bool      `json:"required" doc:"whether the account must have TOTP (REQUIRE_TOTP): it cannot be disabled then"`
}

type totpEnrolment struct {
	Secret string `json:"secret" example:"JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP" doc:"secret in base32, to type into an authenticator app"`
	URI    string `json:"uri" example:"otpauth://totp/Battery%20Passport:ann@nordlicht.example?algorithm=SHA1&digits=6&issuer=Battery%20Passport&period=30&secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP" doc:"the same for apps on this device: a link with the secret"`
	QR     string `json:"qr" doc:"QR code of uri, for the camera of the app: an SVG image"`
}

type totpCode struct {
	Code string `json:"code" maxLength:"100" example:"492039" doc:"current code of the authenticator app"`
}

type recoveryCodes struct {
	RecoveryCodes []string `json:"recoveryCodes" doc:"ten codes that replace those of the authenticator app once each; they are not shown again"`
}

type loginChallenge struct {
	Challenge string `json:"challenge" maxLength:"200" doc:"challenge in the response to the login"`
}

type loginCode struct {
	Challenge string `json:"challenge" maxLength:"200" doc:"challenge in the response to the login"`
	Code      string `json:"code" maxLength:"100" example:"492039" doc:"current code of the authenticator app, or a recovery code"`
}

type loginCodeInput struct {
	Proto string `header:"X-Forwarded-Proto" hidden:"true"`
	Body  loginCode
}

func (a *API) registerTOTP(r *rest.API, login, user, manager rest.Policy) {
	rest.Handle(r, "POST "+loginPath+"/totp", login, a.completeLogin, "completeLogin", "Complete a login with a code", rest.Errors(http.StatusUnauthorized, http.StatusConflict, http.StatusTooManyRequests),
		rest.Description("For a login that got 202 with a challenge. A code of the authenticator app may be 30 seconds early or late, and works once, as does a recovery code. 401: the challenge is no longer valid, log in with the password again. 422: the code is refused (mismatch, used, or clock if only the clock of the device is wrong), try another one. 429 after LOGIN_FAILURES wrong codes. After enrolForLogin, the code activates TOTP, and the response has recoveryCodes."))
	rest.Handle(r, "POST "+loginPath+"/totp/enrolment", login, a.enrolForLogin, "enrolForLogin", "Set up TOTP during a login", rest.Errors(http.StatusUnauthorized, http.StatusConflict, http.StatusTooManyRequests),
		rest.Description("For a login that got 202 with enrolmentRequired. Returns the secret for an authenticator app; completeLogin with the same challenge and a code of the app activates it. A repeated request returns another secret, and only the latest counts. 409 if the account has TOTP."))
	rest.Handle(r, "GET /api/auth/totp", user, a.totp, "getTOTP", "Get the state of your TOTP")
	rest.Handle(r, "POST /api/auth/totp", user, a.enrolTOTP, "enrolTOTP", "Set up TOTP", rest.Errors(http.StatusConflict),
		rest.Description("Requires the password. Returns a secret for an authenticator app, which confirmTOTP activates within 15 minutes. Until then nothing changes: an app that was set up before stays valid. The secret is not shown again."))
	rest.Handle(r, "POST /api/auth/totp/confirmation", user, a.confirmTOTP, "confirmTOTP", "Activate TOTP with a code", rest.Errors(http.StatusConflict, http.StatusTooManyRequests),
		rest.Description("From now on, logins need a code of the app. Returns ten recovery codes; earlier ones end. Ends all other sessions of the account, like a change of the password. The current session continues with its refresh token; its access token is revoked."))
	rest.Handle(r, "POST /api/auth/totp/deletion", user, a.disableTOTP, "disableTOTP", "Disable TOTP", rest.Status(http.StatusNoContent), rest.Errors(http.StatusConflict),
		rest.Description("Requires the password, in a POST, because many clients and proxies drop the body of a DELETE. Ends all other sessions of the account, like a change of the password. 409 if TOTP is off, or if the account must have it (REQUIRE_TOTP)."))
	rest.Handle(r, "POST /api/auth/totp/recovery-codes", user, a.replaceRecoveryCodes, "replaceRecoveryCodes", "Replace your recovery codes", rest.Errors(http.StatusConflict),
		rest.Description("Requires the password. Returns ten new codes; earlier ones end. 409 if TOTP is off."))
	rest.Handle(r, "DELETE /api/auth/users/{id}/totp", manager, a.resetTOTP, "resetTOTP", "Reset the TOTP of a person", rest.Status(http.StatusNoContent), rest.Errors(http.StatusConflict),
		rest.Description("For a person without authenticator app and recovery codes: the next login needs the password only and, if the account must have TOTP, sets it up again. Make sure that the request comes from this person. Ends all sessions of the account. For admins, and for managers for the users and operators of their organisation. 409 if TOTP is off, or for your own account."))
}

// pendingOf returns the response to a login that needs a second factor.
func pendingOf(g login.Grant) pendingLogin {
	p := pendingLogin{
		Message: "Enter the code of your authenticator app, or a recovery code.", MFARequired: true,
		EnrolmentRequired: g.MustEnrol, Challenge: g.Challenge, ExpiresIn: int(session.ChallengeLifetime.Seconds()),
	}
	if g.MustEnrol {
		p.Message = "Your account must have a second factor. Set up an authenticator app, and enter its code."
	}
	return p
}

func (a *API) completeLogin(ctx context.Context, in *loginCodeInput) (*tokensOutput, error) {
	g, err := a.Logins.CompleteLogin(withOrigin(ctx), in.Body.Challenge, in.Body.Code)
	if err != nil {
		annotateFailure(ctx, g.Account.ID, err)
		return nil, err
	}
	return a.tokens(ctx, g, in.Proto), nil
}

func (a *API) enrolForLogin(ctx context.Context, in *input[loginChallenge]) (*output[totpEnrolment], error) {
	e, err := a.Logins.EnrolForLogin(withOrigin(ctx), in.Body.Challenge)
	return newEnrolment(e), err
}

func newEnrolment(e account.Enrolment) *output[totpEnrolment] {
	return &output[totpEnrolment]{totpEnrolment{Secret: e.Secret, URI: e.URI, QR: e.QR}}
}

func (a *API) totp(ctx context.Context, _ *struct{}) (*output[totpStatus], error) {
	r, err := a.Accounts.CallerRecord(ctx)
	return &output[totpStatus]{totpStatus{
		Enabled: r.HasTOTP(), Since: r.TOTPSince, RecoveryCodesLeft: len(r.Factor.Recovery), Required: a.Accounts.NeedsTOTP(r.Account),
	}}, err
}

func (a *API) enrolTOTP(ctx context.Context, in *input[passwordConfirmation]) (*output[totpEnrolment], error) {
	e, err := a.Logins.EnrolTOTP(withOrigin(ctx), in.Body.Password)
	annotateOwnFailure(ctx, err)
	return newEnrolment(e), err
}

func (a *API) confirmTOTP(ctx context.Context, in *input[totpCode]) (*output[recoveryCodes], error) {
	codes, err := a.Logins.ConfirmTOTP(withOrigin(ctx), in.Body.Code)
	annotateOwnFailure(ctx, err)
	return &output[recoveryCodes]{recoveryCodes{codes}}, err
}

func (a *API) disableTOTP(ctx context.Context, in *input[passwordConfirmation]) (*struct{}, error) {
	err := a.Logins.DisableTOTP(withOrigin(ctx), in.Body.Password)
	annotateOwnFailure(ctx, err)
	return nil, err
}

func (a *API) replaceRecoveryCodes(ctx context.Context, in *input[passwordConfirmation]) (*output[recoveryCodes], error) {
	codes, err := a.Logins.ReplaceRecoveryCodes(withOrigin(ctx), in.Body.Password)
	annotateOwnFailure(ctx, err)
	return &output[recoveryCodes]{recoveryCodes{codes}}, err
}

func (a *API) resetTOTP(ctx context.Context, in *AccountID) (*struct{}, error) {
	by, err := a.Accounts.Administrator(ctx)
	if err != nil {
		return nil, err
	}
	return nil, a.Accounts.ResetTOTP(withOrigin(ctx), by, in.ID)
}
