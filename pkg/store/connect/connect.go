// Package connect opens the database that a service is told to use. It is
// apart from package store so that a domain does not depend on drivers.
package connect

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/mongo"
	"github.com/battery-passport/suite/pkg/store/sqlite"
)

// Config says which database.
type Config struct {
	URI string `envconfig:"MONGODB_URI" secret:"true" desc:"MongoDB as mongodb://host/database; without a database its name is the service's; empty: SQLite in DATA_DIR"`
	Dir string `envconfig:"DATA_DIR" default:"data" desc:"folder of the SQLite file"`
}

// Validate tells what is wrong with c.
func (c Config) Validate() error {
	if c.URI == "" {
		return nil
	}
	if err := mongo.CheckURI(c.URI); err != nil {
		return fmt.Errorf("  MONGODB_URI: %w", err)
	}
	return nil
}

// Open opens the database of a service. MongoDB need not answer yet.
func Open(ctx context.Context, cfg Config, service string) (store.DB, error) {
	if cfg.URI != "" {
		return mongo.Open(cfg.URI, service)
	}
	return sqlite.Open(ctx, filepath.Join(cfg.Dir, service+".db"))
}
