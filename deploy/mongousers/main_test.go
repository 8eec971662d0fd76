package main

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.uber.org/goleak"

	"github.com/google/go-cmp/cmp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestUsersOfServices creates the user of a service twice. Its connection string works and stays
// the same. On MongoDB it names the user of the service, whose only role is readWrite on its own
// database; a stand-in without users gets the administrator.
func TestUsersOfServices(t *testing.T) {
	uri := os.Getenv("MONGODB_URI")
	if uri == "" {
		t.Skip("MONGODB_URI is not set")
	}
	const service = "mongousers-test"
	dir := t.TempDir()
	t.Setenv("USERS_DIR", dir)
	if err := os.Mkdir(filepath.Join(dir, service), 0o755); err != nil {
		t.Fatal(err)
	}
	var texts []string
	for range 2 {
		if err := run(t.Context()); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, service, "uri"))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, strings.TrimSpace(string(text)))
	}
	if texts[0] != texts[1] {
		t.Error("the second run has changed the connection string")
	}
	client, err := mongo.Connect(options.Client().ApplyURI(texts[1]))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Disconnect(t.Context())
	db := client.Database(service)
	if _, err := db.Collection("c").InsertOne(t.Context(), bson.D{{Key: "a", Value: 1}}); err != nil {
		t.Errorf("the connection string does not work: %v", err)
	}
	if u, err := url.Parse(texts[1]); err != nil || u.User.Username() != service {
		if texts[1] != uri {
			t.Errorf("a server without users has the connection string %s", u.Redacted())
		}
		return
	}
	defer db.RunCommand(t.Context(), bson.D{{Key: "dropUser", Value: service}})
	var info struct {
		Users []struct {
			Roles []struct{ Role, DB string }
		}
	}
	if err := db.RunCommand(t.Context(), bson.D{{Key: "usersInfo", Value: service}}).Decode(&info); err != nil {
		t.Fatal(err)
	}
	want := []struct{ Role, DB string }{{"readWrite", service}}
	if len(info.Users) != 1 || !cmp.Equal(want, info.Users[0].Roles) {
		t.Errorf("users %+v, want one with the roles %v", info.Users, want)
	}
}
