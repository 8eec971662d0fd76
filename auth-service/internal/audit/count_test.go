package audit_test

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/sqlite"
)

// TestLoginDoesNotPayForFailuresOfOthers: strangers have tried to log in to 1,000 accounts. A
// login stores its own count only; Flush stores the others.
func TestLoginDoesNotPayForFailuresOfOthers(t *testing.T) {
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "audit.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(t.Context())
	l := audit.New(db, time.Now, slog.New(slog.DiscardHandler))
	for i := range 1000 {
		l.Count(t.Context(), audit.LoginFailed, fmt.Sprint("account ", i))
	}
	stored := func() int {
		t.Helper()
		page, err := l.Entries.List(t.Context(), store.Query{Scopes: []string{store.All}, Limit: store.MaxLimit})
		if err != nil {
			t.Fatal(err)
		}
		return len(page.Rows)
	}
	l.CountNow(t.Context(), audit.LoggedIn, "ann")
	if n := stored(); n != 1 {
		t.Errorf("the login stored %d entries, want 1", n)
	}
	l.Flush(t.Context())
	if n := stored(); n != store.MaxLimit {
		t.Errorf("%d entries on the first page after Flush, want %d", n, store.MaxLimit)
	}
}
