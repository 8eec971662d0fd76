package token

import (
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/battery-passport/suite/pkg/fault"
)

// refusal returns the fault for a token that the parser refused. If a time is the
// reason, the message contains the difference, which reveals a wrong clock.
func (v *Verifier) refusal(ready bool, c Claims, err error) error {
	if errors.Is(err, jwt.ErrTokenUnverifiable) && !ready {
		return fault.New(fault.Unavailable, "the signing keys are not available yet; try again later").Because(err)
	}
	const behind = "; the clock of this service is at least %v behind that of the auth-service"
	for _, r := range []struct {
		err           error
		code, message string
	}{
		{jwt.ErrTokenMalformed, "malformed", "is not a JWT"},
		{jwt.ErrTokenUnverifiable, "key", "is signed with an unknown key"},
		{jwt.ErrTokenSignatureInvalid, "signature", "has an invalid signature or algorithm"},
		{jwt.ErrTokenExpired, "expired", "expired" + v.offset(" %v ago", c.ExpiresAt) + "; log in again"},
		{jwt.ErrTokenNotValidYet, "notYetValid", "is not valid yet" + v.offset(behind, c.NotBefore)},
		{jwt.ErrTokenUsedBeforeIssued, "notYetValid", "was issued in the future" + v.offset(behind, c.IssuedAt)},
		{jwt.ErrTokenInvalidAudience, "audience", "must have the audience " + Audience},
	} {
		if errors.Is(err, r.err) {
			return unauthenticated(r.code, r.message, err)
		}
	}
	return unauthenticated("claims", "has a missing or invalid claim", err)
}

// offset formats the difference between at and the current time, or returns "" if
// the token does not contain at.
func (v *Verifier) offset(format string, at *jwt.NumericDate) string {
	if at == nil {
		return ""
	}
	return fmt.Sprintf(format, v.now().Sub(at.Time).Abs().Round(time.Second))
}

func unauthenticated(code, message string, cause error) error {
	return fault.New(fault.Unauthenticated, "the access token is missing or invalid").
		With(fault.Detail{Path: "authorization", Code: code, Message: message}).Because(cause)
}
