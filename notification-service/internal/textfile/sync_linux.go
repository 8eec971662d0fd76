package textfile

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// maxSyncs is the number of files that are synced one by one.
const maxSyncs = 8

// syncAll syncs files of a folder to the disk. More than maxSyncs files are synced by one sync of
// their file system, which reports failed writes since Linux 5.8. It also waits for the unwritten
// data of other files, so a few files are synced one by one.
func syncAll(folder string, files []string) error {
	if len(files) <= maxSyncs {
		return syncEach(files)
	}
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(f.Fd())), f.Close())
}
