package token_test

import (
	"fmt"
	"testing"

	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/auth/token"
)

// BenchmarkVerify measures uncached tokens (more than fit in the cache) and one cached
// token.
func BenchmarkVerify(b *testing.B) {
	issuer := authtest.New(b)
	v := verifier(b, token.Config{URL: issuer.URL})
	for _, c := range []struct {
		name   string
		tokens int
	}{{"uncached", 12_000}, {"cached", 1}} {
		b.Run(c.name, func(b *testing.B) {
			signed := make([]string, c.tokens)
			for i := range signed {
				user := ann
				user.UserID = fmt.Sprint(i)
				signed[i] = "Bearer " + issuer.Token(b, user)
			}
			for i := 0; b.Loop(); i++ {
				if _, err := v.Verify(b.Context(), signed[i%len(signed)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
