package e2e

import (
	"cmp"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/rest/resttest"
)

// crowd is who calls, and what there is to ask for.
type crowd struct {
	*suite
	who      map[string]session
	stranger session // an operator of another organisation
	there    map[string]string
}

func (s *suite) crowd() *crowd {
	s.t.Helper()
	c := &crowd{suite: s, who: map[string]session{"admin": s.admin()}, there: map[string]string{}}
	organisation := slug("matrix")
	for _, role := range callers[2:6] {
		c.who[role] = s.person(c.who["admin"], role, organisation)
	}
	c.stranger = s.person(c.who["admin"], "operator", "not-"+organisation)
	// What an admin's token says, with the signature of another.
	said, signature := c.who["admin"].Token, c.stranger.Token
	c.who["forged"] = session{Token: said[:strings.LastIndex(said, ".")] + signature[strings.LastIndex(signature, "."):]}
	for _, person := range append(slices.Collect(maps.Values(c.who)), c.stranger) {
		if person.User.ID != "" {
			s.told(person, "user.registered", person.User.ID) // so that word can be sent to them
		}
	}
	return c
}

// A kind is of what is named below a path. The resources are what a row of the
// matrix is for: the caller's own or that of the organisation, a stranger's that
// is hidden, a stranger's that is published, and what does not exist; of passports
// also what the organisation has published, and what a stranger has archived, and
// of documents what a stranger has for authorities.
type kind struct {
	prefix    string
	resources []string
	thing     func(c *crowd, resource, caller string) string
}

var kinds = []kind{
	{"/api/passports/rulesets/", []string{"there", "absent"}, func(_ *crowd, resource, _ string) string {
		return map[string]string{"there": "bp-2027-02", "absent": "bp-1"}[resource]
	}},
	{"/api/passports/", []string{"own", "foreign", "published", "absent", "issued", "archived"}, (*crowd).somePassport},
	{"/api/public/passports", []string{"own", "foreign", "published", "absent", "archived"}, (*crowd).somePassport},
	{"/api/documents/", []string{"own", "foreign", "published", "absent", "official"}, (*crowd).someDocument},
	{"/api/notifications/", []string{"own", "foreign", "absent"}, (*crowd).someNotification},
	{"/api/auth/organisations/", []string{"there", "absent"}, func(c *crowd, resource, _ string) string {
		id := slug(resource)
		if resource == "there" {
			c.organisation(c.who["admin"], id)
		}
		return id
	}},
	{"/api/auth/users/", []string{"own", "foreign", "absent"}, func(c *crowd, resource, caller string) string {
		return map[string]string{"own": c.self(caller).User.ID, "foreign": c.stranger.User.ID, "absent": uuid.NewString()}[resource]
	}},
}

// self is the account of a caller; that of the operator for who has none.
func (c *crowd) self(caller string) session {
	if who := c.who[caller]; who.User.ID != "" {
		return who
	}
	return c.who["operator"]
}

func (c *crowd) somePassport(resource, _ string) string {
	maker := c.stranger
	switch resource {
	case "absent":
		return uuid.NewString()
	case "published":
		return c.published(maker, "ev-nmc-minimum-2027.json").ID
	case "issued":
		return c.published(c.who["operator"], "ev-nmc-minimum-2027.json").ID
	case "archived":
		id := c.published(maker, "ev-nmc-minimum-2027.json").ID
		c.passport.Call("POST /api/passports/"+id+"/archive", maker.Token, object{"reason": "x"}).Want(200, nil)
		return id
	case "own":
		maker = c.who["operator"]
	}
	var p answer
	c.passport.Call("POST /api/passports", maker.Token, object{"data": battery(c.t, "ev-nmc-minimum-2027.json")}).Want(201, &p)
	return p.ID
}

func (c *crowd) someDocument(resource, caller string) string {
	maker, public, class := c.stranger, "false", "owner"
	switch resource {
	case "absent":
		return uuid.NewString()
	case "published":
		public = "true"
	case "official":
		class = "authority"
	case "own":
		maker = c.self(caller)
	}
	var d struct{ DocID string }
	c.upload(maker.Token, "report.txt", "isPublic", public, "accessClass", class).Want(201, &d)
	return d.DocID
}

func (c *crowd) someNotification(resource, caller string) string {
	recipient := c.stranger
	switch resource {
	case "absent":
		return uuid.NewString()
	case "own":
		recipient = c.self(caller)
	}
	var n told
	body := object{"type": "info", "eventType": "general.info", "recipient": recipient.User.ID}
	c.notification.Call("POST /api/notifications", c.who["admin"].Token, body).Want(201, &n)
	return n.ID
}

// thing returns the id of a resource, and how to do away with it: what no
// request has changed is there for the next.
func (c *crowd) thing(route, resource, caller string) (id string, used func()) {
	_, path, _ := strings.Cut(route, " ")
	i := slices.IndexFunc(kinds, func(k kind) bool { return strings.HasPrefix(path, k.prefix) })
	key := kinds[i].prefix + resource
	if resource == "own" {
		key += caller
	}
	if c.there[key] == "" {
		c.there[key] = kinds[i].thing(c, resource, caller)
	}
	return c.there[key], func() { delete(c.there, key) }
}

// resourcesOf returns what the rows of a route are for.
func resourcesOf(route string) []string {
	_, path, _ := strings.Cut(route, " ")
	for _, k := range kinds {
		if strings.HasPrefix(path, k.prefix) && (strings.Contains(path, "{") || path == "/api/public/passports") {
			return k.resources
		}
	}
	return []string{"-"}
}

// ask sends the request of a cell. Members are put into a JSON body, before
// those that it has.
func (c *crowd) ask(op operation, route, resource, caller, member string, headers ...string) (a resttest.Response) {
	c.t.Helper()
	r, used := c.address(route, resource, caller)
	if token := c.who[caller].Token; token != "" {
		headers = append(headers, "Authorization", "Bearer "+token)
	}
	body := ""
	if _, form := op.RequestBody.Content["multipart/form-data"]; form {
		body = "--b\r\nContent-Disposition: form-data; name=file; filename=a.txt\r\n\r\nabc\r\n--b--\r\n"
		headers = append(headers, "Content-Type", "multipart/form-data; boundary=b")
	} else if op.RequestBody.Content != nil {
		body = strings.Replace(c.body(route), "{", "{"+member, 1)
		body = strings.Replace(body, ",}", "}", 1)
	}
	if a = op.service.Do(r, body, headers...); !strings.HasPrefix(r, "GET ") && a.Status < 400 {
		used()
	}
	return a
}

// body returns a right one for a route.
func (c *crowd) body(route string) string {
	text, ok := bodies[route]
	if !ok {
		c.t.Fatalf("%s: there is no body for it", route)
	}
	return strings.NewReplacer("{new}", uuid.NewString(), "{slug}", slug("new"), "{email}", c.stranger.User.Email, "{password}", password).Replace(text)
}

var id = regexp.MustCompile(`\{(id|docId)\}`)

// address is a route to a resource, and how to do away with that.
func (c *crowd) address(route, resource, caller string) (r string, used func()) {
	if resource == "-" {
		return route, func() {}
	}
	one, used := c.thing(route, resource, caller)
	r = id.ReplaceAllString(strings.ReplaceAll(route, "{version}", "1"), one)
	if r == "GET /api/public/passports" {
		var p answer // none, of what is absent
		_ = json.Unmarshal([]byte(c.passport.Call("GET /api/passports/"+one, c.who["admin"].Token, nil).Text), &p)
		r += "?identifier=" + cmp.Or(p.BatteryIdentifier, one)
	}
	return r, used
}
