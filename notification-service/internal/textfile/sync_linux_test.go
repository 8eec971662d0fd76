package textfile

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestFewFilesAreSyncedOneByOne: only a sync of the file system opens the folder, and only syncs of
// the files open the files. So a missing folder or file shows which of them was done.
func TestFewFilesAreSyncedOneByOne(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing")
	var files []string
	for i := range maxSyncs + 1 {
		files = append(files, filepath.Join(dir, fmt.Sprint(i)))
		if err := os.WriteFile(files[i], nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	few := append(files[:maxSyncs-1:maxSyncs-1], missing)
	for name, c := range map[string]struct {
		folder string
		files  []string
		ok     bool
	}{
		"no files":                    {missing, nil, true},
		"few files":                   {missing, files[:maxSyncs], true},
		"few files, one is missing":   {dir, few, false},
		"many files":                  {dir, files, true},
		"many files, missing folder":  {missing, files, false},
		"many files, one was removed": {dir, append(few, missing), true},
	} {
		if err := syncAll(c.folder, c.files); (err == nil) != c.ok {
			t.Errorf("%s: syncAll = %v", name, err)
		}
	}
}
