package mongo

import (
	"context"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"golang.org/x/sync/errgroup"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/outbox"
	"github.com/battery-passport/suite/pkg/wire"
)

// Notify implements outbox.Source.
func (t *table) Notify() <-chan outbox.Aggregate { return t.written }

// Waiting implements outbox.Source.
func (t *table) Waiting(ctx context.Context, ids []string, limit int) (map[string][]event.Envelope, error) {
	cur, err := t.coll.Find(ctx, bson.M{"_id": bson.M{"$in": ids}}, options.Find().SetProjection(bson.M{"outbox": 1}))
	if err != nil {
		return nil, failure(err)
	}
	defer cur.Close(ctx)
	waiting := make(map[string][]event.Envelope, len(ids))
	for n := 0; cur.Next(ctx); {
		if n >= limit {
			return waiting, nil
		}
		var r record
		if err := cur.Decode(&r); err != nil {
			return nil, err
		}
		if waiting[r.ID], err = r.events(); err != nil {
			return nil, err
		}
		n += len(r.Outbox)
	}
	for _, id := range ids { // records that no longer exist
		if _, ok := waiting[id]; !ok {
			waiting[id] = nil
		}
	}
	return waiting, failure(cur.Err())
}

// waitingEvent is an event in the outbox. Earlier releases stored the members of the event instead
// of its text.
type waitingEvent struct {
	ID   string `bson:"id"`
	Time string `bson:"time"` // in wire.TimeLayout, whose text order is the order of time
	Text *text  `bson:"event"`
}

func encodeEvents(events []event.Envelope) ([]waitingEvent, error) {
	encoded := make([]waitingEvent, len(events))
	for i, e := range events {
		data, err := wire.Marshal(e)
		if err != nil {
			return nil, err
		}
		encoded[i] = waitingEvent{e.ID, e.Time.UTC().Format(wire.TimeLayout), &text{json: data}}
	}
	return encoded, nil
}

func (r record) events() ([]event.Envelope, error) {
	events := make([]event.Envelope, len(r.Outbox))
	for i, e := range r.Outbox {
		data, err := e.Text.json, e.Text.err
		if err == nil {
			err = wire.Unmarshal(data, &events[i])
		}
		if err != nil {
			return nil, err
		}
	}
	return events, nil
}

// UnmarshalBSON implements bson.Unmarshaler.
func (w *waitingEvent) UnmarshalBSON(data []byte) error {
	type fields waitingEvent
	if err := bson.Unmarshal(data, (*fields)(w)); err != nil || w.Text != nil {
		return err
	}
	w.Text = &text{}
	return w.Text.UnmarshalBSONValue(byte(bson.TypeEmbeddedDocument), data)
}

// Acknowledge implements outbox.Source. In most cases an event is the only
// one of its aggregate; one bulk write then removes it with the due time.
func (t *table) Acknowledge(ctx context.Context, events []outbox.Published) error {
	updates := make([]mongo.WriteModel, len(events))
	for i, e := range events {
		updates[i] = mongo.NewUpdateOneModel().
			SetFilter(bson.M{"_id": e.ID, "deleted": absent, "outbox.0.id": e.Event, "outbox.1": absent}).
			SetUpdate(bson.M{"$unset": bson.M{"outbox": "", "due": ""}})
	}
	res, err := t.coll.BulkWrite(ctx, updates, options.BulkWrite().SetOrdered(false))
	if err != nil || int(res.MatchedCount) == len(events) {
		return failure(err)
	}
	// The result does not say which updates matched, so the rest handles each event.
	// Events that are already removed are not an error.
	return each(ctx, events, func(ctx context.Context, e outbox.Published) error {
		res, err := t.coll.UpdateOne(ctx, bson.M{"_id": e.ID}, bson.M{"$pull": bson.M{"outbox": bson.M{"id": e.Event}}})
		if err != nil || res.ModifiedCount == 0 {
			return failure(err)
		}
		return t.settle(ctx, bson.M{"_id": e.ID})
	})
}

// each runs f for all values, maxParallel at a time.
func each[T any](ctx context.Context, all []T, f func(context.Context, T) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(maxParallel)
	for _, v := range all {
		g.Go(func() error { return f(ctx, v) })
	}
	return g.Wait()
}

// maxParallel is the maximum number of parallel operations of a call.
const maxParallel = 16

// settle removes the due time of a record without events, or the whole record if
// it is deleted. The filter selects the record by id.
func (t *table) settle(ctx context.Context, filter bson.M) error {
	filter["outbox.0"], filter["deleted"] = absent, absent
	if _, err := t.coll.UpdateOne(ctx, filter, bson.M{"$unset": bson.M{"due": ""}}); err != nil {
		return failure(err)
	}
	filter["deleted"] = true
	_, err := t.coll.DeleteOne(ctx, filter)
	return failure(err)
}

// Expired implements outbox.Source.
func (t *table) Expired(ctx context.Context, now time.Time, limit int) ([]outbox.ExpiredLease, error) {
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
	due := make([]outbox.ExpiredLease, len(records))
	for i, r := range records {
		due[i] = outbox.ExpiredLease{ID: r.ID, At: *r.Due}
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
			Time string `bson:"time"`
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

// Claim implements outbox.Source.
func (t *table) Claim(ctx context.Context, due []outbox.ExpiredLease, until time.Time) ([]string, error) {
	var mu sync.Mutex
	var claimed []string
	err := each(ctx, due, func(ctx context.Context, d outbox.ExpiredLease) error {
		res, err := t.coll.UpdateOne(ctx, bson.M{"_id": d.ID, "due": d.At, "outbox.0": present}, bson.M{"$set": bson.M{"due": until}})
		if err != nil {
			return failure(err)
		}
		if res.MatchedCount == 0 {
			// A relay may have stopped between its last acknowledgement and settle.
			return t.settle(ctx, bson.M{"_id": d.ID, "due": d.At})
		}
		mu.Lock()
		defer mu.Unlock()
		claimed = append(claimed, d.ID)
		return nil
	})
	return claimed, err
}
