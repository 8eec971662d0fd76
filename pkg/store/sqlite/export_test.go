package sqlite

import "context"

// RefuseWrites has writes fail as on a disk that is mounted read-only.
func RefuseWrites(ctx context.Context, db *DB) error {
	_, err := db.write.ExecContext(ctx, "PRAGMA query_only = 1")
	return err
}

// Queued returns how many writes wait for a transaction.
func Queued(db *DB) int {
	db.writer.mu.Lock()
	defer db.writer.mu.Unlock()
	return len(db.writer.queue)
}
