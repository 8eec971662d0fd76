package document

import (
	"fmt"
	"testing"
	"time"
)

// TestAbandonedRecountIsGivenUp: the changes of a recount that nobody continues are bounded.
func TestAbandonedRecountIsGivenUp(t *testing.T) {
	u := Usage{Recount: &Recount{}}
	for i := range maxChanges + 10 {
		u.count(&Document{ID: fmt.Sprint(i), Size: 2, CreatedAt: time.Unix(1, 0)}, 1)
		if got, want := u.Recount != nil, i < maxChanges; got != want {
			t.Fatalf("after %d changes: the recount is running: %v, want %v", i+1, got, want)
		}
	}
	if u.Files != maxChanges+10 || u.Bytes != 2*u.Files {
		t.Errorf("got %d files with %d bytes", u.Files, u.Bytes)
	}
}
