package mongo_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/outbox"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/wire"
)

// TestStoredForm reads records as releases stored them, and checks that this release stores the
// last one. Earlier releases stored BSON documents instead of text.
func TestStoredForm(t *testing.T) {
	schema := storetest.CellSchema()
	schema.Version = 1
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	doc := storetest.Cell{Serial: "S1", Owner: "ann", Colour: "red", Count: 7, Made: at, Data: wire.Value(`{"a.b":[1,2.5,null]}`)}
	counted := event.New("/storetest", "cell-1", at, storetest.Counted{Count: 7, Text: "seven"})
	counted.ID, counted.Sequence = "01a207ac-0000-7000-8000-000000000001", 1
	name := newName()
	coll := collection(t, name)
	cells := store.Open(open(t, name), schema)
	var golden bson.D
	for _, file := range []string{"record-bson.json", "record.json"} {
		data, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		golden = nil
		if err := bson.UnmarshalExtJSON(data, true, &golden); err != nil {
			t.Fatal(err)
		}
		if _, err := coll.InsertOne(t.Context(), golden); err != nil {
			t.Fatal(err)
		}
		got, err := cells.GetBy(t.Context(), "serial", "S1")
		if diff := cmp.Diff(store.Row[storetest.Cell]{ID: "cell-1", Version: 1, Doc: doc}, got); err != nil || diff != "" {
			t.Errorf("%s: GetBy = %v (-want +got)\n%s", file, err, diff)
		}
		if page, err := cells.List(t.Context(), store.Query{Scopes: []string{"ann"}, Filters: map[string]string{"colour": "red"}, Limit: 1}); err != nil || len(page.Rows) != 1 {
			t.Errorf("%s: List = %v, %v, want one row", file, page.Rows, err)
		}
		if diff := cmp.Diff([]event.Envelope{counted}, storetest.WaitingEvents(t, cells.Outbox(), "cell-1")); diff != "" {
			t.Errorf("%s: waiting events (-want +got)\n%s", file, diff)
		}
		if backlog, err := cells.Outbox().Backlog(t.Context()); err != nil || backlog.Events != 1 || !backlog.Oldest.Equal(at) {
			t.Errorf("%s: Backlog = %+v, %v, want an event of %v", file, backlog, err, at)
		}
		if err := cells.Outbox().Acknowledge(t.Context(), []outbox.Published{{ID: "cell-1", Event: counted.ID}}); err != nil || len(storetest.WaitingEvents(t, cells.Outbox(), "cell-1")) > 0 {
			t.Errorf("%s: Acknowledge = %v, and the event still waits", file, err)
		}
		if _, err := coll.DeleteOne(t.Context(), bson.M{"_id": "cell-1"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := cells.Insert(t.Context(), "cell-1", doc, counted); err != nil {
		t.Fatal(err)
	}
	var raw bson.D
	if err := coll.FindOne(t.Context(), bson.M{"_id": "cell-1"}).Decode(&raw); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(text(t, golden), text(t, raw)); diff != "" {
		t.Errorf("stored record (-want +got)\n%s", diff)
	}
}

// TestUnsupportedBSONTypeIsUnreadable stores a date, as an administrator may do.
func TestUnsupportedBSONTypeIsUnreadable(t *testing.T) {
	name := newName()
	coll := collection(t, name)
	cells := store.Open(open(t, name), storetest.CellSchema())
	for _, id := range []string{"bad", "good"} {
		if _, err := cells.Insert(t.Context(), id, storetest.Cell{Owner: "ann"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := coll.UpdateOne(t.Context(), bson.M{"_id": "bad"}, bson.M{"$set": bson.M{"doc": bson.M{"made": bson.DateTime(0)}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := cells.Get(t.Context(), "bad"); err == nil || !strings.Contains(err.Error(), "BSON type UTC datetime is not supported") {
		t.Errorf("Get = %v, want an error that names the type", err)
	}
	var skipped []string
	q := store.Query{Scopes: []string{"ann"}, Limit: 9, OnUnreadable: func(id string, _ error) { skipped = append(skipped, id) }}
	page, err := cells.List(t.Context(), q)
	if err != nil || len(page.Rows) != 1 || page.Rows[0].ID != "good" || !slices.Equal(skipped, []string{"bad"}) {
		t.Errorf("List = %+v, %v, skipped %v, want good and bad skipped", page.Rows, err, skipped)
	}
}

// text returns a record as extended JSON, with its due time set to zero.
func text(t *testing.T, record bson.D) string {
	t.Helper()
	for i := range record {
		if _, ok := record[i].Value.(bson.DateTime); ok && record[i].Key == "due" {
			record[i].Value = bson.DateTime(0)
		}
	}
	data, err := bson.MarshalExtJSONIndent(record, true, false, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data) + "\n"
}

// collection returns the collection of the cells, for direct access.
func collection(t *testing.T, database string) *driver.Collection {
	t.Helper()
	client, err := driver.Connect(options.Client().ApplyURI(server(t)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Disconnect(context.Background()) })
	return client.Database(database).Collection("cells")
}
