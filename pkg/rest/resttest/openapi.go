package resttest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// checkSchemas checks what generated clients rely on: requests with unknown members are
// refused, responses may get members, and numbers have the size of those of JSON.
func checkSchemas(t *testing.T, spec []byte) {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(spec, &doc); err != nil {
		t.Fatal(err)
	}
	schemas := doc["components"].(map[string]any)["schemas"].(map[string]any)
	for path, methods := range doc["paths"].(map[string]any) {
		for method, op := range methods.(map[string]any) {
			op := op.(map[string]any)
			for part, closed := range map[string]bool{"requestBody": true, "responses": false} {
				w := schemaWalk{t, schemas, closed, map[string]bool{}}
				w.walk(op[part], method+" "+path+" "+part)
			}
			if op["security"] == nil {
				t.Errorf("%s %s does not say whether it needs a login", method, path)
			}
		}
	}
}

// schemaWalk checks all schemas that a request or a response uses.
type schemaWalk struct {
	t       *testing.T
	schemas map[string]any
	closed  bool
	visited map[string]bool
}

func (w schemaWalk) walk(v any, place string) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			w.walk(item, place)
		}
	case map[string]any:
		w.check(v, place)
		for key, member := range v {
			if key != "examples" && key != "example" {
				w.walk(member, place)
			}
		}
	}
}

func (w schemaWalk) check(s map[string]any, place string) {
	if name, ok := strings.CutPrefix(fmt.Sprint(s["$ref"]), "#/components/schemas/"); ok && !w.visited[name] {
		w.visited[name] = true
		w.walk(w.schemas[name], place+" "+name)
	}
	if _, isObject := s["properties"].(map[string]any); isObject && s["type"] == "object" {
		if closed := s["additionalProperties"] == false; closed != w.closed {
			w.t.Errorf("%s: additionalProperties false: got %v, want %v", place, closed, w.closed)
		}
	}
	if types := fmt.Sprint(s["type"]); strings.Contains(types, "number") && s["format"] != "double" {
		w.t.Errorf("%s: a number has the format %v, want double", place, s["format"])
	} else if strings.Contains(types, "integer") && s["format"] != "int64" && s["format"] != "int32" {
		w.t.Errorf("%s: an integer has the format %v, want int64", place, s["format"])
	}
}
