package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/rest/resttest"
)

// operation is one of an OpenAPI document.
type operation struct {
	service     resttest.Client
	Parameters  []struct{ Name, In string }
	RequestBody struct {
		Content map[string]struct{ Schema struct{ Ref string } }
	}
	properties map[string]struct{ Type string } // of the body, where that is JSON
}

// operations returns those of all four documents by their routes: those of
// health are in each.
func (s *suite) operations() map[string][]operation {
	s.t.Helper()
	all := map[string][]operation{}
	for _, service := range []resttest.Client{s.auth, s.passport, s.document, s.notification} {
		var doc struct {
			Paths      map[string]map[string]operation
			Components struct {
				Schemas map[string]struct {
					Properties map[string]struct{ Type string }
				}
			}
		}
		text := service.Do("GET /openapi.json", "").Want(200, nil).Text
		if err := json.Unmarshal([]byte(strings.ReplaceAll(text, `"$ref"`, `"ref"`)), &doc); err != nil {
			s.t.Fatal(err)
		}
		for path, methods := range doc.Paths {
			for method, op := range methods {
				op.service = service
				if body, ok := op.RequestBody.Content["application/json"]; ok {
					op.properties = doc.Components.Schemas[strings.TrimPrefix(body.Schema.Ref, "#/components/schemas/")].Properties
				}
				route := strings.ToUpper(method) + " " + path
				all[route] = append(all[route], op)
			}
		}
	}
	return all
}

// row names one of the matrix.
type row struct{ route, resource string }

// statedMatrix reads the matrix.
func statedMatrix(t *testing.T) map[row][]string {
	rows := map[row][]string{}
	for line := range strings.Lines(matrix) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if len(f) != 3+len(callers) {
			t.Fatalf("the line has %d words: %s", len(f), line)
		}
		at := row{f[0] + " " + f[1], f[2]}
		if rows[at] != nil {
			t.Errorf("there are two lines of %v", at)
		}
		rows[at] = f[3:]
	}
	return rows
}

// callers are the columns of the matrix. Who has a role is of one organisation,
// but for the admin.
var callers = []string{"nobody", "forged", "user", "operator", "legitimate_interest", "authority", "admin"}

// TestRoleMatrix asks every route of every document as everybody, for what is
// theirs, another's, and nobody's. Each status has to be the one that the matrix
// states; what one may not see is answered as what is not there, to the letter.
func TestRoleMatrix(t *testing.T) {
	onSuites(t, func(s *suite) {
		c, stated, cells := s.crowd(), statedMatrix(s.t), 0
		all := s.operations()
		for _, route := range slices.Sorted(maps.Keys(all)) {
			if strings.Contains(route, "{") && len(resourcesOf(route)) == 1 {
				s.t.Fatalf("%s: there is no kind of things at this path", route)
			}
			for _, op := range all[route] {
				cells += c.holds(op, route, stated)
			}
		}
		for at := range stated {
			if all[at.route] == nil || !slices.Contains(resourcesOf(at.route), at.resource) {
				s.t.Errorf("the matrix states %v, which no document has", at)
			}
		}
		s.t.Logf("%d routes, %d cells", len(all), cells)
	})
}

// holds asks for the rows of a route, and returns how many cells they have.
func (c *crowd) holds(op operation, route string, stated map[row][]string) (cells int) {
	c.t.Helper()
	answers := map[string]string{} // by resource and caller, without what always differs
	for _, resource := range resourcesOf(route) {
		var got []string
		for _, caller := range callers {
			a := c.ask(op, route, resource, caller, "")
			got = append(got, strconv.Itoa(a.Status))
			answers[resource+" "+caller] = neutral(a)
			cells++
		}
		if want := stated[row{route, resource}]; !slices.Equal(want, got) {
			c.t.Errorf("%s %s %s, and the matrix states %v", route, resource, strings.Join(got, " "), want)
		}
	}
	for _, caller := range callers {
		foreign, absent := answers["foreign "+caller], answers["absent "+caller]
		if resourcesOf(route)[0] == "own" && caller != "admin" && foreign != absent {
			c.t.Errorf("%s by %s tells what is hidden from what is not there:\n%s\n%s", route, caller, foreign, absent)
		}
	}
	return cells
}

var ids = regexp.MustCompile(`https://nlb\.example/[0-9a-f]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// neutral is an answer without ids and with the names of its headers alone.
func neutral(a resttest.Response) string {
	return fmt.Sprint(a.Status, slices.Sorted(maps.Keys(a.Header)), ids.ReplaceAllString(a.Text, "…"))
}
