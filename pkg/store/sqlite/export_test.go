package sqlite

import (
	"context"

	"github.com/battery-passport/suite/pkg/store"
)

// RefuseWrites makes writes fail as on a read-only file system.
func RefuseWrites(ctx context.Context, db *DB) error {
	_, err := db.write.ExecContext(ctx, "PRAGMA query_only = 1")
	return err
}

// Queued returns the number of queued writes.
func Queued(db *DB) int {
	db.writer.mu.Lock()
	defer db.writer.mu.Unlock()
	return len(db.writer.queue)
}

// ListStatement returns the SQL query of a list and its arguments.
func ListStatement(table string, q store.ListQuery) (query string, args []any) {
	query, args = listStatement(q)
	return named(query, table), args
}
