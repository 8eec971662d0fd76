package e2e

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/battery-passport/suite/pkg/rest/resttest"
)

// members are what a body may be given to get a role or an organisation by it.
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

// spoofs are headers that somebody else's proxy would believe.
var spoofs = []string{
	"X-User-Role", "X-Role", "X-Roles", "Role", "X-Auth-Role", "X-User-Id", "X-User", "X-User-Email", "X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups",
	"X-Remote-User", "Remote-User", "X-Authenticated-User", "X-Organisation", "X-Admin", "X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override",
}

// TestRoleStaysWhatItIs puts roles into every JSON body and into headers, as
// somebody of each role that is no admin, and as nobody. All stay what they are.
func TestRoleStaysWhatItIs(t *testing.T) {
	onSuites(t, func(s *suite) {
		c, all, sent := s.crowd(), s.operations(), 0
		var spoofed []string
		for _, name := range spoofs {
			spoofed = append(spoofed, name, "admin")
		}
		spoofed = append(spoofed, "Cookie", "token="+c.who["admin"].Token, "X-Forwarded-Authorization", "Bearer "+c.who["admin"].Token)
		stated := statedMatrix(s.t)
		for _, route := range slices.Sorted(maps.Keys(all)) {
			op, resource := all[route][0], resourcesOf(route)[0]
			for i, caller := range callers[:len(callers)-1] {
				if op.RequestBody.Content["application/json"].Schema.Ref != "" {
					for _, member := range members(c.stranger.User.Organisation) {
						a := c.ask(op, route, resource, caller, member)
						c.gained(a, member)
						sent++
					}
				}
				if a := c.ask(op, route, resource, caller, "", spoofed...); strconv.Itoa(a.Status) != stated[row{route, resource}][i] {
					s.t.Errorf("%s by %s with headers = %d: %s", route, caller, a.Status, a.Text)
				}
				sent++
			}
		}
		for _, caller := range callers[2:6] {
			before, now := c.who[caller].User, s.login(c.who[caller].User.Email).User
			if now != before {
				s.t.Errorf("%+v is %+v now", before, now)
			}
		}
		s.t.Logf("%d requests", sent)
	})
}

// gained fails the test where an answer gives what was asked for beside it.
func (c *crowd) gained(a resttest.Response, member string) {
	c.t.Helper()
	var got struct {
		User  struct{ ID, Role, Organisation string }
		Role  string
		Owner struct{ Organisation string }
	}
	_ = json.Unmarshal([]byte(a.Text), &got) // a form, a list: none of these
	theirs := c.stranger.User.Organisation   // which the login has by right: it is the stranger's
	gained := slices.Contains([]string{got.Role, got.User.Role}, "admin") || got.User.ID == "x" || got.Owner.Organisation == theirs ||
		got.User.Organisation == theirs && a.Route != "POST /api/auth/login"
	if a.Status >= 500 || a.Status < 400 && gained {
		c.t.Errorf("%s with %s = %d: %s", a.Route, member, a.Status, a.Text)
	}
}
