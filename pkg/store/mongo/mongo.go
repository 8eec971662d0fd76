// Package mongo keeps aggregates in MongoDB. It is the only importer of its
// driver.
//
// A record is one document, {_id, schema, version, keys, doc, outbox, due}, and
// every operation touches one: what is promised holds on a standalone server,
// a replica set and a sharded cluster alike.
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
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"
	"golang.org/x/sync/singleflight"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

const (
	operationTimeout = 2500 * time.Millisecond // of one operation, a retry included
	selectionTimeout = 2 * time.Second         // to find a server that answers
	indexTimeout     = time.Minute             // indexes of a collection that holds much already
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
// name. It does not wait for a server: operations fail while none answers.
func Open(uri, name string) (*DB, error) {
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
		SetReadPreference(readpref.Primary()).
		SetWriteConcern(&writeconcern.WriteConcern{W: writeconcern.WCMajority, Journal: &journaled}))
	if err != nil {
		return nil, err
	}
	return &DB{client: client, db: client.Database(name)}, nil
}

// CheckURI tells what is wrong with a connection string, as far as it can be
// told without asking the DNS.
func CheckURI(uri string) error {
	if strings.HasPrefix(uri, connstring.SchemeMongoDBSRV+"://") {
		return nil
	}
	_, err := connstring.ParseAndValidate(uri)
	return err
}

// Table implements store.DB.
func (db *DB) Table(name string, unique []string) store.Table {
	return &table{coll: db.db.Collection(name), unique: unique, written: make(chan string, 1024)}
}

// Ping implements store.DB.
func (db *DB) Ping(ctx context.Context) error { return failure(db.client.Ping(ctx, nil)) }

// Close implements store.DB.
func (db *DB) Close(ctx context.Context) error { return db.client.Disconnect(ctx) }

// Drop deletes the database with all that is in it. It is there for tests.
func (db *DB) Drop(ctx context.Context) error { return db.db.Drop(ctx) }

type table struct {
	coll    *mongo.Collection
	unique  []string
	written chan string

	indexed  atomic.Bool
	indexing singleflight.Group
}

// ready returns the collection. The first call that finds a server makes its
// indexes, which goes on when that takes longer than a caller waits.
func (t *table) ready(ctx context.Context) (*mongo.Collection, error) {
	if t.indexed.Load() {
		return t.coll, nil
	}
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	done := t.indexing.DoChan("", func() (any, error) { return nil, t.index(context.WithoutCancel(ctx)) })
	select {
	case r := <-done:
		return t.coll, r.Err
	case <-ctx.Done():
		return nil, fault.New(fault.Unavailable, "the database does not answer").Because(fmt.Errorf("indexes of %s: %w", t.coll.Name(), ctx.Err()))
	}
}

func (t *table) index(ctx context.Context) error {
	if err := t.coll.Database().Client().Ping(ctx, nil); err != nil { // fails soon where nobody answers
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

// failure marks what may pass, so that the client is told to try again.
func failure(err error) error {
	switch {
	case err == nil:
		return nil
	case refused(err):
		return fault.New(fault.Unavailable, "the database refuses the user or the password in MONGODB_URI").Because(err)
	case untrusted(err):
		return fault.New(fault.Unavailable, "the certificate of the database is not to be trusted: see tlsCAFile in MONGODB_URI, and the name of the host").Because(err)
	case passing(err):
		return fault.New(fault.Unavailable, "the database does not answer").Because(err)
	}
	return err
}

// Codes of a server that does not let this user in, or not do this.
const (
	unauthorized         = 13
	authenticationFailed = 18
)

func refused(err error) bool {
	if e, ok := errors.AsType[mongo.ServerError](err); ok && (e.HasErrorCode(unauthorized) || e.HasErrorCode(authenticationFailed)) {
		return true
	}
	// Of another's connection that failed meanwhile there is only text.
	pool := driver.RetryablePoolError(nil)
	return errors.As(err, &pool) && strings.Contains(err.Error(), "(AuthenticationFailed)")
}

func untrusted(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	// Of a server that was looked for in vain there is only text.
	return strings.Contains(err.Error(), "failed to verify certificate")
}

// passing tells whether err is of a connection, not of an operation.
func passing(err error) bool {
	if mongo.IsTimeout(err) || mongo.IsNetworkError(err) || errors.Is(err, context.Canceled) || errors.Is(err, mongo.ErrClientDisconnected) {
		return true
	}
	if _, ok := errors.AsType[topology.ConnectionError](err); ok { // a handshake that failed
		return true
	}
	if pool := driver.RetryablePoolError(nil); errors.As(err, &pool) { // another's connection failed meanwhile
		return true
	}
	e, ok := errors.AsType[mongo.LabeledError](err)
	return ok && e.HasErrorLabel("RetryableWriteError") // a primary that steps down
}

// duplicate translates a duplicate key of a single write into store.ErrDuplicate.
func duplicate(err error) error {
	var write mongo.WriteException
	if errors.As(err, &write) && len(write.WriteErrors) > 0 && write.WriteErrors[0].Code == duplicateKey {
		return store.ErrDuplicate(indexIn(write.WriteErrors[0].Raw), err)
	}
	return failure(err)
}

// refusals returns the errors of n inserts, some of which are duplicates. It
// fails when any of them failed for another reason.
func refusals(err error, n int) ([]error, error) {
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
		errs[e.Index] = store.ErrDuplicate(indexIn(e.Raw), e.WriteError)
	}
	if bulk.WriteConcernError != nil {
		return nil, failure(err)
	}
	return errs, nil
}

// indexIn finds the index in what the server says of a duplicate key.
func indexIn(raw bson.Raw) string {
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
