package provider

import (
	"encoding/json"
	"errors"
	"slices"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/pkg/fault"
)

const (
	maxSubject    = 255 // OpenID Connect Core 1.0, 2
	emailVerified = "email_verified"
)

// assertionOf returns the claims of an ID token about the person. It fails with
// fault.Unauthenticated if a claim has an unexpected form.
func (c *Client) assertionOf(token *oidc.IDToken) (account.Assertion, error) {
	var claims map[string]json.RawMessage
	if err := token.Claims(&claims); err != nil {
		return account.Assertion{}, err
	}
	a := account.Assertion{Identity: account.Identity{Issuer: c.Issuer, Subject: token.Subject}, EmailVerified: isTrue(claims[c.EmailVerifiedClaim])}
	email, emailErr := textsOf(claims, "email")
	organisations, organisationErr := textsOf(claims, c.OrganisationClaim)
	roles, roleErr := textsOf(claims, c.RoleClaim)
	if err := errors.Join(emailErr, organisationErr, roleErr); err != nil {
		return account.Assertion{}, err
	}
	if len(organisations) > 1 || len(email) > 1 {
		return account.Assertion{}, fault.New(fault.Unauthenticated, "the identity provider names several organisations or email addresses; ask an admin")
	}
	a.Email, a.Organisation, a.Role = first(email), first(organisations), c.Roles.highest(roles)
	return a, nil
}

// isTrue reports whether a claim is true. Some providers send a text or a number.
func isTrue(claim json.RawMessage) bool {
	return slices.Contains([]string{"true", `"true"`, "1", `"1"`}, string(claim))
}

// textsOf returns the values of a claim, which is a text or a list of texts. It returns none if the
// name is empty or the token does not have the claim.
func textsOf(claims map[string]json.RawMessage, name string) ([]string, error) {
	data := claims[name]
	if name == "" || len(data) == 0 || string(data) == "null" {
		return nil, nil
	}
	var text string
	if json.Unmarshal(data, &text) == nil {
		if text == "" {
			return nil, nil
		}
		return []string{text}, nil
	}
	var texts []string
	if err := json.Unmarshal(data, &texts); err != nil {
		return nil, fault.New(fault.Unauthenticated, "the claim %s of the identity provider must be a text or a list of texts", name).Because(err)
	}
	return texts, nil
}

func first(texts []string) string {
	if len(texts) == 0 {
		return ""
	}
	return texts[0]
}
