package token_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/token"
)

// TestScopesNarrowTokensOfClients: only a token of an API client can have fewer rights than its
// role. Tokens of people, and those without the claim, have all of them.
func TestScopesNarrowTokensOfClients(t *testing.T) {
	v := verifier(t, token.Config{Secret: secret})
	all := strings.Join(auth.Operator.Scopes(), " ")
	for name, c := range map[string]struct {
		isClient bool
		scope    string
		want     []string
	}{
		"a client with all scopes":      {true, all, nil},
		"a client with one":             {true, "passports:read", []string{"passports:read"}},
		"a client with an unknown one":  {true, "everything", []string{"everything"}},
		"a client without the claim":    {true, "", nil},
		"a person with all scopes":      {false, all, nil},
		"a person of an earlier role":   {false, "passports:read", nil},
		"a person of a later release":   {false, all + " batteries:read", nil},
		"a person without the claim":    {false, "", nil},
		"a client with more than those": {true, all + " batteries:read", nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := ann
			p.Client = c.isClient
			claims := token.NewClaims(p, now, time.Minute)
			claims.Scope = c.scope
			signed, err := token.Key{Secret: []byte(secret)}.Sign(claims)
			if err != nil {
				t.Fatal(err)
			}
			got, err := v.Verify(t.Context(), "Bearer "+signed)
			if err != nil || !slices.Equal(got.Scopes, c.want) {
				t.Errorf("scopes = %q, %v, want %q", got.Scopes, err, c.want)
			}
		})
	}
}
