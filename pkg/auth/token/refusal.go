package token

import (
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/battery-passport/suite/pkg/fault"
)

// refusal returns the fault for a token that the parser does not accept. What is
// wrong with a time says by how much, which shows a wrong clock.
func (v *Verifier) refusal(ready bool, c Claims, err error) error {
	if errors.Is(err, jwt.ErrTokenUnverifiable) && !ready {
		return fault.New(fault.Unavailable, "the keys that tokens are verified with are not there yet").Because(err)
	}
	const ahead = ", but in %v: the clock here is behind that of the auth-service"
	for _, r := range []struct {
		err           error
		code, message string
	}{
		{jwt.ErrTokenMalformed, "malformed", "is no JWT"},
		{jwt.ErrTokenUnverifiable, "key", "is signed with an unknown key"},
		{jwt.ErrTokenSignatureInvalid, "signature", "has a wrong signature or algorithm"},
		{jwt.ErrTokenExpired, "expired", "has expired" + v.offset(" %v ago", c.ExpiresAt) + "; log in again"},
		{jwt.ErrTokenNotValidYet, "notYetValid", "is not valid yet" + v.offset(ahead, c.NotBefore)},
		{jwt.ErrTokenUsedBeforeIssued, "notYetValid", "was issued in the future" + v.offset(ahead, c.IssuedAt)},
		{jwt.ErrTokenInvalidIssuer, "issuer", "has another issuer"},
		{jwt.ErrTokenInvalidAudience, "audience", "has another audience"},
	} {
		if errors.Is(err, r.err) {
			return unauthenticated(r.code, r.message, err)
		}
	}
	return unauthenticated("claims", "lacks a claim or has a wrong one", err)
}

func (v *Verifier) offset(format string, at *jwt.NumericDate) string {
	if at == nil {
		return ""
	}
	return fmt.Sprintf(format, v.now().Sub(at.Time).Abs().Round(time.Second))
}

func unauthenticated(code, message string, cause error) error {
	return fault.New(fault.Unauthenticated, "no valid token was sent").
		With(fault.Detail{Path: "authorization", Code: code, Message: message}).Because(cause)
}
