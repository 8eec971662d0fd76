// Mongousers creates a MongoDB user for each service. The user may read and write only the
// database of the service. It writes the connection string of the user to a file. It can be
// repeated: the password in an existing file stays. In production it fails if the server does
// not require a login, or does not support users.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/battery-passport/suite/pkg/boot"
)

// Codes of errors of MongoDB.
const (
	unauthorized         = 13
	authenticationFailed = 18
	commandNotFound      = 59
	userExists           = 51003
)

type config struct {
	boot.Environment
	URI string `envconfig:"MONGODB_URI" secret:"true" desc:"Connection string of an administrator of MongoDB."`
	Dir string `envconfig:"USERS_DIR" default:"/users" desc:"Folder with a folder for each service, in which the file uri is written."`
}

func main() { boot.Tool(run) }

func run(ctx context.Context) error {
	var cfg config
	if err := boot.Load(&cfg); err != nil {
		return err
	}
	admin, err := url.Parse(cfg.URI)
	if err != nil {
		return fmt.Errorf("MONGODB_URI: %w", err)
	}
	client, err := mongo.Connect(options.Client().ApplyURI(cfg.URI))
	if err != nil {
		return err
	}
	defer client.Disconnect(context.WithoutCancel(ctx))
	if boot.IsProduction() {
		if err := requireLogin(ctx, cfg.URI); err != nil {
			return err
		}
	}
	folders, err := os.ReadDir(cfg.Dir)
	for _, folder := range folders {
		if err == nil {
			err = create(ctx, client, *admin, folder.Name(), filepath.Join(cfg.Dir, folder.Name(), "uri"))
		}
	}
	return err
}

// requireLogin fails if the server accepts a client without a login.
func requireLogin(ctx context.Context, uri string) error {
	anonymous := options.Client().ApplyURI(uri)
	anonymous.Auth = nil
	client, err := mongo.Connect(anonymous)
	if err != nil {
		return err
	}
	defer client.Disconnect(context.WithoutCancel(ctx))
	err = client.Database("admin").RunCommand(ctx, bson.D{{Key: "listDatabases", Value: 1}, {Key: "nameOnly", Value: true}}).Err()
	switch {
	case hasCode(err, unauthorized), hasCode(err, authenticationFailed):
		return nil
	case err != nil:
		return fmt.Errorf("cannot find out whether the server requires a login: %w", err)
	}
	return errors.New("the server of MONGODB_URI accepts clients without a login, which APP_ENV=production does not allow; start MongoDB with --auth, or its image with MONGO_INITDB_ROOT_USERNAME and MONGO_INITDB_ROOT_PASSWORD and an empty data volume")
}

// create creates the user of a service, or sets its password and role, and writes the file. If
// the server has no users, as a stand-in for tests, the file contains the login of the
// administrator, but not in production.
func create(ctx context.Context, client *mongo.Client, uri url.URL, service, file string) error {
	password, err := passwordIn(file, service)
	if err != nil {
		return err
	}
	roles := bson.A{bson.D{{Key: "role", Value: "readWrite"}, {Key: "db", Value: service}}}
	set := func(command string) error {
		return client.Database(service).RunCommand(ctx, bson.D{{Key: command, Value: service}, {Key: "pwd", Value: password}, {Key: "roles", Value: roles}}).Err()
	}
	err = set("createUser")
	if hasCode(err, userExists) {
		err = set("updateUser")
	}
	switch {
	case hasCode(err, commandNotFound) && boot.IsProduction():
		return fmt.Errorf("user %s: the server of MONGODB_URI does not support users, which APP_ENV=production requires; use MongoDB", service)
	case hasCode(err, commandNotFound):
		fmt.Fprintf(os.Stderr, "this server is not MongoDB and does not support users: %s gets the login of the administrator\n", service)
	case err != nil:
		return fmt.Errorf("user %s: %w", service, err)
	default:
		uri.User, uri.Path, uri.RawQuery = url.UserPassword(service, password), "/"+service, "authSource="+service
	}
	return write(file, uri.String())
}

func hasCode(err error, code int) bool {
	e, ok := errors.AsType[mongo.ServerError](err)
	return ok && e.HasErrorCode(code)
}

// passwordIn returns the password of a service in a file, or a new one without a file.
func passwordIn(file, service string) (string, error) {
	data, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if uri, err := url.Parse(strings.TrimSpace(string(data))); err == nil && uri.User.Username() == service {
		if password, ok := uri.User.Password(); ok {
			return password, nil
		}
	}
	return rand.Text(), nil
}

// write replaces a file, which all users of the container that mounts its folder may read.
func write(file, text string) error {
	temporary := file + ".new"
	if err := os.WriteFile(temporary, []byte(text+"\n"), 0o444); err != nil {
		return err
	}
	return os.Rename(temporary, file)
}
