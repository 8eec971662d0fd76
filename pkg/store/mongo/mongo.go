// Package mongo stores aggregates in MongoDB. It is the only importer of the
// MongoDB driver.
//
// A record is one document, {_id, schema, version, keys, doc, outbox, due}, and
// every operation writes one document, without transactions. It is therefore
// correct on a standalone server, a replica set and a sharded cluster.
package mongo

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"
	"golang.org/x/sync/singleflight"

	"github.com/battery-passport/suite/pkg/event/outbox"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

const (
	operationTimeout = 2500 * time.Millisecond // of one operation including its retry
	selectionTimeout = 2 * time.Second         // to find an available server
	indexTimeout     = time.Minute             // to create the indexes of a large collection
	minPool          = 4
	maxPool          = 64
	duplicateKey     = 11000 // code of the server
)

// DB is a MongoDB database.
type DB struct {
	client *mongo.Client
	db     *mongo.Database
}

var _ store.DB = (*DB)(nil)

// Open returns the database that the URI names, or else the one with the given
// name. It does not wait for a server: operations fail until one is available.
func Open(uri, name string) (*DB, error) { return open(uri, name, nil) }

func open(uri, name string, monitor *event.CommandMonitor) (*DB, error) {
	cs, err := connstring.ParseAndValidate(uri)
	if err != nil {
		return nil, fmt.Errorf("MONGODB_URI: %w", err)
	}
	if cs.Database != "" {
		name = cs.Database
	}
	journaled := true
	client, err := mongo.Connect(options.Client().ApplyURI(uri).
		SetTimeout(operationTimeout).SetServerSelectionTimeout(selectionTimeout).
		SetMinPoolSize(minPool).SetMaxPoolSize(maxPool).
		SetReadPreference(readpref.Primary()).SetMonitor(monitor).
		SetWriteConcern(&writeconcern.WriteConcern{W: writeconcern.WCMajority, Journal: &journaled}))
	if err != nil {
		return nil, err
	}
	return &DB{client: client, db: client.Database(name)}, nil
}

// CheckURI validates a connection string, without DNS lookups: it accepts any
// mongodb+srv URI.
func CheckURI(uri string) error {
	if strings.HasPrefix(uri, connstring.SchemeMongoDBSRV+"://") {
		return nil
	}
	_, err := connstring.ParseAndValidate(uri)
	return err
}

// Table implements store.DB.
func (db *DB) Table(name string, unique []string) store.Table {
	return &table{coll: db.db.Collection(name), unique: unique, written: outbox.NewNotifications()}
}

// Ping implements store.DB.
func (db *DB) Ping(ctx context.Context) error { return failure(db.client.Ping(ctx, nil)) }

// Close implements store.DB.
func (db *DB) Close(ctx context.Context) error { return db.client.Disconnect(ctx) }

// Drop deletes the database. It is for tests.
func (db *DB) Drop(ctx context.Context) error { return db.db.Drop(ctx) }

type table struct {
	coll    *mongo.Collection
	unique  []string
	written outbox.Notifications

	indexed  atomic.Bool
	indexing singleflight.Group
}

// ready returns the collection. The first call that finds a server creates the
// indexes, and continues to do so when its caller stops waiting.
func (t *table) ready(ctx context.Context) (*mongo.Collection, error) {
	if t.indexed.Load() {
		return t.coll, nil
	}
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	done := t.indexing.DoChan("", func() (any, error) { return nil, t.createIndexes(context.WithoutCancel(ctx)) })
	select {
	case r := <-done:
		return t.coll, r.Err
	case <-ctx.Done():
		return nil, fault.New(fault.Unavailable, "the database does not respond").Because(fmt.Errorf("indexes of %s: %w", t.coll.Name(), ctx.Err()))
	}
}

func (t *table) createIndexes(ctx context.Context) error {
	if err := t.coll.Database().Client().Ping(ctx, nil); err != nil { // fails early if no server is available
		return failure(err)
	}
	models := []mongo.IndexModel{
		{Keys: bson.D{{Key: "keys.lists", Value: 1}, {Key: "keys.sort", Value: 1}}, Options: options.Index().SetName("lists")},
		{Keys: bson.D{{Key: "due", Value: 1}}, Options: options.Index().SetName("due").SetPartialFilterExpression(bson.M{"due": present})},
	}
	for _, index := range t.unique {
		field := uniqueField(index)
		models = append(models, mongo.IndexModel{Keys: bson.D{{Key: field, Value: 1}}, Options: options.Index().SetName(index).
			SetUnique(true).SetPartialFilterExpression(bson.M{field: present})})
	}
	ctx, cancel := context.WithTimeout(ctx, indexTimeout)
	defer cancel()
	if _, err := t.coll.Indexes().CreateMany(ctx, models); err != nil {
		return failure(fmt.Errorf("indexes of %s: %w", t.coll.Name(), err))
	}
	t.indexed.Store(true)
	return nil
}

