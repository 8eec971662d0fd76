package mongo

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/outbox"
	"github.com/battery-passport/suite/pkg/wire"
)

// Written implements outbox.Source.
func (t *table) Written() <-chan string { return t.written }

// Waiting implements outbox.Source.
func (t *table) Waiting(ctx context.Context, id string) ([]event.Envelope, error) {
	var r record
	err := t.coll.FindOne(ctx, bson.M{"_id": id}, options.FindOne().SetProjection(bson.M{"outbox": 1})).Decode(&r)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil, nil
	}
	if err != nil {
		return nil, failure(err)
	}
	events := make([]event.Envelope, len(r.Outbox))
	for i, raw := range r.Outbox {
		data, err := fromBSON(raw)
		if err != nil {
			return nil, err
		}
		if err := wire.Unmarshal(data, &events[i]); err != nil {
			return nil, err
		}
	}
	return events, nil
}

// Acknowledge implements outbox.Source.
func (t *table) Acknowledge(ctx context.Context, id, eventID string) error {
	// Mostly it is the only one, and then nothing is due any more.
	res, err := t.coll.UpdateOne(ctx, bson.M{"_id": id, "deleted": absent, "outbox.0.id": eventID, "outbox.1": absent},
		bson.M{"$unset": bson.M{"outbox": "", "due": ""}})
	if err != nil || res.MatchedCount > 0 {
		return failure(err)
	}
	res, err = t.coll.UpdateOne(ctx, bson.M{"_id": id}, bson.M{"$pull": bson.M{"outbox": bson.M{"id": eventID}}})
	if err != nil || res.ModifiedCount == 0 {
		return failure(err)
	}
	return t.settle(ctx, bson.M{"_id": id})
}

// settle ends what is due of a record whose events are all out: a deleted one
// is removed. The filter names the record.
func (t *table) settle(ctx context.Context, filter bson.M) error {
	filter["outbox.0"], filter["deleted"] = absent, absent
	if _, err := t.coll.UpdateOne(ctx, filter, bson.M{"$unset": bson.M{"due": ""}}); err != nil {
		return failure(err)
	}
	filter["deleted"] = true
	_, err := t.coll.DeleteOne(ctx, filter)
	return failure(err)
}

// Due implements outbox.Source.
func (t *table) Due(ctx context.Context, now time.Time, limit int) ([]outbox.Due, error) {
	coll, err := t.ready(ctx)
	if err != nil {
		return nil, err
	}
	cur, err := coll.Find(ctx, bson.M{"due": bson.M{"$lt": now}}, options.Find().
		SetProjection(bson.M{"due": 1}).SetSort(bson.D{{Key: "due", Value: 1}}).SetLimit(int64(limit)))
	if err != nil {
		return nil, failure(err)
	}
	var records []record
	if err := cur.All(ctx, &records); err != nil {
		return nil, failure(err)
	}
	due := make([]outbox.Due, len(records))
	for i, r := range records {
		due[i] = outbox.Due{ID: r.ID, At: *r.Due}
	}
	return due, nil
}

// Backlog implements outbox.Source.
func (t *table) Backlog(ctx context.Context) (outbox.Backlog, error) {
	coll, err := t.ready(ctx)
	if err != nil {
		return outbox.Backlog{}, err
	}
	cur, err := coll.Find(ctx, bson.M{"due": present}, options.Find().
		SetProjection(bson.M{"outbox.time": 1}).SetSort(bson.D{{Key: "due", Value: 1}}).SetLimit(outbox.MaxBacklog))
	if err != nil {
		return outbox.Backlog{}, failure(err)
	}
	var waiting []struct {
		Outbox []struct {
			Time string `bson:"time"` // as wire.Time has it, which sorts by time
		} `bson:"outbox"`
	}
	if err := cur.All(ctx, &waiting); err != nil {
		return outbox.Backlog{}, failure(err)
	}
	var b outbox.Backlog
	oldest := ""
	for _, w := range waiting {
		for _, e := range w.Outbox {
			if b.Events++; b.Events == 1 || e.Time < oldest {
				oldest = e.Time
			}
		}
	}
	if b.Events > 0 {
		b.Oldest, err = time.Parse(time.RFC3339, oldest)
	}
	return b, err
}

// TakeOver implements outbox.Source.
func (t *table) TakeOver(ctx context.Context, d outbox.Due, until time.Time) (bool, error) {
	res, err := t.coll.UpdateOne(ctx, bson.M{"_id": d.ID, "due": d.At, "outbox.0": present}, bson.M{"$set": bson.M{"due": until}})
	if err != nil {
		return false, failure(err)
	}
	if res.MatchedCount > 0 {
		return true, nil
	}
	// A relay may have died between its last acknowledgement and this.
	return false, t.settle(ctx, bson.M{"_id": d.ID, "due": d.At})
}
