package e2e

import (
	"cmp"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/rest/resttest"
)

// send sends the request of a cell of the matrix. It inserts member at the start of a
// JSON body.
func (c *accessFixture) send(op operation, route, resource, caller, member string, headers ...string) (a resttest.Response) {
	c.t.Helper()
	r, used := c.address(route, resource, caller)
	if token := c.sessions[caller].Token; token != "" {
		headers = append(headers, "Authorization", "Bearer "+token)
	}
	body := ""
	if _, form := op.RequestBody.Content["multipart/form-data"]; form {
		body = "--b\r\nContent-Disposition: form-data; name=file; filename=a.txt\r\n\r\nabc\r\n--b--\r\n"
		headers = append(headers, "Content-Type", "multipart/form-data; boundary=b")
	} else if op.RequestBody.Content != nil {
		body = strings.Replace(c.body(route), "{", "{"+member, 1)
		body = strings.Replace(body, ",}", "}", 1)
		headers = append(headers, "Content-Type", jsonType)
	}
	if a = op.service.Do(r, body, headers...); !strings.HasPrefix(r, "GET ") && a.Status < 400 {
		used()
	}
	return a
}

// body returns a valid body for a route.
func (c *accessFixture) body(route string) string {
	text, ok := bodies[route]
	if !ok {
		c.t.Fatalf("%s: its body is missing in bodies", route)
	}
	return strings.NewReplacer("{new}", uuid.NewString(), "{slug}", slug("new"), "{email}", c.otherOperator.User.Email, "{organisation}", c.sessions["operator"].User.Organisation, "{password}", password).Replace(text)
}

var id = regexp.MustCompile(`\{(id|docId)\}`)

// address returns the route with the id of a resource, and used as in resource.
func (c *accessFixture) address(route, resource, caller string) (r string, used func()) {
	if resource == "-" {
		return route, func() {}
	}
	resourceID, used := c.resource(route, resource, caller)
	r = id.ReplaceAllString(strings.ReplaceAll(route, "{version}", "1"), resourceID)
	if r == "GET /api/public/passports" {
		var p passport // stays empty if it does not exist
		_ = json.Unmarshal([]byte(c.passport.Call("GET /api/passports/"+resourceID, c.sessions["admin"].Token, nil).Text), &p)
		r += "?identifier=" + cmp.Or(p.BatteryIdentifier, resourceID)
	}
	return r, used
}
