package event_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/trace"
)

type object = map[string]any

// docs is the folder of the generated schemas and of the AsyncAPI document.
const docs = "../../docs/"

// compare compares a generated JSON document with a file in docs.
func compare(t *testing.T, name string, document object) {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(document); err != nil {
		t.Fatal(err)
	}
	path := filepath.FromSlash(docs + name)
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, b.Bytes()) {
		t.Errorf("%s is out of date: run this test with -update (%v)", path, err)
	}
}

// TestSchemasAreCurrent generates the JSON Schema of each payload.
func TestSchemasAreCurrent(t *testing.T) {
	for _, p := range samples() {
		compare(t, "events/"+p.Topic()+".schema.json", schemaOf(p))
	}
}

// descriptions of the events.
var descriptions = map[string]string{
	"passport.created":        "A draft passport was created.",
	"passport.published":      "A draft was published. From then on everybody may read the public part of the passport.",
	"passport.updated":        "A passport was changed. Only the names of changed public members are sent.",
	"passport.deleted":        "A draft was deleted.",
	"passport.snapshot":       "Describes a passport at a version. It reports no change: it is sent for consumers that have missed events.",
	"passport.importFinished": "An import of passports has ended.",
	"document.uploaded":       "A document was uploaded and can be downloaded.",
	"document.updated":        "The metadata of a document was changed. The event describes the document after the change.",
	"document.deleted":        "A document was deleted.",
	"user.registered":         "An account was created.",
	"user.updated":            "An account was changed. The event describes the account after the change.",
	"user.deleted":            "An account was erased. Consumers forget its email address; its id remains in histories.",
	"organisation.updated":    "An organisation was created, changed or deleted. The event describes the organisation after the change.",
}

// schemaOf returns the JSON Schema of a payload. Further members are allowed, because
// payloads grow.
func schemaOf(p event.Payload) object {
	schema := structSchema(reflect.TypeOf(p))
	schema["$schema"], schema["$id"] = "https://json-schema.org/draft/2020-12/schema", event.SchemaURL(p.Topic())
	schema["title"], schema["description"] = reflect.TypeOf(p).Name(), descriptions[p.Topic()]
	return schema
}

// structSchema returns the JSON Schema of a struct.
func structSchema(of reflect.Type) object {
	properties, required := object{}, []string{}
	for i := range of.NumField() {
		f := of.Field(i)
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		if option == "" {
			required = append(required, name)
		}
		properties[name] = propertyOf(f)
	}
	return object{"type": "object", "properties": properties, "required": required}
}

func propertyOf(f reflect.StructField) object {
	property := object{}
	if f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[time.Time]() {
		property = structSchema(f.Type)
	}
	property["description"] = f.Tag.Get("doc")
	if format := f.Tag.Get("format"); format != "" {
		property["format"] = format
	}
	switch {
	case f.Type == reflect.TypeFor[time.Time]():
		property["type"], property["format"] = "string", "date-time"
	case f.Type == reflect.TypeFor[[]string]():
		property["type"], property["items"] = "array", object{"type": "string"}
	case f.Type.Kind() != reflect.Struct:
		property["type"] = map[reflect.Kind]string{reflect.String: "string", reflect.Int64: "integer", reflect.Bool: "boolean"}[f.Type.Kind()]
	}
	return property
}

// TestAsyncAPIIsCurrent generates the AsyncAPI document. deploy/events/check validates it.
func TestAsyncAPIIsCurrent(t *testing.T) {
	channels, operations, messages := object{}, object{}, object{}
	for _, p := range samples() {
		topic, name := p.Topic(), reflect.TypeOf(p).Name()
		channels[topic] = object{
			"address": topic, "description": descriptions[topic], "messages": object{name: object{"$ref": "#/components/messages/" + name}},
		}
		operations["send"+name] = object{
			"action": "send", "summary": descriptions[topic], "channel": object{"$ref": "#/channels/" + topic},
			"messages": []object{{"$ref": "#/channels/" + topic + "/messages/" + name}},
		}
		messages[name] = messageOf(t, p)
	}
	compare(t, "asyncapi.json", object{
		"asyncapi": "3.1.0",
		"info": object{
			"title": "Battery Passport events", "version": rest.Version, "license": object{"name": "MIT"},
			"description": "Events that the services publish to Kafka: CloudEvents 1.0 in binary mode, at least once, in order per key within a topic. Payloads only grow: ignore members and event types that you do not know.",
		},
		"defaultContentType": "application/json",
		"servers": object{"local": object{
			"host": "127.0.0.1:9092", "protocol": "kafka", "description": "make run; docker compose also requires SASL (SCRAM-SHA-512), see docs/events.md",
		}},
		"channels": channels, "operations": operations,
		"components": object{"messages": messages, "messageTraits": object{"cloudEvent": object{"headers": headers()}}},
	})
}

func messageOf(t *testing.T, p event.Payload) object {
	e := sampleOf(t, p)
	example := object{}
	for _, h := range e.Headers() {
		example[h.Key] = h.Value
	}
	return object{
		"name": p.Topic(), "title": descriptions[p.Topic()], "contentType": "application/json",
		"traits":  []object{{"$ref": "#/components/messageTraits/cloudEvent"}},
		"payload": object{"$ref": "./events/" + p.Topic() + ".schema.json"},
		"bindings": object{"kafka": object{
			"key": object{"type": "string", "description": "id of the passport, document, account or organisation, like ce_subject"}, "bindingVersion": "0.5.0",
		}},
		"examples": []object{{"name": "sample", "headers": example, "payload": json.RawMessage(e.Data)}},
	}
}

// headers returns the schema of the headers that every event has.
func headers() object {
	text := func(description string) object { return object{"type": "string", "description": description} }
	return object{"type": "object", "properties": object{
		"ce_specversion": object{"type": "string", "const": "1.0", "description": "version of CloudEvents"},
		"ce_id":          object{"type": "string", "format": "uuid", "description": "unique id; use it to ignore duplicates"},
		"ce_source":      text("service that sent the event, such as /passport-service"),
		"ce_type":        text("type of the event, which is also the topic"),
		"ce_subject":     text("id of the resource, which is also the key"),
		"ce_time":        object{"type": "string", "format": "date-time", "description": "time of the change"},
		"ce_sequence":    object{"type": "string", "pattern": "^[0-9]+$", "description": "version of the resource after the change"},
		"ce_dataschema":  object{"type": "string", "format": "uri", "description": "JSON Schema of the payload"},
		"ce_traceparent": text("like traceparent, as a CloudEvents extension"),
		trace.Header:     text("W3C trace context of the request that caused the event"),
		"content-type":   object{"type": "string", "const": "application/json", "description": "media type of the payload"},
	}, "required": []string{"ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject", "ce_time", "ce_sequence", "ce_dataschema", "content-type"}}
}
