package storetest

import (
	"context"
	"net/url"
	"os"
	"testing"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/mongo"
)

// EachDriver runs a test with an empty database, of SQLite, or of MongoDB if MONGODB_URI
// is set. Both drivers are tested by two runs. Tests of the drivers themselves run for
// SQLite in each of them.
func EachDriver(t *testing.T, test func(*testing.T, connect.Config)) {
	t.Run("SQLite", func(t *testing.T) {
		if os.Getenv("MONGODB_URI") != "" {
			t.Skip("MONGODB_URI is set: the test runs on MongoDB")
		}
		test(t, connect.Config{Dir: t.TempDir()})
	})
	t.Run("MongoDB", func(t *testing.T) { test(t, connect.Config{URI: MongoURI(t)}) })
}

// MongoURI returns the URI of an empty database on the MongoDB of MONGODB_URI,
// which is dropped after the test. It skips the test if MONGODB_URI is not set.
func MongoURI(t testing.TB) string {
	t.Helper()
	uri := os.Getenv("MONGODB_URI")
	if uri == "" {
		t.Skip("MONGODB_URI is not set")
	}
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/test-" + uuid.NewString()
	db, err := mongo.Open(u.String(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Drop(context.Background()); err != nil {
			t.Error(err)
		}
		db.Close(context.Background())
	})
	return u.String()
}
