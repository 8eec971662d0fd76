package e2e

import (
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/waittest"
)

// accessFixture has the callers of the access tests and the resources that they request.
type accessFixture struct {
	*suite
	sessions      map[string]session // by caller
	otherOperator session            // of another organisation
	ids           map[string]string  // of existing resources, by path and resource
}

func (s *suite) newAccessFixture() *accessFixture {
	s.t.Helper()
	c := &accessFixture{suite: s, sessions: map[string]session{"admin": s.admin()}, ids: map[string]string{}}
	organisation := slug("matrix")
	for _, role := range callers[2:6] {
		c.sessions[role] = s.newAccount(c.sessions["admin"], role, organisation)
	}
	c.sessions["manager"] = s.newAccount(c.sessions["admin"], "operator", organisation)
	s.changeAccount(c.sessions["admin"], c.sessions["manager"], `{"manager":true}`)
	c.sessions["manager"] = s.login(c.sessions["manager"].User.Email)
	c.otherOperator = s.newAccount(c.sessions["admin"], "operator", "not-"+organisation)
	// The claims of an admin with the signature of another token.
	claims, signature := c.sessions["admin"].Token, c.otherOperator.Token
	c.sessions["forged"] = session{Token: claims[:strings.LastIndex(claims, ".")] + signature[strings.LastIndex(signature, "."):]}
	for _, person := range append(slices.Collect(maps.Values(c.sessions)), c.otherOperator) {
		if person.User.ID != "" {
			s.waitForNotification(person, "user.registered", person.User.ID) // notifications need known recipients
		}
	}
	return c
}

// A kind is a kind of resource, identified by its path prefix. Its resources are the
// values of the second column of the matrix:
//
//	own        belongs to the caller or the organisation of the caller, not published
//	issued     a published passport of the organisation of the caller
//	foreign    belongs to another organisation, not published
//	published  belongs to another organisation, published
//	archived   an archived passport of another organisation
//	official   a document of another organisation with access class authority
//	existing   exists and has no owner
//	absent     does not exist
type kind struct {
	prefix    string
	resources []string
	create    func(c *accessFixture, resource, caller string) string
}

var kinds = []kind{
	{"/api/passports/rulesets/", []string{"existing", "absent"}, func(_ *accessFixture, resource, _ string) string {
		return map[string]string{"existing": "bp-2027-02", "absent": "bp-1"}[resource]
	}},
	{"/api/passports/", []string{"own", "foreign", "published", "absent", "issued", "archived"}, (*accessFixture).newPassport},
	{"/api/public/passports", []string{"own", "foreign", "published", "absent", "archived"}, (*accessFixture).newPassport},
	{"/api/namespaces/", []string{"own", "foreign", "absent"}, (*accessFixture).newNamespace},
	{"/api/public/documents/", []string{"own", "foreign", "published", "absent"}, (*accessFixture).newPublicDocument},
	{"/api/documents/", []string{"own", "foreign", "published", "absent", "official"}, (*accessFixture).newDocument},
	{"/api/notifications/", []string{"own", "foreign", "absent"}, (*accessFixture).newNotification},
	{"/api/auth/organisations/", []string{"own", "foreign", "absent"}, func(c *accessFixture, resource, _ string) string {
		id := slug("matrix")
		switch resource {
		case "own":
			id = c.sessions["operator"].User.Organisation
		case "foreign":
			c.organisation(c.sessions["admin"], id)
		}
		return id
	}},
	{"/api/auth/sessions/", []string{"own", "foreign", "absent"}, (*accessFixture).newSession},
	{"/api/auth/invitations/", []string{"own", "foreign", "absent"}, (*accessFixture).newInvitation},
	{"/api/auth/clients/", []string{"own", "foreign", "absent"}, func(c *accessFixture, resource, _ string) string {
		member := c.otherOperator
		switch resource {
		case "absent":
			return uuid.NewString()
		case "own":
			member = c.sessions["operator"]
		}
		return c.newClient(c.sessions["admin"], "user", member.User.Organisation).ID
	}},
	{"/api/auth/users/", []string{"own", "foreign", "absent"}, func(c *accessFixture, resource, caller string) string {
		switch resource {
		case "own":
			return c.self(caller).User.ID
		case "foreign":
			return c.register(uuid.NewString()+"@people.example", "").User.ID
		}
		return uuid.NewString()
	}},
}

// self returns the session of a caller, or of the operator for callers without an account.
func (c *accessFixture) self(caller string) session {
	if account := c.sessions[caller]; account.User.ID != "" {
		return account
	}
	return c.sessions["operator"]
}

