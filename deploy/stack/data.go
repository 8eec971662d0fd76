package stack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// lockFile is locked while a suite uses its folder.
const lockFile = "lock"

// data are the patterns of what a suite stores in its folder.
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
		return nil, fmt.Errorf("another suite runs with the data in %s; stop it first, or set DATA_DIR to another folder", dir)
	}
	return func() { l.Unlock() }, nil
}

// Reset deletes the data of a suite that is not running, and the folder when it is
// empty then. It fails for a folder that no suite has used.
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
	_ = os.Remove(dir) // stays when it has other files
	return nil
}
