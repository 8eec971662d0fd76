package mongo

import (
	"context"
	"errors"
	"strconv"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/outbox"
	"github.com/battery-passport/suite/pkg/store"
)

// record is the stored form. A deleted record has an id, version and outbox only.
type record struct {
	ID      string         `bson:"_id"`
	Schema  int            `bson:"schema"`
	Version int64          `bson:"version"`
	Keys    *keys          `bson:"keys,omitempty"`
	Doc     *text          `bson:"doc,omitempty"`
	Outbox  []waitingEvent `bson:"outbox,omitempty"`
	Due     *time.Time     `bson:"due,omitempty"`
	Deleted bool           `bson:"deleted,omitempty"`
}

type keys struct {
	Unique map[string]string `bson:"unique,omitempty"`
	Lists  []string          `bson:"lists,omitempty"`
	Sort   string            `bson:"sort,omitempty"`
	Index  int               `bson:"index,omitempty"` // store.Record.Index; earlier releases drop it when they write
}

func keysOf(r store.Record) *keys { return &keys{r.Unique, r.Lists(), r.Sort, r.Index} }

var (
	document = bson.M{"schema": 1, "version": 1, "doc": 1} // without keys and outbox
	absent   = bson.M{"$exists": false}
	present  = bson.M{"$exists": true}
)

// live returns the filter of a record that is not deleted.
func live(id string) bson.M { return bson.M{"_id": id, "deleted": absent} }

// Insert implements store.Table.
func (t *table) Insert(ctx context.Context, records ...store.Insertion) ([]error, error) {
	coll, err := t.ready(ctx)
	if err != nil {
		return nil, err
	}
	errs, lease := make([]error, len(records)), leaseEnd()
	var docs []any
	var positions []int // of the docs in records
	for i, r := range records {
		doc, err := newRecord(r, lease)
		if errs[i] = err; err == nil {
			docs, positions = append(docs, doc), append(positions, i)
		}
	}
	switch len(docs) {
	case 0:
		return errs, nil
	case 1:
		_, err = coll.InsertOne(ctx, docs[0])
	default:
		_, err = coll.InsertMany(ctx, docs, options.InsertMany().SetOrdered(false))
	}
	duplicates, err := insertErrors(err, len(docs))
	if err != nil {
		return nil, err
	}
	for i, err := range duplicates {
		errs[positions[i]] = err
	}
	for i, r := range records {
		if errs[i] == nil && len(r.Events) > 0 {
			t.written.Send(outbox.Aggregate{ID: r.ID, Events: r.Events, Lease: lease})
		}
	}
	return errs, nil
}

func newRecord(r store.Insertion, lease time.Time) (stored record, err error) {
	stored = record{ID: r.ID, Schema: r.Schema, Version: r.Version, Keys: keysOf(r.Record), Doc: &text{json: r.Doc}}
	if len(r.Events) == 0 {
		return stored, nil
	}
	stored.Due = &lease
	stored.Outbox, err = encodeEvents(r.Events)
	return stored, err
}

func leaseEnd() time.Time { return time.Now().Add(outbox.Lease).UTC().Truncate(time.Millisecond) }

// Get implements store.Table.
func (t *table) Get(ctx context.Context, id string) (store.Record, error) {
	return t.one(ctx, id, live(id), document)
}

// Version implements store.Table.
func (t *table) Version(ctx context.Context, id string) (int64, error) {
	r, err := t.one(ctx, id, live(id), bson.M{"version": 1})
	return r.Version, err
}

// VersionBy implements store.Table.
func (t *table) VersionBy(ctx context.Context, index, value string) (string, int64, error) {
	r, err := t.one(ctx, value, bson.M{uniqueField(index): value}, bson.M{"version": 1})
	return r.ID, r.Version, err
}

// GetBy implements store.Table.
func (t *table) GetBy(ctx context.Context, index, value string) (store.Record, error) {
	return t.one(ctx, value, bson.M{uniqueField(index): value}, document)
}

// IDsBy implements store.Table.
func (t *table) IDsBy(ctx context.Context, index string, values []string) (map[string]string, error) {
	coll, err := t.ready(ctx)
	if err != nil {
		return nil, err
	}
	var records []record
	field := uniqueField(index)
	found, err := coll.Find(ctx, bson.M{field: bson.M{"$in": values}}, options.Find().SetProjection(bson.M{field: 1}))
	if err == nil {
		err = found.All(ctx, &records)
	}
	ids := map[string]string{}
	for _, r := range records {
		ids[r.Keys.Unique[index]] = r.ID
	}
	return ids, failure(err)
}

