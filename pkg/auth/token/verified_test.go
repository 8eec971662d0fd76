package token_test

import (
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/token"
)

// TestEmailVerified: only tokens of accounts whose address is not confirmed have the claim, so tokens of
// earlier releases count as confirmed.
func TestEmailVerified(t *testing.T) {
	for _, unverified := range []bool{true, false} {
		p := ann
		p.EmailUnverified = unverified
		signed, err := token.Key{Secret: []byte(secret)}.Sign(token.NewClaims(p, time.Now(), time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		ctx, err := verifier(t, token.Config{Secret: secret}).Require()(t.Context(), "Bearer "+signed)
		if err != nil || auth.Caller(ctx).EmailUnverified != unverified {
			t.Errorf("unverified %v: %v, %+v", unverified, err, auth.Caller(ctx))
		}
	}
	if c := token.NewClaims(ann, time.Now(), time.Hour); c.EmailVerified != nil {
		t.Errorf("claims %+v", c)
	}
}
