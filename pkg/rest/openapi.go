package rest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

// Version is the version in the OpenAPI documents.
const Version = "1.0.0"

// Document describes a service in its OpenAPI document.
type Document struct {
	Name        string // of the service in the ids of its health checks, such as Passport
	Path        string // of the service behind a gateway, such as /api/passports
	Title       string // such as "Passport Service"
	Description string
	Tags        map[string]string // descriptions of the groups of operations
	Examples    []byte            // JSON, operationExamples by operation id
}

const (
	evolution = "\n\nResponses may get further members, and enumerations further values, without a new version: ignore what you do not know. " +
		"Requests with unknown members are refused."
	tokenHelp = "Access token of the auth-service: the member token of the response of POST /api/auth/login or POST /api/auth/register. " +
		"It is valid for 15 minutes; POST /api/auth/refresh returns the next one. Enter it without the word Bearer."
)

// newOpenAPI returns a document without operations.
func newOpenAPI(d Document) *huma.OpenAPI {
	schemas := huma.NewMapRegistry("#/components/schemas/", schemaName)
	schemas.RegisterTypeAlias(reflect.TypeFor[wire.Value](), reflect.TypeFor[map[string]any]()) // without it, huma documents a []byte as base64
	doc := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: d.Title, Version: Version, Description: d.Description + evolution,
			License: &huma.License{Name: "MIT", Identifier: "MIT"},
			Contact: &huma.Contact{Name: "Battery Passport", URL: "https://github.com/battery-passport/suite"},
		},
		Servers: []*huma.Server{{URL: "/", Description: "the service that returns this document"}},
		Components: &huma.Components{
			Schemas: schemas, Responses: map[string]*huma.Response{},
			SecuritySchemes: map[string]*huma.SecurityScheme{bearer: {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: tokenHelp}},
		},
	}
	for _, name := range slices.Sorted(maps.Keys(d.Tags)) {
		doc.Tags = append(doc.Tags, &huma.Tag{Name: name, Description: d.Tags[name]})
	}
	doc.Tags = append(doc.Tags, &huma.Tag{Name: d.Title, Description: "State and keys of the service, for monitoring and other services."})
	return doc
}

// operationExamples are the examples of an operation.
type operationExamples struct {
	Request   mediaExamples
	Responses map[string]mediaExamples // by status
}

// mediaExamples are examples by media type and name.
type mediaExamples map[string]map[string]*huma.Example

// addTo adds the examples of an operation to its bodies.
func (e operationExamples) addTo(op *huma.Operation) {
	if op.RequestBody != nil {
		e.Request.addTo(op, op.RequestBody.Content)
	}
	for status, media := range e.Responses {
		response := op.Responses[status]
		if response.Ref != "" { // the response of all operations
			code, _ := strconv.Atoi(status)
			response = &huma.Response{Description: http.StatusText(code), Content: map[string]*huma.MediaType{problemType: {Schema: problemSchema}}}
			op.Responses[status] = response
		}
		media.addTo(op, response.Content)
	}
}

// addTo adds examples to the bodies of an operation. It panics if none has the media type.
func (m mediaExamples) addTo(op *huma.Operation, content map[string]*huma.MediaType) {
	for mediaType, examples := range m {
		if content[mediaType] == nil {
			panic(fmt.Sprintf("rest: %s has no body of type %s: delete its examples of that type", op.OperationID, mediaType))
		}
		content[mediaType].Examples = examples
	}
}

const problemType = "application/problem+json"

var problemSchema = &huma.Schema{Ref: "#/components/schemas/Problem"}

// problemExample is the part of a problem that differs between statuses.
type problemExample struct {
	detail string
	errors []fault.Detail
}