func (t *table) one(ctx context.Context, name string, filter, fields bson.M) (store.Record, error) {
	coll, err := t.ready(ctx)
	if err != nil {
		return store.Record{}, err
	}
	var r record
	err = coll.FindOne(ctx, filter, options.FindOne().SetProjection(fields)).Decode(&r)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return store.Record{}, store.ErrNotFound(name)
	}
	return r.decode(), failure(err)
}

func (r record) decode() store.Record {
	decoded := store.Record{ID: r.ID, Schema: r.Schema, Version: r.Version}
	if r.Doc != nil {
		decoded.Doc, decoded.Err = r.Doc.json, r.Doc.err
	}
	if r.Keys != nil {
		decoded.Sort, decoded.Index = r.Keys.Sort, r.Keys.Index
	}
	return decoded
}

// Replace implements store.Table.
func (t *table) Replace(ctx context.Context, r store.Record, events []event.Envelope) error {
	set := setKeys(r)
	set["schema"], set["version"], set["doc"] = r.Schema, r.Version, text{json: r.Doc}
	return t.change(ctx, r.ID, r.Version-1, events, bson.M{"$set": set})
}

// Reindex implements store.Table.
func (t *table) Reindex(ctx context.Context, r store.Record) error {
	return t.change(ctx, r.ID, r.Version, nil, bson.M{"$set": setKeys(r)})
}

// setKeys returns the fields that an update sets to write the keys of a record.
func setKeys(r store.Record) bson.M {
	if r.Unique == nil { // the stored unique values stay
		return bson.M{"keys.lists": r.Lists(), "keys.sort": r.Sort, "keys.index": r.Index}
	}
	return bson.M{"keys": keysOf(r)}
}

// Delete implements store.Table.
func (t *table) Delete(ctx context.Context, id string, version int64, events []event.Envelope) error {
	coll, err := t.ready(ctx)
	if err != nil {
		return err
	}
	if len(events) == 0 { // remove the record at once if its outbox is empty
		filter := live(id)
		filter["version"], filter["outbox.0"] = version, absent
		if res, err := coll.DeleteOne(ctx, filter); err != nil || res.DeletedCount > 0 {
			return failure(err)
		}
	}
	err = t.change(ctx, id, version, events, bson.M{
		"$set": bson.M{"version": version + 1, "deleted": true, "due": leaseEnd()}, "$unset": bson.M{"keys": "", "doc": ""},
	})
	if err == nil && len(events) == 0 { // the last event may have been published since the check
		_ = t.settle(ctx, bson.M{"_id": id}) // if this fails, the relay does it at the due time
	}
	return err
}

// change applies the update and adds the events if the record has the version.
func (t *table) change(ctx context.Context, id string, version int64, events []event.Envelope, update bson.M) error {
	coll, err := t.ready(ctx)
	if err != nil {
		return err
	}
	filter := live(id)
	filter["version"] = version
	if len(events) == 0 {
		if res, err := coll.UpdateOne(ctx, filter, update); err != nil || res.MatchedCount > 0 {
			return duplicate(err)
		}
		return t.mismatch(ctx, id, version)
	}
	raws, err := encodeEvents(events)
	if err != nil {
		return err
	}
	update["$push"] = bson.M{"outbox": bson.M{"$each": raws}}
	written := outbox.Aggregate{ID: id, Events: events, Lease: leaseEnd()}
	update["$set"].(bson.M)["due"] = written.Lease
	// Mostly no other events wait: then the relay publishes these without reading the outbox.
	for _, limit := range []int{0, store.MaxWaiting - len(events)} { // of the other waiting events
		tooMany := "outbox." + strconv.Itoa(limit)
		filter[tooMany] = absent
		switch res, err := coll.UpdateOne(ctx, filter, update); {
		case err != nil:
			return duplicate(err)
		case res.MatchedCount > 0:
			if limit > 0 {
				written.Events = nil
			}
			t.written.Send(written)
			return nil
		}
		delete(filter, tooMany)
	}
	return t.mismatch(ctx, id, version)
}

// mismatch returns the error of a change that matched no record.
func (t *table) mismatch(ctx context.Context, id string, version int64) error {
	current, err := t.Version(ctx, id)
	switch {
	case err != nil:
		return err
	case current != version:
		return store.ErrStale(id)
	}
	return store.ErrOutboxFull(id)
}
