package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/battery-passport/suite/pkg/store"
)

// listed are the fields of a record in a list.
var listed = bson.M{"schema": 1, "version": 1, "doc": 1, "keys.sort": 1, "keys.index": 1}

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
	cur, err := coll.Find(ctx, listFilter(q), options.Find().SetProjection(listed).
		SetSort(bson.D{{Key: "keys.sort", Value: direction}}).SetLimit(int64(q.Limit)).SetBatchSize(int32(q.Limit)+1)) // a full page in one batch that closes the cursor, not 101 records
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
		r := stored.decode()
		records = append(records, r)
		size += len(r.Doc) // JSON, as Collection.page counts it
	}
	return records, failure(cur.Err())
}

// Count implements store.Table.
func (t *table) Count(ctx context.Context, q store.ListQuery) (int, error) {
	coll, err := t.ready(ctx)
	if err != nil {
		return 0, err
	}
	q.Lists = q.Lists[:1]
	n, err := coll.CountDocuments(ctx, listFilter(q), options.Count().SetLimit(int64(q.Limit)))
	return int(n), failure(err)
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
