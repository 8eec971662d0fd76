package sqlite

import (
	"maps"
	"slices"

	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/wire"
)

// keys are the index entries of a record. They are stored with it, so that a later
// release with other indexes can remove them.
type keys struct {
	Unique map[string]string `json:"unique,omitempty"`
	Lists  []string          `json:"lists,omitempty"`
	Sort   string            `json:"sort,omitempty"`
	Index  int               `json:"index,omitzero"` // store.Record.Index; earlier releases drop it when they write
}

func keysOf(r store.Record) keys { return keys{r.Unique, r.Lists, r.Sort, r.Index} }

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
	return x.list(id, previous, current)
}

// list replaces the previous list entries of a record by the current ones.
func (x write) list(id string, previous, current keys) error {
	removed, added := previous.Lists, current.Lists
	if previous.Sort == current.Sort {
		removed, added = without(removed, added), without(added, removed)
	}
	for _, list := range removed {
		if _, err := x.exec("DELETE FROM #_list WHERE token = ? AND sort = ?", list, previous.Sort); err != nil {
			return err
		}
	}
	for _, list := range added {
		if _, err := x.exec("INSERT INTO #_list (token, sort, id) VALUES (?, ?, ?)", list, current.Sort, id); err != nil {
			return err
		}
	}
	return nil
}

// without returns the values that are not in others.
func without(values, others []string) []string {
	return slices.DeleteFunc(slices.Clone(values), func(v string) bool { return slices.Contains(others, v) })
}
