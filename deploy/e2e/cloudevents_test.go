package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/binding/spec"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/battery-passport/suite/deploy/events/tail"
	"github.com/battery-passport/suite/pkg/waittest"
)

// record is a Kafka record as a message of the CloudEvents SDK, in binary mode.
type record struct{ *kgo.Record }

// schemas is the folder of the schemas; the S3 server changes the working directory.
var schemas, _ = filepath.Abs("../../docs/events")

var specs = spec.WithPrefix("ce_")

func (record) ReadEncoding() binding.Encoding { return binding.EncodingBinary }

func (record) ReadStructured(context.Context, binding.StructuredWriter) error {
	return binding.ErrNotStructured
}

func (r record) ReadBinary(_ context.Context, w binding.BinaryWriter) (err error) {
	for _, h := range r.Headers {
		attribute := specs.Version("1.0").Attribute(h.Key)
		switch extension, ok := strings.CutPrefix(h.Key, "ce_"); {
		case h.Key == "content-type":
			err = w.SetAttribute(specs.Version("1.0").AttributeFromKind(spec.DataContentType), string(h.Value))
		case attribute != nil:
			err = w.SetAttribute(attribute, string(h.Value))
		case ok:
			err = w.SetExtension(extension, string(h.Value))
		}
		if err != nil {
			return err
		}
	}
	return w.SetData(bytes.NewReader(r.Value))
}

func (r record) header(key string) any {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return nil
}

func (r record) GetAttribute(kind spec.Kind) (spec.Attribute, any) {
	a := specs.Version("1.0").AttributeFromKind(kind)
	return a, r.header(a.PrefixedName())
}

func (r record) GetExtension(name string) any { return r.header("ce_" + name) }

func (record) Finish(error) error { return nil }

// TestCloudEventsSDKReadsEvents reads the events of an organisation, an account, a passport
// and a document with the CloudEvents SDK for Go. The data schema of each is a file in docs,
// which has the members of the payload.
func TestCloudEventsSDKReadsEvents(t *testing.T) {
	s := start(t, config(t))
	admin := s.register("ann@x.example", "admin")
	s.organisation(admin, "nordlicht")
	var p passport
	s.passport.Call("POST /api/passports", admin.Token, sample(t, "readme-sample.json")).Want(201, &p)
	s.upload(admin.Token, "a.txt").Want(201, nil)
	waiting := map[string]bool{"user.registered": true, "organisation.updated": true, "passport.created": true, "document.uploaded": true}
	var topics []string
	for topic := range waiting {
		topics = append(topics, topic)
	}
	client, err := tail.NewClient(s.brokers, kgo.ConsumeTopics(topics...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), waittest.Limit)
	defer cancel()
	for len(waiting) > 0 && ctx.Err() == nil {
		client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			checkEvent(t, r)
			delete(waiting, r.Topic)
		})
	}
	if len(waiting) > 0 {
		t.Errorf("no events of %v", waiting)
	}
}

func checkEvent(t *testing.T, r *kgo.Record) {
	e, err := binding.ToEvent(t.Context(), record{r})
	if err != nil || e.Validate() != nil {
		t.Fatalf("%s: %v, %v", r.Topic, err, e.Validate())
	}
	if e.Type() != r.Topic || e.Subject() != string(r.Key) || e.Extensions()["sequence"] == nil || time.Since(e.Time()) > time.Hour {
		t.Errorf("event of %s is %s", r.Topic, e)
	}
	text, err := os.ReadFile(filepath.Join(schemas, path.Base(e.DataSchema())))
	var schema struct {
		ID         string `json:"$id"`
		Properties map[string]any
		Required   []string
	}
	if err != nil || json.Unmarshal(text, &schema) != nil || schema.ID != e.DataSchema() {
		t.Fatalf("%s: data schema %s, %v", r.Topic, e.DataSchema(), err)
	}
	var data map[string]any
	if err := e.DataAs(&data); err != nil {
		t.Fatal(err)
	}
	for name := range data {
		if schema.Properties[name] == nil {
			t.Errorf("%s: member %s is not in the schema", r.Topic, name)
		}
	}
	for _, name := range schema.Required {
		if data[name] == nil {
			t.Errorf("%s: member %s is missing", r.Topic, name)
		}
	}
}
