package sqlite

import "context"

// RefuseWrites has writes fail as on a disk that is mounted read-only.
func RefuseWrites(ctx context.Context, db *DB) error {
	_, err := db.write.ExecContext(ctx, "PRAGMA query_only = 1")
	return err
}
