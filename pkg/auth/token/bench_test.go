package token_test

import (
	"fmt"
	"testing"

	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/auth/token"
)

// BenchmarkVerify verifies tokens that the verifier does not remember, as there
// are more of them than it has room for, and one that it does.
func BenchmarkVerify(b *testing.B) {
	issuer := authtest.New(b)
	v := verifier(b, token.Config{URL: issuer.URL})
	for _, c := range []struct {
		name   string
		tokens int
	}{{"new", 12_000}, {"remembered", 1}} {
		b.Run(c.name, func(b *testing.B) {
			signed := make([]string, c.tokens)
			for i := range signed {
				someone := ann
				someone.UserID = fmt.Sprint(i)
				signed[i] = "Bearer " + issuer.Token(b, someone)
			}
			for i := 0; b.Loop(); i++ {
				if _, err := v.Verify(b.Context(), signed[i%len(signed)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