var problemExamples = map[int]problemExample{
	http.StatusBadRequest:                   {"the request body is not valid JSON", []fault.Detail{{Path: "/data", Code: "syntax", Message: "line 3, column 7: a comma is missing"}}},
	http.StatusUnauthorized:                 {"the access token is missing", []fault.Detail{{Path: "header:Authorization", Code: "required", Message: "must be Bearer <token>"}}},
	http.StatusForbidden:                    {"this requires the role admin", nil},
	http.StatusNotFound:                     {"it does not exist, or you may not see it", nil},
	http.StatusRequestTimeout:               {"the request body was sent too slowly", nil},
	http.StatusConflict:                     {"it already exists", []fault.Detail{{Path: "/id", Code: "duplicate", Message: "id already exists"}}},
	http.StatusGone:                         {"the passport was archived on 2027-03-01", nil},
	http.StatusPreconditionFailed:           {"it has version 4, If-Match has version 3", nil},
	http.StatusRequestEntityTooLarge:        {"the request body must not be larger than 1048576 bytes", nil},
	http.StatusUnsupportedMediaType:         {`Content-Type must be application/json, got "text/plain"`, []fault.Detail{{Path: "header:Content-Type", Code: "enum", Message: "must be application/json"}}},
	http.StatusRequestedRangeNotSatisfiable: {"the range must be within the 1024 bytes of the file", []fault.Detail{{Path: "header:Range", Code: "range", Message: "must start before the end of the file"}}},
	http.StatusMisdirectedRequest:           {`this service does not serve the host "other.example"`, nil},
	http.StatusUnprocessableEntity:          {"the request is not valid", []fault.Detail{{Path: "query:limit", Code: "range", Message: "must be at most 200"}}},
	http.StatusTooManyRequests:              {"there were too many requests from your network; try again in 12 s", nil},
	http.StatusInternalServerError:          {"an unexpected error occurred", nil},
	http.StatusServiceUnavailable:           {"the database is not available", nil},
	http.StatusInsufficientStorage:          {"your organisation has used all of its 10 GiB", nil},
}

// problemResponse returns a reference to the response for an error status. It adds the
// response to the document.
func (a *API) problemResponse(status int) *huma.Response {
	doc := a.huma.OpenAPI()
	name := strings.ReplaceAll(http.StatusText(status), " ", "")
	reference := &huma.Response{Ref: "#/components/responses/" + name}
	if doc.Components.Responses[name] != nil {
		return reference
	}
	doc.Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "")
	const id = "6a2f6c1e-3f0b-4d55-9c1e-5f1a7d2b8e01"
	example, kind := problemExamples[status], kindOf(status)
	response := &huma.Response{
		Description: http.StatusText(status) + ". " + kinds[kind].remedy,
		Content: map[string]*huma.MediaType{problemType: {Schema: problemSchema, Example: Problem{
			Type: problems + string(kind), Title: http.StatusText(status), Status: status, Detail: example.detail,
			Instance: "urn:uuid:" + id, RequestID: id, Errors: example.errors,
		}}},
	}
	header := func(name, description string) {
		response.Headers = map[string]*huma.Param{name: {Description: description, Schema: &huma.Schema{Type: huma.TypeString}}}
	}
	switch status {
	case http.StatusUnauthorized:
		header("WWW-Authenticate", "Bearer")
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		header("Retry-After", "seconds after which the request may be sent again")
	case http.StatusUnsupportedMediaType:
		header("Accept", "the media types that are accepted")
	case http.StatusRequestHeaderFieldsTooLarge: // package http sends it before routing
		response.Content = nil
		response.Description = http.StatusText(status) + ". The URL and the headers are too large. The body is a plain text."
	}
	doc.Components.Responses[name] = response
	return reference
}

// schemaName returns "PassportList" for List[Passport] and "ReportResult" for
// Result[Report]. For other types it returns the default name of huma.
func schemaName(t reflect.Type, hint string) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	name := huma.DefaultSchemaNamer(t, hint)
	for _, generic := range []string{"List", "Result"} {
		if strings.HasPrefix(t.Name(), generic+"[") {
			return strings.TrimPrefix(name, generic) + generic
		}
	}
	return name
}

// documentIDs adds the format uuid to the parameters that are ids. An id that is not a UUID
// belongs to no resource: huma must not refuse it.
func (o *operation) documentIDs(op *huma.Operation) {
	for i, p := range op.Parameters {
		if o.ids[p.Name] {
			parameter, schema := *p, *p.Schema
			schema.Format, parameter.Schema = "uuid", &schema
			op.Parameters[i] = &parameter
		}
	}
}

func parseExamples(data []byte) (all map[string]operationExamples) {
	if data == nil {
		return nil
	}
	if err := json.Unmarshal(data, &all); err != nil {
		panic(fmt.Sprintf("rest: the examples cannot be read: %v", err))
	}
	return all
}
