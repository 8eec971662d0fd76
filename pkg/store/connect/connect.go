// Package connect opens the database of a service. It is separate from package
// store so that domain packages do not depend on the drivers.
package connect

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/mongo"
	"github.com/battery-passport/suite/pkg/store/sqlite"
)

// Config selects the database.
type Config struct {
	URI  string `envconfig:"MONGODB_URI" secret:"true" desc:"Connection string of MongoDB, mongodb://host/database; the default database is named like the service. Empty: SQLite in DATA_DIR."`
	File string `envconfig:"MONGODB_URI_FILE" desc:"File with the connection string of MongoDB, instead of MONGODB_URI, such as a secret of the container platform."`
	Dir  string `envconfig:"DATA_DIR" default:"data" desc:"Folder of the SQLite file."`
}

// Validate checks the URI.
func (c Config) Validate() error {
	if c.URI != "" && c.File != "" {
		return errors.New("  MONGODB_URI_FILE: must be empty, because MONGODB_URI is set")
	}
	if c.URI == "" {
		return nil
	}
	if err := mongo.CheckURI(c.URI); err != nil {
		return fmt.Errorf("  MONGODB_URI: %w", err)
	}
	return nil
}

// Open opens the database of a service. It does not wait for MongoDB.
func Open(ctx context.Context, cfg Config, service string) (store.DB, error) {
	if cfg.File != "" {
		uri, err := os.ReadFile(cfg.File)
		if err != nil {
			return nil, fmt.Errorf("MONGODB_URI_FILE: %w", err)
		}
		cfg.URI = strings.TrimSpace(string(uri))
		if err := mongo.CheckURI(cfg.URI); err != nil {
			return nil, fmt.Errorf("MONGODB_URI_FILE: the file %s: %w", cfg.File, err)
		}
	}
	if cfg.URI != "" {
		return mongo.Open(cfg.URI, service)
	}
	return sqlite.Open(ctx, filepath.Join(cfg.Dir, service+".db"))
}
