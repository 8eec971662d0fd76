package stack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// lockFile is locked while a suite uses the data folder.
const lockFile = "lock"

// data are the patterns of the files and folders that a suite creates in the data folder.
var data = []string{"*-service.db", "*-service.db-*", "kafka", "s3", "mail", "notifications"}

// lock locks a data folder until release is called or the process ends.
func lock(dir string) (release func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	l := flock.New(filepath.Join(dir, lockFile), flock.SetPermissions(0o600))
	ok, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("data folder %s: %w", dir, err)
	}
	if !ok {
		return nil, fmt.Errorf("another suite is using the data folder %s: stop it first, or set DATA_DIR to another folder", dir)
	}
	return func() { l.Unlock() }, nil
}

// Reset deletes the data of a suite, and the folder if it is empty afterwards. It fails
// while the suite runs, and if no suite has used the folder.
func Reset(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if _, err := os.Stat(filepath.Join(dir, lockFile)); err != nil {
		return fmt.Errorf("%s is not the data folder of a suite: %w", dir, err)
	}
	release, err := lock(dir)
	if err != nil {
		return err
	}
	defer release()
	for _, pattern := range data {
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
	_ = os.Remove(dir) // fails if other files are in it
	return nil
}
