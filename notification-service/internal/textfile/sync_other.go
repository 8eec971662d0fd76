//go:build !linux

package textfile

// syncAll syncs files of a folder to the disk.
func syncAll(_ string, files []string) error { return syncEach(files) }
