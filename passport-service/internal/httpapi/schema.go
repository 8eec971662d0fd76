package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/passport-service/internal/jsonschema"
	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/pkg/rest"
)

const schemaType = "application/schema+json"

type schemaInput struct {
	ID       string `path:"id" doc:"name of the rule set, such as bp-2027-02"`
	Category string `query:"category" enum:"EV,LMT,Industrial" doc:"only passports of this category; without it, the schema has the duties of each"`
	For      string `query:"for" enum:"draft,publish" default:"publish" doc:"draft: bodies that are stored; publish: bodies that are complete"`
	rest.Revalidation
}

type schemaOutput struct {
	Status      int
	ContentType string `header:"Content-Type" doc:"application/schema+json"`
	ETag        string `header:"ETag" doc:"hash of the schema, for If-None-Match"`
	Body        []byte
}

// schemaKey identifies a schema.
type schemaKey struct {
	ruleSet, category, purpose, since string
}

// schema returns the JSON Schema of request bodies. Schemas are cached: there are few of them.
func (a *API) schema(_ context.Context, in *schemaInput) (*schemaOutput, error) {
	s, err := a.Passports.DataSchema(in.ID)
	if err != nil {
		return nil, err
	}
	key := schemaKey{in.ID, in.Category, in.For, string(s.Since)}
	body, ok := a.schemas.Load(key)
	if !ok {
		body, _ = a.schemas.LoadOrStore(key, key.render(s))
	}
	out := &schemaOutput{Status: http.StatusOK, ContentType: schemaType, Body: body.([]byte)}
	if out.ETag = rest.BodyETag(out.Body); rest.MatchesETag(in.IfNoneMatch, out.ETag) {
		out.Status, out.Body = http.StatusNotModified, nil
	}
	return out, nil
}

// schemaFiles is the folder of the schemas in the repository.
const schemaFiles = "https://raw.githubusercontent.com/battery-passport/suite/main/docs/schemas/"

func (k schemaKey) render(s passport.DataSchema) []byte {
	id := schemaFiles + k.ruleSet + "/" + k.fileName()
	if k.since != "" && k.purpose == "publish" {
		id += "?on=" + k.since
	}
	title, kind := "Draft", "draft"
	if k.purpose == "publish" {
		title, kind = "Complete", "complete"
	}
	document := jsonschema.Schema{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": id,
		"title":       strings.TrimSpace(fmt.Sprintf("%s battery passport %s", title, k.category)),
		"description": fmt.Sprintf("body of a %s passport by the rule set %s; the service checks more rules than JSON Schema can express", kind, k.ruleSet),
		"type":        "object", "properties": bodyMembers(), "required": []string{"data"}, "additionalProperties": false,
		"$defs": s.Definitions(compliance.SchemaParams{Category: k.category, Complete: k.purpose == "publish"}),
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(document); err != nil {
		panic(err) // cannot happen: it consists of maps, lists, strings and numbers
	}
	return b.Bytes()
}

// fileName is the name of the schema in the repository: ev-publish.json.
func (k schemaKey) fileName() string {
	return strings.TrimPrefix(strings.ToLower(k.category)+"-"+k.purpose+".json", "-")
}

// bodyMembers returns the members of bodies around the data.
func bodyMembers() jsonschema.Schema {
	members := jsonschema.Schema{}
	for _, body := range []reflect.Type{reflect.TypeFor[PassportInput](), reflect.TypeFor[PassportReplacement]()} {
		for _, f := range reflect.VisibleFields(body) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Tag.Get("readOnly") != "" {
				members[name] = jsonschema.Schema{"description": "set by the service", "readOnly": true}
			}
		}
	}
	members["data"] = jsonschema.Schema{"$ref": "#/$defs/Data"}
	members["reason"] = jsonschema.Schema{"type": "string", "minLength": 1, "maxLength": 1000, "description": "reason for the change of a published passport"}
	return members
}
