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
	"github.com/battery-passport/suite/pkg/wire"
)

// record is the stored form. A deleted one keeps its id, version and outbox.
type record struct {
	ID      string     `bson:"_id"`
	Schema  int        `bson:"schema"`
	Version int64      `bson:"version"`
	Keys    *keys      `bson:"keys,omitempty"`
	Doc     bson.Raw   `bson:"doc,omitempty"`
	Outbox  []bson.Raw `bson:"outbox,omitempty"`
	Due     *time.Time `bson:"due,omitempty"`
	Deleted bool       `bson:"deleted,omitempty"`
}

type keys struct {
	Unique map[string]string `bson:"unique,omitempty"`
	Lists  []string          `bson:"lists,omitempty"`
	Sort   string            `bson:"sort,omitempty"`
}

func keysOf(r store.Record) *keys { return &keys{r.Unique, r.Lists, r.Sort} }

var (
	withoutOutbox = bson.M{"outbox": 0, "due": 0}
	absent        = bson.M{"$exists": false}
	present       = bson.M{"$exists": true}
)

// live is the filter of a record that is not deleted.
func live(id string) bson.M { return bson.M{"_id": id, "deleted": absent} }

// Insert implements store.Table.
func (t *table) Insert(ctx context.Context, records ...store.Insertion) ([]error, error) {
	coll, err := t.ready(ctx)
	if err != nil {
		return nil, err
	}
	errs := make([]error, len(records))
	var docs []any
	var places []int // of the docs in records
	for i, r := range records {
		doc, err := inserted(r)
		if errs[i] = err; err == nil {
			docs, places = append(docs, doc), append(places, i)
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
	refused, err := refusals(err, len(docs))
	if err != nil {
		return nil, err
	}
	for i, err := range refused {
		errs[places[i]] = err
	}
	for i, r := range records {
		if errs[i] == nil && len(r.Events) > 0 {
			t.wake(r.ID)
		}
	}
	return errs, nil
}

func inserted(r store.Insertion) (stored record, err error) {
	stored = record{ID: r.ID, Schema: r.Schema, Version: r.Version, Keys: keysOf(r.Record)}
	if stored.Doc, err = toBSON(r.Doc); err != nil || len(r.Events) == 0 {
		return stored, err
	}
	due := leaseEnd()
	stored.Due = &due
	stored.Outbox, err = waiting(r.Events)
	return stored, err
}

func leaseEnd() time.Time { return time.Now().Add(outbox.Lease).UTC().Truncate(time.Millisecond) }

func waiting(events []event.Envelope) ([]bson.Raw, error) {
	raws := make([]bson.Raw, len(events))
	for i, e := range events {
		data, err := wire.Marshal(e)
		if err != nil {
			return nil, err
		}
		if raws[i], err = toBSON(data); err != nil {
			return nil, err
		}
	}
	return raws, nil
}

func (t *table) wake(id string) {
	select {
	case t.written <- id:
	default: // its due time brings it up
	}
}

// Get implements store.Table.
func (t *table) Get(ctx context.Context, id string) (store.Record, error) {
	r, err := t.one(ctx, id, live(id), withoutOutbox)
	if err != nil {
		return store.Record{}, err
	}
	return r.out()
}

// Version implements store.Table.
func (t *table) Version(ctx context.Context, id string) (int64, error) {
	r, err := t.one(ctx, id, live(id), bson.M{"version": 1})
	return r.Version, err
}

// GetBy implements store.Table.
func (t *table) GetBy(ctx context.Context, index, value string) (store.Record, error) {
	r, err := t.one(ctx, value, bson.M{uniqueField(index): value}, withoutOutbox)
	if err != nil {
		return store.Record{}, err
	}
	return r.out()
}

func (t *table) one(ctx context.Context, what string, filter, fields bson.M) (r record, err error) {
	coll, err := t.ready(ctx)
	if err != nil {
		return r, err
	}
	err = coll.FindOne(ctx, filter, options.FindOne().SetProjection(fields)).Decode(&r)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return r, store.ErrNotFound(what)
	}
	return r, failure(err)
}

func (r record) out() (store.Record, error) {
	doc, err := fromBSON(r.Doc)
	out := store.Record{ID: r.ID, Schema: r.Schema, Version: r.Version, Doc: doc}
	if r.Keys != nil {
		out.Sort = r.Keys.Sort
	}
	return out, err
}

// List implements store.Table.
func (t *table) List(ctx context.Context, q store.ListQuery) ([]store.Record, error) {
	coll, err := t.ready(ctx)
	if err != nil {
		return nil, err
	}
	direction := -1
	if q.Ascending {
		direction = 1
	}
	cur, err := coll.Find(ctx, listFilter(q), options.Find().SetProjection(withoutOutbox).
		SetSort(bson.D{{Key: "keys.sort", Value: direction}}).SetLimit(int64(q.Limit)))
	if err != nil {
		return nil, failure(err)
	}
	defer cur.Close(ctx)
	var records []store.Record
	for size := 0; (size <= q.Bytes || len(records) < 2) && cur.Next(ctx); {
		var stored record
		if err := cur.Decode(&stored); err != nil {
			return nil, err
		}
		r, err := stored.out()
		if err != nil {
			return nil, err
		}
		records = append(records, r)
		size += len(r.Doc)
	}
	return records, failure(cur.Err())
}

// listFilter returns the filter of the records that q lists.
func listFilter(q store.ListQuery) bson.M {
	filter := bson.M{"keys.lists": q.Lists[0]}
	if len(q.Lists) > 1 {
		filter["keys.lists"] = bson.M{"$all": q.Lists}
	}
	limits := bson.M{}
	if q.Above != "" {
		limits["$gt"] = q.Above
	}
	if q.Below != "" {
		limits["$lt"] = q.Below
	}
	if len(limits) > 0 {
		filter["keys.sort"] = limits
	}
	return filter
}

// Replace implements store.Table.
func (t *table) Replace(ctx context.Context, r store.Record, events []event.Envelope) error {
	doc, err := toBSON(r.Doc)
	if err != nil {
		return err
	}
	return t.change(ctx, r.ID, r.Version-1, events, bson.M{
		"$set": bson.M{"schema": r.Schema, "version": r.Version, "keys": keysOf(r), "doc": doc},
	})
}

// Delete implements store.Table.
func (t *table) Delete(ctx context.Context, id string, version int64, events []event.Envelope) error {
	coll, err := t.ready(ctx)
	if err != nil {
		return err
	}
	if len(events) == 0 { // and none waits: nothing is to be kept
		filter := live(id)
		filter["version"], filter["outbox.0"] = version, absent
		if res, err := coll.DeleteOne(ctx, filter); err != nil || res.DeletedCount > 0 {
			return failure(err)
		}
	}
	err = t.change(ctx, id, version, events, bson.M{
		"$set": bson.M{"version": version + 1, "deleted": true, "due": leaseEnd()}, "$unset": bson.M{"keys": "", "doc": ""},
	})
	if err == nil && len(events) == 0 { // the last that waited may have gone out meanwhile
		_ = t.settle(ctx, bson.M{"_id": id}) // its due time brings it up
	}
	return err
}

// change applies the update if the record has the version, and leaves the
// events with it.
func (t *table) change(ctx context.Context, id string, version int64, events []event.Envelope, update bson.M) error {
	coll, err := t.ready(ctx)
	if err != nil {
		return err
	}
	filter := live(id)
	filter["version"] = version
	if len(events) > 0 {
		raws, err := waiting(events)
		if err != nil {
			return err
		}
		update["$push"] = bson.M{"outbox": bson.M{"$each": raws}}
		update["$set"].(bson.M)["due"] = leaseEnd()
		filter["outbox."+strconv.Itoa(store.MaxWaiting-len(events))] = absent // there is room
	}
	res, err := coll.UpdateOne(ctx, filter, update)
	if err != nil {
		return duplicate(err)
	}
	if res.MatchedCount == 0 {
		return t.whyNot(ctx, id, version)
	}
	if len(events) > 0 {
		t.wake(id)
	}
	return nil
}

// whyNot tells why no record matched.
func (t *table) whyNot(ctx context.Context, id string, version int64) error {
	now, err := t.Version(ctx, id)
	switch {
	case err != nil:
		return err
	case now != version:
		return store.ErrStale(id)
	}
	return store.ErrOutboxFull(id)
}
