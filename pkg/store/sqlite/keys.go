package sqlite

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"slices"

	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/wire"
)

// keys are the index entries of a record. They are stored with it, so that a later
// release with other indexes can remove them.
type keys struct {
	Unique  map[string]string `json:"unique,omitempty"`
	Scopes  []string          `json:"scopes,omitempty"`
	Filters map[string]string `json:"filters,omitempty"`
	Index   int               `json:"index,omitzero"`  // store.Record.Index
	Lists   []string          `json:"lists,omitempty"` // of earlier releases, instead of Scopes and Filters
	sort    string            // in a column of its own
}

func keysOf(r store.Record) keys {
	return keys{Unique: r.Unique, Scopes: r.Scopes, Filters: r.Filters, Index: r.Index, sort: r.Sort}
}

func (k keys) lists() []string {
	if k.Lists != nil {
		return k.Lists
	}
	return store.Record{Scopes: k.Scopes, Filters: k.Filters}.Lists()
}

func (k keys) text() string {
	data, err := wire.Marshal(k)
	if err != nil {
		panic(err) // strings always marshal
	}
	return string(data)
}

// index replaces the previous index entries of a record by the current ones.
func (x write) index(id string, previous, current keys) error {
	for name, value := range previous.Unique {
		if current.Unique[name] != value {
			if _, err := x.exec("DELETE FROM #_unique WHERE name = ? AND value = ?", name, value); err != nil {
				return err
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(current.Unique)) {
		if value := current.Unique[name]; previous.Unique[name] != value {
			n, err := x.exec("INSERT INTO #_unique (name, value, id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", name, value, id)
			if err != nil {
				return err
			}
			if n == 0 {
				return store.ErrDuplicate(name, nil)
			}
		}
	}
	return x.list(previous, current)
}

// list replaces the previous list entries of a record by the current ones.
func (x write) list(previous, current keys) error {
	removed, added := shortNames(previous.lists()), shortNames(current.lists())
	if previous.sort == current.sort {
		removed, added = difference(removed, added), difference(added, removed)
	}
	if len(removed) > 0 {
		if _, err := x.exec("DELETE FROM #_list WHERE name IN (SELECT value FROM json_each(?)) AND sort = ?", jsonArray(removed), previous.sort); err != nil {
			return err
		}
	}
	if len(added) == 0 {
		return nil
	}
	// Without OR FAIL, SQLite copies each page before it changes it, to undo the statement alone. An error undoes the whole write.
	_, err := x.exec("INSERT OR FAIL INTO #_list (name, sort) SELECT value, ? FROM json_each(?)", current.sort, jsonArray(added))
	return err
}

func shortNames(lists []string) []string {
	for i, key := range lists {
		lists[i] = shortName(key)
	}
	return lists
}

// shortName returns the name under which a list is stored: 80 bits of the hash of its key. Keys hold identifiers of
// batteries, and a record is in a dozen lists. It is the SQL function short_name, too.
func shortName(listKey string) string {
	sum := sha256.Sum256([]byte(listKey))
	return base64.RawURLEncoding.EncodeToString(sum[:10])
}

// difference returns the values that are not in others.
func difference(values, others []string) []string {
	return slices.DeleteFunc(slices.Clone(values), func(v string) bool { return slices.Contains(others, v) })
}
