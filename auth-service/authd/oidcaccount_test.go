package authd_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// mapClaims maps the claims groups and company.
func mapClaims(c *authd.Config) {
	c.OIDC.OrganisationClaim, c.OIDC.RoleClaim = "company", "groups"
	c.OIDC.Roles = map[string]auth.Role{"admins": auth.Admin, "editors": auth.Operator, "inspectors": auth.Authority, "readers": auth.User}
}

// wantForbidden fails the test unless a login is refused with a text.
func wantForbidden(t *testing.T, r resttest.Response, text string) {
	t.Helper()
	if r.WantProblem(403); !strings.Contains(r.Text, text) {
		t.Errorf("problem %s\nwant %q", r.Text, text)
	}
}

// TestProviderTakesOverUnconfirmedRegistration: somebody has registered the address of another person, who then logs in at
// the provider. The registration is of no use to the first any more.
func TestProviderTakesOverUnconfirmedRegistration(t *testing.T) {
	for name, verification := range map[string]string{"confirmation pending": "required", "confirmation off": "off"} {
		t.Run(name, func(t *testing.T) {
			storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
				idp := startProvider(t)
				m := withMail(t, db, idp.configure, func(c *authd.Config) { c.EmailVerification = verification })
				s := &atProvider{m.service, idp}
				root := s.register("root@nlb.example", "admin")
				s.Call("POST /api/auth/register", "", `{"email":"ann@nlb.example","password":"stolen horse"}`)
				attacker := s.eventuallyLogin("ann@nlb.example", "stolen horse")
				wantForbidden(t, s.logIn(ann.with("email_verified", false)), "has not confirmed that it verified your email address")
				wantForbidden(t, s.logIn(ann.with("email_verified", nil)), "has not confirmed that it verified your email address")
				wantForbidden(t, s.logIn(ann.with("email", nil)), "no valid email address")

				in := s.want(ann.with("email", "Ann@NLB.example"))
				if in.User.ID != attacker.User.ID {
					t.Errorf("login to %+v, want the account of the address, %s", in.User, attacker.User.ID)
				}
				s.login("ann@nlb.example", "stolen horse").WantProblem(401)
				s.refresh(attacker.RefreshToken).WantProblem(401)
				s.Call("GET /api/auth/profile", attacker.Token, nil).Want(401, nil) // as revoked, or because the account has another password
				if got := m.verified(in.Token); got != "true" {
					t.Errorf("emailVerified %s after a login at the provider", got)
				}
				entries := s.entries(root, "&action=identityLinked", map[string]string{in.User.ID: "ann"})
				if want := []string{`ann 2 identityLinked by  from 127.0.0.1 identityProvider:""→"` + idp.Issuer() + `" password:""→""`}; cmp.Diff(want, entries) != "" {
					t.Errorf("audit %q, want %q", entries, want)
				}
				// No mail gives the account a password while the provider authenticates it.
				mails := len(m.mailsTo("ann@nlb.example"))
				m.requestReset("ann@nlb.example")
				m.requestReset("root@nlb.example")
				m.link("root@nlb.example", 1)
				if got := m.mailsTo("ann@nlb.example"); len(got) != mails {
					t.Errorf("mails after a request for a new password: %v", got)
				}
			})
		})
	}
}

// TestProviderLinksConfirmedAccount keeps the password of an account whose address was confirmed with a mail.
func TestProviderLinksConfirmedAccount(t *testing.T) {
	idp := startProvider(t)
	m := withMail(t, connect.Config{Dir: t.TempDir()}, verify, idp.configure)
	s := &atProvider{m.service, idp}
	root := s.register("root@nlb.example", "admin")
	m.registerPending("ann@nlb.example", "correct horse")
	before := s.eventuallyLogin("ann@nlb.example", "correct horse")
	_, token := m.link("ann@nlb.example", 1)
	m.confirmEmail(token, "correct horse").Want(204, nil)
	if in := s.want(ann); in.User.ID != before.User.ID {
		t.Errorf("login to %+v, want %+v", in.User, before.User)
	}
	s.login("ann@nlb.example", "correct horse").Want(200, nil)
	s.refresh(before.RefreshToken).Want(200, nil)
	wantForbidden(t, s.logIn(ann.with("sub", "another")), "is linked to another person")
	s.Call("PATCH /api/auth/users/"+before.User.ID, root.Token, `{"disabled":true}`).Want(200, nil)
	wantForbidden(t, s.logIn(ann), "is disabled")
	if n := s.counted(root, audit.LoginFailed, before.User.ID); n != 2 {
		t.Errorf("audit counts %d failed logins, want 2", n)
	}
}

