package textfile

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/battery-passport/suite/pkg/task"
)

const (
	temporaryPrefix = ".notification-"
	// staleAfter is much longer than the writing of a batch of files, on any clock.
	staleAfter = time.Hour
)

// RemoveStaleTask returns the task that removes the temporary files of killed processes. It runs at
// the start and every hour.
func (f Folder) RemoveStaleTask(now func() time.Time) task.Kind {
	return task.Kind{Name: "files.removeStale", Every: staleAfter, Local: true, Run: func(context.Context, task.Task) error {
		return f.removeStale(now().Add(-staleAfter))
	}}
}

// removeStale removes the temporary files that were written before a time. It reads the names in
// parts, because the folder may have very many files.
func (f Folder) removeStale(before time.Time) error {
	dir, err := os.Open(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	for {
		names, err := dir.Readdirnames(1000)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := f.removeIfStale(name, before); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
}

func (f Folder) removeIfStale(name string, before time.Time) error {
	if !strings.HasPrefix(name, temporaryPrefix) {
		return nil
	}
	path := filepath.Join(f.Path, name)
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || !info.ModTime().Before(before) {
		return err
	}
	return os.Remove(path)
}