func (c *accessFixture) newPassport(resource, _ string) string {
	maker := c.otherOperator
	switch resource {
	case "absent":
		return uuid.NewString()
	case "published":
		return c.published(maker, "ev-nmc-minimum-2027.json").ID
	case "issued":
		return c.published(c.sessions["operator"], "ev-nmc-minimum-2027.json").ID
	case "archived":
		id := c.published(maker, "ev-nmc-minimum-2027.json").ID
		c.passport.Call("POST /api/passports/"+id+"/archive", maker.Token, object{"reason": "x"}).Want(200, nil)
		return id
	case "own":
		maker = c.sessions["operator"]
	}
	var p passport
	c.passport.Call("POST /api/passports", maker.Token, object{"data": battery(c.t, "ev-nmc-minimum-2027.json")}).Want(201, &p)
	return p.ID
}

// newSession logs the holder in once more.
func (c *accessFixture) newSession(resource, caller string) string {
	holder := c.otherOperator
	switch resource {
	case "absent":
		return uuid.NewString()
	case "own":
		holder = c.self(caller)
	}
	own := c.sessions["admin"]
	if holder.User.ID == own.User.ID {
		own = c.admin()
	} else {
		own = c.login(holder.User.Email)
	}
	var list struct {
		Items []struct {
			ID      string
			Current bool
		}
	}
	c.auth.Call("GET /api/auth/sessions", own.Token, nil).Want(200, &list)
	for _, s := range list.Items {
		if s.Current {
			return s.ID
		}
	}
	c.t.Fatalf("no session of %+v is the current one", list.Items)
	return ""
}

func (c *accessFixture) newInvitation(resource, _ string) string {
	member := c.otherOperator
	switch resource {
	case "absent":
		return uuid.NewString()
	case "own":
		member = c.sessions["operator"]
	}
	var i struct{ ID string }
	body := object{"email": uuid.NewString() + "@matrix.example", "role": "user", "organisation": member.User.Organisation}
	c.auth.Call("POST /api/auth/invitations", c.sessions["admin"].Token, body).Want(201, &i)
	return i.ID
}

func (c *accessFixture) newNamespace(resource, _ string) string {
	maker := c.otherOperator
	switch resource {
	case "absent":
		return uuid.NewString()
	case "own":
		maker = c.sessions["operator"]
	}
	var n struct{ ID string }
	c.passport.Call("POST /api/namespaces", maker.Token, object{"kind": "host", "value": uuid.NewString() + ".example"}).Want(201, &n)
	return n.ID
}

func (c *accessFixture) newDocument(resource, caller string) string {
	maker, class := c.otherOperator, "owner"
	switch resource {
	case "absent":
		return uuid.NewString()
	case "published":
		class = "public"
	case "official":
		class = "authority"
	case "own":
		maker = c.self(caller)
	}
	var d struct{ DocID string }
	c.upload(maker.Token, "report.txt", "accessClass", class).Want(201, &d)
	return d.DocID
}

// newPublicDocument returns a document of a published passport. The one of the resource
// published is public, and the document-service knows that.
func (c *accessFixture) newPublicDocument(resource, caller string) string {
	if resource != "published" {
		return c.newDocument(resource, caller)
	}
	maker := c.otherOperator
	p := c.published(maker, "ev-nmc-minimum-2027.json")
	var d struct{ DocID string }
	c.upload(maker.Token, "report.txt", "passportId", p.ID, "accessClass", "public").Want(201, &d)
	waittest.Until(c.t, "the public document", func() bool { return c.document.Do("GET /api/public/documents/"+d.DocID, "").Status == 200 })
	return d.DocID
}

func (c *accessFixture) newNotification(resource, caller string) string {
	recipient := c.otherOperator
	switch resource {
	case "absent":
		return uuid.NewString()
	case "own":
		recipient = c.self(caller)
	}
	var n notification
	body := object{"type": "info", "eventType": "general.info", "recipient": recipient.User.ID}
	c.notification.Call("POST /api/notifications", c.sessions["admin"].Token, body).Want(201, &n)
	return n.ID
}

// resource returns the id of a resource, creating it if needed. A request that changes
// the resource must call used, so that the next request gets a new one.
func (c *accessFixture) resource(route, resource, caller string) (id string, used func()) {
	_, path, _ := strings.Cut(route, " ")
	i := slices.IndexFunc(kinds, func(k kind) bool { return strings.HasPrefix(path, k.prefix) })
	key := kinds[i].prefix + resource
	if resource == "own" {
		key += caller
	}
	if c.ids[key] == "" {
		c.ids[key] = kinds[i].create(c, resource, caller)
	}
	return c.ids[key], func() { delete(c.ids, key) }
}

// resourcesOf returns the resources for which the matrix has rows of a route.
func resourcesOf(route string) []string {
	_, path, _ := strings.Cut(route, " ")
	for _, k := range kinds {
		if strings.HasPrefix(path, k.prefix) && (strings.Contains(path, "{") || path == "/api/public/passports") {
			return k.resources
		}
	}
	return []string{"-"}
}