// TestProviderOpensNoOtherAccounts: an address alone opens neither an account with a role that only admins assign nor a member of another organisation.
func TestProviderOpensNoOtherAccounts(t *testing.T) {
	s := withProvider(t, connect.Config{Dir: t.TempDir()}, mapClaims, func(c *authd.Config) { c.OIDC.CreateAccounts, c.OIDC.Organisation = false, "nordlicht" })
	root := s.register("root@nlb.example", "admin")
	s.organisation(root, "nordlicht")
	s.organisation(root, "other")
	bob, eve := s.register("bob@other.example", ""), s.register("eve@other.example", "")
	s.register("kim@other.example", "")
	inspector := s.register("inspector@authority.example", "")
	s.Call("PATCH /api/auth/users/"+inspector.User.ID, root.Token, `{"role":"authority"}`).Want(200, nil)
	s.Call("PATCH /api/auth/users/"+bob.User.ID, root.Token, `{"role":"operator","organisation":"other"}`).Want(200, nil)
	s.Call("PATCH /api/auth/users/"+eve.User.ID, root.Token, `{"disabled":true}`).Want(200, nil)

	wantForbidden(t, s.logIn(ann), "no account for ann@nlb.example; ask a manager")
	wantForbidden(t, s.logIn(ann.with("email", "not an address")), "no valid email address")
	wantForbidden(t, s.logIn(ann.with("email", "bob@other.example")), "belongs to another organisation")
	wantForbidden(t, s.logIn(ann.with("email", "eve@other.example")), "is disabled")
	wantForbidden(t, s.logIn(ann.with("email", "root@nlb.example").with("groups", "editors")), "has the role admin")
	asInspector := ann.with("sub", "inspector").with("email", "inspector@authority.example")
	for _, groups := range []any{nil, "readers", "editors", "admins"} {
		wantForbidden(t, s.logIn(asInspector.with("groups", groups).with("company", "nordlicht")), "has the role authority")
	}
	for _, address := range []string{"\u212aim@other.example", "k\u0130m@other.example"} { // their lower case is that of kim
		wantForbidden(t, s.logIn(ann.with("email", address)), "no valid email address")
	}
	s.login("bob@other.example", "correct horse").Want(200, nil)
	s.login("root@nlb.example", "correct horse").Want(200, nil)
	s.login("kim@other.example", "correct horse").Want(200, nil)
	if text := s.Call("GET /api/auth/users/"+inspector.User.ID, root.Token, nil).Text; !strings.Contains(text, `"role":"authority"`) || strings.Contains(text, "nordlicht") {
		t.Errorf("inspector after refused logins: %s", text)
	}
	if in := s.want(asInspector.with("groups", "inspectors")); in.User.ID != inspector.User.ID || in.User.Role != "authority" {
		t.Errorf("login of an inspector to %+v", in.User)
	}

	in := s.want(ann.with("email", "root@nlb.example").with("groups", "admins"))
	if in.User.ID != root.User.ID || in.User.Role != "admin" {
		t.Errorf("login of an admin to %+v", in.User)
	}
	s.login("root@nlb.example", "correct horse").Want(200, nil) // the way in without the provider
}

// TestProviderClaimsSetRoleAndOrganisation changes the claims of a person from login to login.
func TestProviderClaimsSetRoleAndOrganisation(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := withProvider(t, db, mapClaims)
		root := s.register("root@nlb.example", "admin")
		s.organisation(root, "nordlicht")
		s.organisation(root, "other")
		unknown := strings.Repeat("unknown ", 30)
		wantForbidden(t, s.logIn(ann.with("company", unknown)), `the organisation \"`+unknown[:40]+`…\", which does not exist here`)
		if ids := s.listAccounts(root, "?limit=10"); len(ids) != 1 {
			t.Errorf("a login for an unknown organisation created an account: %v", ids)
		}
		var last grant
		for _, c := range []struct {
			groups, company any
			want            string
		}{
			{nil, nil, "user "},
			{[]string{"readers", "editors", "unknown"}, "nordlicht", "operator nordlicht"},
			{nil, nil, "operator nordlicht"},
			{[]string{"unknown"}, []string{"nordlicht"}, "operator nordlicht"},
			{"inspectors", "other", "authority other"},
			{[]string{"readers"}, "other", "user other"},
			{[]string{"admins", "readers"}, "", "admin other"},
			{"editors", "other", "operator other"},
		} {
			in := s.want(ann.with("groups", c.groups).with("company", c.company))
			if got := in.User.Role + " " + in.User.Organisation; got != c.want {
				t.Errorf("groups %v, company %v: %s, want %s", c.groups, c.company, got, c.want)
			}
			if last.Token != "" && last.User != in.User {
				s.Call("GET /api/auth/profile", last.Token, nil).WantProblem(401) // revoked
				s.refreshed(last.RefreshToken)
			}
			last = in
		}
		wantForbidden(t, s.logIn(ann.with("company", "missing")), `the organisation \"missing\"`)
		s.refreshed(last.RefreshToken)

		entries := s.entries(root, "&account="+last.User.ID, map[string]string{last.User.ID: "ann", root.User.ID: "root"})
		if got, want := entries[0], `ann 6 changed by  from 127.0.0.1 role:"admin"→"operator"`; got != want {
			t.Errorf("latest entry %s, want %s", got, want)
		}
		if _, text := s.audited(root, "&action=changed&account="+last.User.ID); strings.Count(text, `"provider":"`+s.idp.Issuer()+`"`) != 5 {
			t.Errorf("entries do not name the provider: %s", text)
		}
	})
}

