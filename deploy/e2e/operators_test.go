package e2e

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/rest/resttest"
)

// literals are values that a database could interpret as an operator or as code.
var literals = []string{`{"$ne":null}`, `{"$gt":""}`, `{"$regex":".*"}`, `$where`, `' OR '1'='1`, `'; return true; //`, `.*`, `%`, `*`, `{"$oid":"65a1b2c3d4e5f60718293a4b"}`, "(a+)+$", "red\x00"}

// TestOperatorInjectionIsPrevented sends database operators in every query parameter and
// every string of a JSON body, as an admin with access to all resources. They are refused
// or match nothing.
func TestOperatorInjectionIsPrevented(t *testing.T) {
	onSharedSuites(t, func(s *suite) {
		c, all, sent := s.newAccessFixture(), s.operations(), 0
		for _, route := range slices.Sorted(maps.Keys(all)) {
			op, resource := all[route][0], resourcesOf(route)[0]
			for _, p := range op.Parameters {
				if p.In == "query" {
					sent += c.operatorsInQuery(op, route, resource, p.Name)
				}
			}
			for _, name := range slices.Sorted(maps.Keys(op.properties)) {
				if op.properties[name].Type == "string" {
					sent += c.operatorsInBody(op, route, resource, name)
				}
			}
		}
		s.t.Logf("%d requests", sent)
	})
}

func (c *accessFixture) operatorsInQuery(op operation, route, resource, name string) (sent int) {
	c.t.Helper()
	r, _ := c.address(route, resource, "admin")
	r, _, _ = strings.Cut(r, "?")
	for _, value := range literals {
		c.wantNothing(op.service, r+"?"+name+"="+url.QueryEscape(value))
		sent++
	}
	for _, suffix := range []string{"[$ne]", "[]", ".$ne", "[$where]"} {
		c.wantNothing(op.service, r+"?"+url.QueryEscape(name+suffix)+"=x")
		sent++
	}
	return sent
}

func (c *accessFixture) operatorsInBody(op operation, route, resource, name string) (sent int) {
	c.t.Helper()
	for _, operator := range []string{`{"$ne":""}`, `{"$gt":""}`, `["x"]`, `{"$where":"sleep(1000)"}`} {
		var body map[string]json.RawMessage
		if err := json.Unmarshal([]byte(c.body(route)), &body); err != nil {
			c.t.Fatal(err)
		}
		body[name] = json.RawMessage(operator)
		r, _ := c.address(route, resource, "admin")
		a := op.service.Call(r, c.sessions["admin"].Token, body)
		reported := a.Status == 200 && strings.Contains(a.Text, `"path":"/`+name+`","code":"type"`) // validatePassport reports errors with status 200
		if !reported && (a.Status < 400 || a.Status >= 500) {
			c.t.Errorf("%s with %s in %s = %d: %s", r, operator, name, a.Status, a.Text)
		}
		sent++
	}
	return sent
}

// wantNothing sends a request as an admin and fails the test unless it is refused or the list is empty.
func (c *accessFixture) wantNothing(service resttest.Client, route string) {
	c.t.Helper()
	a := service.Call(route, c.sessions["admin"].Token, nil)
	var page struct{ Items []any }
	empty := a.Status == 200 && json.Unmarshal([]byte(a.Text), &page) == nil && len(page.Items) == 0 && strings.Contains(a.Text, `"items":[]`)
	if empty = empty || a.Status == 200 && a.Text == ""; !empty && (a.Status < 400 || a.Status >= 500) {
		c.t.Errorf("%s = %d: %.300s", route, a.Status, a.Text)
	}
}
