//go:build !linux

package textfile

// syncAll syncs files of a folder to the disk.
func syncAll(_ string, files []string) error {
	for _, name := range files {
		if err := syncFile(name); err != nil {
			return err
		}
	}
	return nil
}
