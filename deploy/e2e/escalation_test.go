package e2e

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/battery-passport/suite/pkg/rest/resttest"
)

// members returns JSON members that try to set a role or an organisation in a body.
func members(organisation string) []string {
	all := []string{
		`"role":"user","role":"admin",`, `"role":"admin","role":"user",`, `"r\u006fle":"admin","role":"user",`,
		`"roles":["admin"],`, `"user":{"role":"admin"},`, `"__proto__":{"role":"admin"},`, `"$set":{"role":"admin"},`, `"user.role":"admin",`,
		`"isAdmin":true,`, `"disabled":false,`, `"id":"x",`, `"owner":{"organisation":"` + organisation + `"},`, `"uploadedBy":"x",`, `"createdBy":"x",`,
	}
	for _, name := range []string{"role", "Role", "ROLE", "rOLE", "role ", "rolE\u0000", "ｒole"} {
		quoted, _ := json.Marshal(name)
		all = append(all, string(quoted)+`:"admin",`)
	}
	for _, name := range []string{"organisation", "Organisation", "organization"} {
		all = append(all, `"`+name+`":"`+organisation+`",`)
	}
	return all
}

// spoofedHeaders are identity headers that other products trust.
var spoofedHeaders = []string{
	"X-User-Role", "X-Role", "X-Roles", "Role", "X-Auth-Role", "X-User-Id", "X-User", "X-User-Email", "X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups",
	"X-Remote-User", "Remote-User", "X-Authenticated-User", "X-Organisation", "X-Admin", "X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override",
}

// TestNoPrivilegeEscalation sends roles and organisations in every JSON body and in
// headers, as every caller except the admin. No caller gains a right.
func TestNoPrivilegeEscalation(t *testing.T) {
	onSharedSuites(t, func(s *suite) {
		c, all, sent := s.newAccessFixture(), s.operations(), 0
		var spoofed []string
		for _, name := range spoofedHeaders {
			spoofed = append(spoofed, name, "admin")
		}
		spoofed = append(spoofed, "Cookie", "token="+c.sessions["admin"].Token, "X-Forwarded-Authorization", "Bearer "+c.sessions["admin"].Token)
		expected := parseMatrix(s.t)
		for _, route := range slices.Sorted(maps.Keys(all)) {
			op, resource := all[route][0], resourcesOf(route)[0]
			for i, caller := range callers {
				if caller == "admin" {
					continue
				}
				if op.RequestBody.Content["application/json"].Schema.Ref != "" {
					for _, member := range members(c.otherOperator.User.Organisation) {
						a := c.send(op, route, resource, caller, member)
						c.checkEscalation(a, member)
						sent++
					}
				}
				if a := c.send(op, route, resource, caller, "", spoofed...); strconv.Itoa(a.Status) != expected[row{route, resource}][i] {
					s.t.Errorf("%s by %s with spoofed headers = %d: %s", route, caller, a.Status, a.Text)
				}
				sent++
			}
		}
		for _, caller := range append(callers[2:6:6], "manager") {
			before, now := c.sessions[caller].User, s.login(c.sessions[caller].User.Email).User
			if now != before {
				s.t.Errorf("account %+v changed to %+v", before, now)
			}
		}
		s.t.Logf("%d requests", sent)
	})
}

// checkEscalation fails the test if a response contains the role or organisation in member.
func (c *accessFixture) checkEscalation(a resttest.Response, member string) {
	c.t.Helper()
	var got struct {
		User  struct{ ID, Role, Organisation string }
		Role  string
		Owner struct{ Organisation string }
	}
	_ = json.Unmarshal([]byte(a.Text), &got)    // other responses have none of these members
	theirs := c.otherOperator.User.Organisation // in the response to a login it is allowed: otherOperator logs in
	gained := slices.Contains([]string{got.Role, got.User.Role}, "admin") || got.User.ID == "x" || got.Owner.Organisation == theirs ||
		got.User.Organisation == theirs && a.Route != "POST /api/auth/login"
	if a.Status >= 500 || a.Status < 400 && gained {
		c.t.Errorf("%s with %s = %d: %s", a.Route, member, a.Status, a.Text)
	}
}
