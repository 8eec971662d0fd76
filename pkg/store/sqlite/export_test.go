package sqlite

import "context"

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
