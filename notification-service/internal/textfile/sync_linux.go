package textfile

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// syncAll syncs files of a folder to the disk. Several are synced by one sync of their file
// system.
func syncAll(folder string, files []string) error {
	if len(files) == 1 {
		return syncFile(files[0])
	}
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(f.Fd())), f.Close())
}
