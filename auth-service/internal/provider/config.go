// Package provider logs people in at the identity provider of a company (OpenID Connect 1.0,
// authorization code flow with PKCE).
package provider

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/battery-passport/suite/auth-service/internal/organisation"
	"github.com/battery-passport/suite/pkg/auth"
)

// Config is the configuration of the identity provider. Without an Issuer, people log in with
// passwords only.
type Config struct {
	Issuer             string `envconfig:"OIDC_ISSUER" desc:"Issuer of the identity provider (OpenID Connect) at which people may log in, for example https://login.example/realms/nordlicht; must be https unless the host is loopback. Empty: people log in with passwords only."`
	ClientID           string `envconfig:"OIDC_CLIENT_ID" desc:"Client id of the auth-service at the identity provider; required if OIDC_ISSUER is set."`
	ClientSecret       string `envconfig:"OIDC_CLIENT_SECRET" secret:"true" desc:"Client secret of the auth-service at the identity provider; required if OIDC_ISSUER is set."`
	Scopes             Scopes `envconfig:"OIDC_SCOPES" default:"openid email profile" desc:"Scopes that are requested from the identity provider, separated by spaces; openid is required."`
	RedirectURL        string `envconfig:"OIDC_REDIRECT_URL" desc:"URL to which the identity provider sends the browser back, registered there; must be https unless the host is loopback. It may be a page of a front end on the origin of the auth-service that fetches /api/auth/oidc/callback with the same query. Empty: /api/auth/oidc/callback at ISSUER_URL."`
	CreateAccounts     bool   `envconfig:"OIDC_CREATE_ACCOUNTS" default:"false" desc:"Whether the first login of a person at the identity provider creates an account, even with REGISTRATION=invitation."`
	Organisation       string `envconfig:"OIDC_ORGANISATION" desc:"Id of the organisation of accounts that log in at the identity provider and have none."`
	OrganisationClaim  string `envconfig:"OIDC_ORGANISATION_CLAIM" desc:"Claim of the ID token with the id of the organisation, applied at each login. Empty: none."`
	RoleClaim          string `envconfig:"OIDC_ROLE_CLAIM" desc:"Claim of the ID token with a text or a list of texts that OIDC_ROLES maps to a role, applied at each login, for example groups. Empty: none."`
	Roles              Roles  `envconfig:"OIDC_ROLES" desc:"Comma-separated roles for values of OIDC_ROLE_CLAIM, for example battery-editors=operator,battery-readers=user. Of several, the highest counts: admin, operator, authority, legitimate_interest, user."`
	EmailVerifiedClaim string `envconfig:"OIDC_EMAIL_VERIFIED_CLAIM" default:"email_verified" desc:"Claim of the ID token that says whether the identity provider has verified the email address, for example xms_edov for Microsoft Entra ID."`
}

// Validate returns an error that names all variables with a wrong value.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("  "+format, args...))
		}
	}
	check(c.Issuer == "" || isConfidential(c.Issuer) && !strings.Contains(c.Issuer, "?"), "OIDC_ISSUER: must be an https URL without user, query and fragment; http is allowed if the host is loopback, got %q", c.Issuer)
	check(c.Issuer == "" || c.ClientID != "", "OIDC_CLIENT_ID: is missing; it is required if OIDC_ISSUER is set")
	check(c.Issuer == "" || c.ClientSecret != "", "OIDC_CLIENT_SECRET: is missing; it is required if OIDC_ISSUER is set")
	check(c.RedirectURL == "" || isConfidential(c.RedirectURL), "OIDC_REDIRECT_URL: must be an https URL without user and fragment; http is allowed if the host is loopback, got %q", c.RedirectURL)
	check(c.Organisation == "" || organisation.CheckID("", c.Organisation) == nil, "OIDC_ORGANISATION: must be the id of an organisation, got %q", c.Organisation)
	check(c.Issuer == "" || (c.RoleClaim == "") == (len(c.Roles) == 0), "OIDC_ROLES: must be set if and only if OIDC_ROLE_CLAIM is set")
	return errors.Join(errs...)
}

// isConfidential reports whether requests to a URL are encrypted or stay on the same machine.
func isConfidential(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return false
	}
	address, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || err == nil && address.IsLoopback())
}

// Scopes is a list of scopes, separated by spaces.
type Scopes []string

var isScope = regexp.MustCompile(`^[\x21\x23-\x5B\x5D-\x7E]+$`).MatchString // RFC 6749, 3.3

// Decode implements envconfig.Decoder.
func (s *Scopes) Decode(value string) error {
	*s = strings.Fields(value)
	if slices.ContainsFunc(*s, func(scope string) bool { return !isScope(scope) }) || !slices.Contains(*s, oidc.ScopeOpenID) {
		return errors.New("must be scopes separated by spaces, with openid")
	}
	return nil
}

// ranks are the roles that claims can give, the highest first.
var ranks = []auth.Role{auth.Admin, auth.Operator, auth.Authority, auth.LegitimateInterest, auth.User}

// Roles maps values of the role claim to roles.
type Roles map[string]auth.Role

// Decode implements envconfig.Decoder. The last = separates value and role: values may contain it.
func (r *Roles) Decode(value string) error {
	*r = Roles{}
	for entry := range strings.SplitSeq(value, ",") {
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		i := strings.LastIndex(entry, "=")
		if i < 1 || !auth.Role(entry[i+1:]).Valid() {
			return errors.New("each entry must be value=role with the role admin, operator, user, legitimate_interest or authority")
		}
		if _, ok := (*r)[entry[:i]]; ok {
			return errors.New("no value may have two roles")
		}
		(*r)[entry[:i]] = auth.Role(entry[i+1:])
	}
	return nil
}

// highest returns the highest role that one of the values maps to, or "".
func (r Roles) highest(values []string) auth.Role {
	for _, role := range ranks {
		if slices.ContainsFunc(values, func(v string) bool { return r[v] == role }) {
			return role
		}
	}
	return ""
}