// TestProviderDoesNotDemoteLastAdmin: an account that the provider has made an admin loses the role only while there is
// another admin.
func TestProviderDoesNotDemoteLastAdmin(t *testing.T) {
	s := withProvider(t, connect.Config{Dir: t.TempDir()}, mapClaims)
	in := s.want(ann.with("groups", "admins"))
	s.organisation(in, "nordlicht")
	if in = s.want(ann.with("groups", "readers").with("company", "nordlicht")); in.User.Role != "admin" || in.User.Organisation != "nordlicht" {
		t.Errorf("last admin after a login as reader = %+v", in.User)
	}
	bob := s.want(ann.with("sub", "bob").with("email", "bob@nlb.example").with("groups", "admins"))
	if in = s.want(ann.with("groups", "readers")); in.User.Role != "user" {
		t.Errorf("admin after a login as reader = %+v", in.User)
	}
	s.Call("GET /api/auth/admin", bob.Token, nil).Want(200, nil)
}

// TestProviderDefaults: OIDC_ORGANISATION is for accounts without an organisation, and OIDC_EMAIL_VERIFIED_CLAIM names another claim.
func TestProviderDefaults(t *testing.T) {
	s := withProvider(t, connect.Config{Dir: t.TempDir()}, func(c *authd.Config) {
		c.OIDC.Organisation, c.OIDC.EmailVerifiedClaim = "nordlicht", "xms_edov"
	})
	root := s.register("root@nlb.example", "admin")
	wantForbidden(t, s.logIn(ann.with("xms_edov", "1")), `the organisation \"nordlicht\"`)
	s.organisation(root, "nordlicht")
	s.organisation(root, "other")
	wantForbidden(t, s.logIn(ann), "has not confirmed that it verified")
	in := s.want(ann.with("xms_edov", "1"))
	if in.User.Organisation != "nordlicht" || in.User.Role != "user" {
		t.Errorf("new account = %+v", in.User)
	}
	s.Call("PATCH /api/auth/users/"+in.User.ID, root.Token, `{"organisation":"other"}`).Want(200, nil)
	if in = s.want(ann); in.User.Organisation != "other" {
		t.Errorf("account that was moved = %+v", in.User)
	}
}

// TestPersonAtProviderErasesOwnAccount: instead of the password, which the account does not have, a new login confirms the erasure.
func TestPersonAtProviderErasesOwnAccount(t *testing.T) {
	var c clock
	ann := ann.with("exp", time.Now().Add(time.Hour).Unix())
	s := withProvider(t, connect.Config{Dir: t.TempDir()}, c.set)
	s.register("root@nlb.example", "admin")
	in := s.want(ann)
	text := s.Call("GET /api/auth/profile/export", in.Token, nil).Want(200, nil).Text
	for _, want := range []string{`"identity":{"issuer":"` + s.idp.Issuer() + `","subject":"248289761001"}`, `"provider":"` + s.idp.Issuer() + `","current":true`} {
		if !strings.Contains(text, want) {
			t.Errorf("export %s\nwant %s", text, want)
		}
	}
	c.advance(10 * time.Minute)
	in = s.refreshed(in.RefreshToken)
	r := s.Call(eraseOwn, in.Token, `{"password":""}`)
	if r.WantProblem(409); !strings.Contains(r.Text, "log in at the identity provider again") {
		t.Errorf("problem without a new login: %s", r.Text)
	}
	next := s.want(ann)
	s.Call(eraseOwn, in.Token, `{"password":""}`).WantProblem(409) // the session of another device
	s.Call(eraseOwn, next.Token, `{"password":""}`).Want(204, nil)
	if again := s.want(ann); again.User.ID == in.User.ID {
		t.Error("the account was not erased")
	}
}