func uniqueField(index string) string { return "keys.unique." + index }

// failure returns fault.Unavailable for errors of the connection, the login and
// TLS, so that clients try again. It returns other errors unchanged.
func failure(err error) error {
	switch {
	case err == nil:
		return nil
	case isUnauthorized(err):
		return fault.New(fault.Unavailable, "the database denied access to the user in MONGODB_URI").Because(err)
	case isUntrusted(err):
		return fault.New(fault.Unavailable, "the certificate of the database is not trusted: check tlsCAFile and the host name in MONGODB_URI").Because(err)
	case isTransient(err):
		return fault.New(fault.Unavailable, "the database does not respond").Because(err)
	}
	return err
}

// Error codes of the server: the user is not permitted (13), or the login failed (18).
const (
	unauthorized         = 13
	authenticationFailed = 18
)

func isUnauthorized(err error) bool {
	if e, ok := errors.AsType[mongo.ServerError](err); ok && (e.HasErrorCode(unauthorized) || e.HasErrorCode(authenticationFailed)) {
		return true
	}
	// If another operation of the pool failed to log in, the error has no code.
	pool := driver.RetryablePoolError(nil)
	return errors.As(err, &pool) && strings.Contains(err.Error(), "(AuthenticationFailed)")
}

func isUntrusted(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	// A server selection error contains the cause as text only.
	return strings.Contains(err.Error(), "failed to verify certificate")
}

// isTransient reports whether err is an error of the connection, not of the operation.
func isTransient(err error) bool {
	if mongo.IsTimeout(err) || mongo.IsNetworkError(err) || errors.Is(err, context.Canceled) || errors.Is(err, mongo.ErrClientDisconnected) {
		return true
	}
	if _, ok := errors.AsType[topology.ConnectionError](err); ok { // the handshake failed
		return true
	}
	if pool := driver.RetryablePoolError(nil); errors.As(err, &pool) { // another operation closed the connections of the pool
		return true
	}
	e, ok := errors.AsType[mongo.LabeledError](err)
	return ok && e.HasErrorLabel("RetryableWriteError") // the primary stepped down
}

// duplicate translates a duplicate key of a single write into store.ErrDuplicate.
func duplicate(err error) error {
	var write mongo.WriteException
	if errors.As(err, &write) && len(write.WriteErrors) > 0 && write.WriteErrors[0].Code == duplicateKey {
		return store.ErrDuplicate(duplicateIndex(write.WriteErrors[0].Raw), err)
	}
	return failure(err)
}

// insertErrors returns one error per insert of n, store.ErrDuplicate or nil. The
// second result is not nil when an insert failed for another reason.
func insertErrors(err error, n int) ([]error, error) {
	errs := make([]error, n)
	var bulk mongo.BulkWriteException
	switch {
	case err == nil:
		return errs, nil
	case !errors.As(err, &bulk):
		if errs[0] = duplicate(err); store.IsRecordError(errs[0]) && n == 1 {
			return errs, nil
		}
		return nil, errs[0]
	}
	for _, e := range bulk.WriteErrors {
		if e.Code != duplicateKey || bulk.WriteConcernError != nil {
			return nil, failure(err)
		}
		errs[e.Index] = store.ErrDuplicate(duplicateIndex(e.Raw), e.WriteError)
	}
	if bulk.WriteConcernError != nil {
		return nil, failure(err)
	}
	return errs, nil
}

// duplicateIndex returns the index that a duplicate key error of the server names.
func duplicateIndex(raw bson.Raw) string {
	pattern, ok := raw.Lookup("keyPattern").DocumentOK()
	if !ok {
		return store.ID
	}
	elements, err := pattern.Elements()
	if err != nil || len(elements) == 0 || elements[0].Key() == "_id" {
		return store.ID
	}
	return elements[0].Key()[len(uniqueField("")):]
}
