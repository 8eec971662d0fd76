package documentd_test

import (
	"fmt"
	"testing"

	"github.com/battery-passport/suite/pkg/store"
)

// leftOver counts the documents that are ready, and tells what is there that
// belongs to none of them.
func leftOver(t *testing.T, s *service) (left string, ready int, keys []string) {
	t.Helper()
	documents, origins := s.open(t)
	origin, err := origins.Get(t.Context(), "origin")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, scope := range []string{"", "unfinished"} {
		for q := (store.Query{Scope: scope, Limit: store.MaxLimit}); ; {
			page, err := documents.List(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range page.Rows {
				key := origin.Doc.ID + "/" + row.ID
				keys = append(keys, key)
				if known[key] = scope == ""; !known[key] {
					left += fmt.Sprintf("\n%s document %s", row.Doc.State, row.ID)
				}
			}
			if q.Cursor = page.Next; q.Cursor == "" {
				break
			}
		}
	}
	objects, uploads := s.bucket.keys(t, keys...)
	for _, key := range objects {
		if !known[key] {
			left += "\nobject " + key
		}
		delete(known, key)
	}
	for _, u := range uploads {
		left += "\nupload " + u
	}
	for key := range known {
		if known[key] {
			ready++
			left += "\ndocument without object " + key
		}
	}
	return left, len(objects), keys
}
