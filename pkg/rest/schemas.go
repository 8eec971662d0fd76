package rest

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// completeSchemas removes additionalProperties: false from the schemas that no request uses. In
// request schemas it moves default into the description, because generated clients would send
// it. It adds the values of MemberValues.
func (a *API) completeSchemas() {
	schemas := a.huma.OpenAPI().Components.Schemas.Map()
	closed := map[*huma.Schema]bool{}
	var walk func(*huma.Schema)
	walk = func(s *huma.Schema) {
		if s == nil || closed[s] {
			return
		}
		closed[s] = true
		walk(schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")])
		walk(s.Items)
		for _, member := range s.Properties {
			walk(member)
			if member.Default != nil {
				member.Description, member.Default = fmt.Sprintf("%s; default: %v", member.Description, member.Default), nil
			}
		}
	}
	for _, s := range a.requests {
		walk(s)
	}
	for _, s := range schemas {
		if !closed[s] && s.AdditionalProperties == false {
			s.AdditionalProperties = nil
		}
		for name, values := range a.enums {
			if member := s.Properties[name]; member != nil {
				member.Extensions = map[string]any{"enum": values}
			}
		}
	}
	for _, place := range a.notEmpty {
		schema, member, _ := strings.Cut(place, ".")
		schemas[schema].Properties[member].Extensions = map[string]any{"minLength": 1}
	}
}

// Spec returns the OpenAPI document as indented JSON.
func (a *API) Spec() []byte { return a.spec() }

func (a *API) marshalSpec() []byte {
	a.completeSchemas()
	data, err := json.MarshalIndent(a.huma.OpenAPI(), "", "  ")
	if err != nil {
		panic(err) // not possible: the document has only types that can be marshalled
	}
	return append(data, '\n')
}

// Schema replaces the schema with this name in the OpenAPI document. It must be called
// after the operations are registered.
func (a *API) Schema(name string, schema map[string]any) {
	a.huma.OpenAPI().Components.Schemas.Map()[name] = &huma.Schema{Extensions: schema}
}

// MemberValues documents the values of the members with this name in all schemas. It does not refuse
// other values: the domain does, together with all other errors.
func MemberValues[T ~string](a *API, member string, values []T) { a.enums[member] = values }

// NotEmpty documents that members, such as Thing.name, must not be empty. Like MemberValues, it
// does not check them.
func NotEmpty(a *API, members ...string) { a.notEmpty = append(a.notEmpty, members...) }

// Bool is a boolean that clients may also send as a string. It is documented as a boolean.
type Bool struct{ Value any }

// UnmarshalJSON implements json.Unmarshaler.
func (b *Bool) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, &b.Value) }

// Schema implements huma.SchemaProvider. Its type is an extension, so that huma does not refuse
// other types: the handler does that.
func (Bool) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Extensions: map[string]any{"type": huma.TypeBoolean}}
}
