package stack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// lockFile is held by the suite whose data is in its folder.
const lockFile = "lock"

// kept is what the suite puts into its data folder; more belongs to others.
var kept = []string{"*-service.db", "*-service.db-*", "kafka", "s3", "mail", "notifications"}

// lock keeps others out of a data folder, until release is called or the
// process ends.
func lock(dir string) (release func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	held := flock.New(filepath.Join(dir, lockFile), flock.SetPermissions(0o600))
	ok, err := held.TryLock()
	if err != nil {
		return nil, fmt.Errorf("data folder %s: %w", dir, err)
	}
	if !ok {
		return nil, fmt.Errorf("another suite runs with the data in %s; stop it first, or set DATA_DIR to another folder", dir)
	}
	return func() { held.Unlock() }, nil
}

// Reset deletes the data of a suite that does not run, and the folder where
// nothing else is in it. It touches no folder that no suite has run in.
func Reset(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if _, err := os.Stat(filepath.Join(dir, lockFile)); err != nil {
		return fmt.Errorf("%s is not the data of a suite: %w", dir, err)
	}
	release, err := lock(dir)
	if err != nil {
		return err
	}
	defer release()
	for _, pattern := range kept {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		for _, path := range paths {
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
	}
	if err := os.Remove(filepath.Join(dir, lockFile)); err != nil {
		return err
	}
	_ = os.Remove(dir) // stays where somebody else's files are in it
	return nil
}
