package e2e

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
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
func (c *crowd) gained(a resttest.Answer, member string) {
	c.t.Helper()
	var got struct {
		User  struct{ ID, Role, Organisation string }
		Role  string
		Owner struct{ Organisation string }
	}
	_ = json.Unmarshal([]byte(a.Text), &got) // a form, a list: none of these
	if a.Status >= 500 || a.Status < 400 && (got.Role == "admin" || got.User.Role == "admin" || got.User.ID == "x" || got.Owner.Organisation == c.stranger.User.Organisation || got.User.Organisation == c.stranger.User.Organisation && !strings.HasPrefix(a.Route, "POST /api/auth/login")) {
		c.t.Errorf("%s with %s = %d: %s", a.Route, member, a.Status, a.Text)
	}
}

// literals are what a database, or a shell of one, might take for more than a
// value.
var literals = []string{`{"$ne":null}`, `{"$gt":""}`, `{"$regex":".*"}`, `$where`, `' OR '1'='1`, `'; return true; //`, `.*`, `%`, `*`, `{"$oid":"65a1b2c3d4e5f60718293a4b"}`, "(a+)+$", "red\x00"}

// TestOperatorsAreValues puts operators into every query and every text of a
// JSON body, as an admin, who would see everything. They are values that nothing
// has, or refused.
func TestOperatorsAreValues(t *testing.T) {
	onSuites(t, func(s *suite) {
		c, all, sent := s.crowd(), s.operations(), 0
		for _, route := range slices.Sorted(maps.Keys(all)) {
			op, resource := all[route][0], resourcesOf(route)[0]
			for _, p := range op.Parameters {
				if p.In != "query" {
					continue
				}
				r, _ := c.address(route, resource, "admin")
				r, _, _ = strings.Cut(r, "?")
				for _, value := range literals {
					c.nothing(op.service, r+"?"+p.Name+"="+url.QueryEscape(value))
				}
				for _, name := range []string{"[$ne]", "[]", ".$ne", "[$where]"} {
					c.nothing(op.service, r+"?"+url.QueryEscape(p.Name+name)+"=x")
				}
				sent += len(literals) + 4
			}
			for _, name := range slices.Sorted(maps.Keys(op.properties)) {
				if op.properties[name].Type != "string" {
					continue
				}
				for _, operator := range []string{`{"$ne":""}`, `{"$gt":""}`, `["x"]`, `{"$where":"sleep(1000)"}`} {
					var body map[string]json.RawMessage
					if err := json.Unmarshal([]byte(c.body(route)), &body); err != nil {
						s.t.Fatal(err)
					}
					body[name] = json.RawMessage(operator)
					r, _ := c.address(route, resource, "admin")
					a := op.service.Call(r, c.who["admin"].Token, body)
					told := a.Status == 200 && strings.Contains(a.Text, `"path":"/`+name+`","code":"type"`) // validate tells all, and stores nothing
					if !told && (a.Status < 400 || a.Status >= 500) {
						s.t.Errorf("%s with %s in %s = %d: %s", r, operator, name, a.Status, a.Text)
					}
					sent++
				}
			}
		}
		s.t.Logf("%d requests", sent)
	})
}

// nothing asks as an admin, and fails the test where there is anything.
func (c *crowd) nothing(service resttest.Client, route string) {
	c.t.Helper()
	a := service.Call(route, c.who["admin"].Token, nil)
	var page struct{ Items []any }
	empty := a.Status == 200 && json.Unmarshal([]byte(a.Text), &page) == nil && len(page.Items) == 0 && strings.Contains(a.Text, `"items":[]`)
	if !empty && (a.Status < 400 || a.Status >= 500) {
		c.t.Errorf("%s = %d: %.300s", route, a.Status, a.Text)
	}
}
