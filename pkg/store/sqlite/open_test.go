package sqlite_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/battery-passport/suite/pkg/store/sqlite"
)

// TestManyOpenANewFile opens new files by several users at once, as two processes that
// start together do.
func TestManyOpenANewFile(t *testing.T) {
	dir := t.TempDir()
	for file := range 20 {
		var users sync.WaitGroup
		for range 8 {
			users.Go(func() {
				db, err := sqlite.Open(t.Context(), filepath.Join(dir, fmt.Sprint(file, ".db")))
				if err != nil {
					t.Error(err)
					return
				}
				if err := db.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		users.Wait()
	}
}
