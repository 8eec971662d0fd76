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

// operation is an operation of an OpenAPI document.
type operation struct {
	service     resttest.Client
	Parameters  []struct{ Name, In string }
	RequestBody struct {
		Content map[string]struct{ Schema struct{ Ref string } }
	}
	properties map[string]struct{ Type any } // of a JSON body
}

// operations returns the operations of all four services by route. Routes such as
// GET /health have one operation per service.
func (s *suite) operations() map[string][]operation {
	s.t.Helper()
	all := map[string][]operation{}
	for _, service := range []resttest.Client{s.auth, s.passport, s.document, s.notification} {
		var doc struct {
			Paths      map[string]map[string]operation
			Components struct {
				Schemas map[string]struct {
					Properties map[string]struct{ Type any }
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

// row identifies a row of the matrix.
type row struct{ route, resource string }

// parseMatrix returns the expected statuses of each row of the matrix, by caller.
func parseMatrix(t *testing.T) map[row][]string {
	rows := map[row][]string{}
	for line := range strings.Lines(matrix) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if len(f) != 2+len(callers) {
			t.Fatalf("line has %d words, want 3 and one per caller except the manager: %s", len(f), line)
		}
		key := row{f[0] + " " + f[1], f[2]}
		if rows[key] != nil {
			t.Errorf("matrix has two lines for %v", key)
		}
		rows[key] = append(f[3:], f[3+slices.Index(callers, "operator")]) // the manager has the role operator
	}
	for line := range strings.Lines(managerMatrix) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		key := row{f[0] + " " + f[1], f[2]}
		if len(f) != 4 || rows[key] == nil {
			t.Fatalf("matrix has no line for this line of the manager: %s", line)
		}
		rows[key][slices.Index(callers, "manager")] = f[3]
	}
	return rows
}

// callers are the columns of the matrix; that of the manager is managerMatrix. All callers
// with a role except the admin belong to one organisation.
var callers = []string{"anonymous", "forged", "user", "operator", "legitimate_interest", "authority", "admin", "manager"}

// TestRoleMatrix sends a request to every route as every caller, for own, foreign and
// missing resources, and compares the statuses with the matrix. Responses for foreign
// hidden resources must not differ from those for missing resources.
func TestRoleMatrix(t *testing.T) {
	onSharedSuites(t, func(s *suite) {
		c, expected, cells := s.newAccessFixture(), parseMatrix(s.t), 0
		all := s.operations()
		for _, route := range slices.Sorted(maps.Keys(all)) {
			if strings.Contains(route, "{") && len(resourcesOf(route)) == 1 {
				s.t.Fatalf("%s: kinds has no entry for this path", route)
			}
			for _, op := range all[route] {
				cells += c.checkRoute(op, route, expected)
			}
		}
		for at := range expected {
			if all[at.route] == nil || !slices.Contains(resourcesOf(at.route), at.resource) {
				s.t.Errorf("matrix has a row for %v, which is in no OpenAPI document", at)
			}
		}
		s.t.Logf("%d routes, %d cells", len(all), cells)
	})
}

// checkRoute checks all rows of a route and returns the number of cells.
func (c *accessFixture) checkRoute(op operation, route string, expected map[row][]string) (cells int) {
	c.t.Helper()
	responses := map[string]string{} // normalized, by resource and caller
	for _, resource := range resourcesOf(route) {
		var got []string
		for _, caller := range callers {
			a := c.send(op, route, resource, caller, "")
			got = append(got, strconv.Itoa(a.Status))
			responses[resource+" "+caller] = normalize(a)
			cells++
		}
		if want := expected[row{route, resource}]; !slices.Equal(want, got) {
			c.t.Errorf("%s %s: got %s, want %v", route, resource, strings.Join(got, " "), want)
		}
	}
	for _, caller := range callers {
		foreign, absent := responses["foreign "+caller], responses["absent "+caller]
		if resourcesOf(route)[0] == "own" && caller != "admin" && foreign != absent {
			c.t.Errorf("%s by %s: responses for a hidden and a missing resource differ:\n%s\n%s", route, caller, foreign, absent)
		}
	}
	return cells
}

var ids = regexp.MustCompile(`https://nlb\.example/[0-9a-f]+|matrix-[0-9a-f-]{13}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// normalize returns a response without ids and without the values of headers.
func normalize(a resttest.Response) string {
	return fmt.Sprint(a.Status, slices.Sorted(maps.Keys(a.Header)), ids.ReplaceAllString(a.Text, "…"))
}
