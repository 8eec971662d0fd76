package format

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

const noField = "has no corresponding field or value"

// Limits of the losses of one document.
const (
	maxLosses  = 100
	maxReasons = 10 // of one loss
)

// compare returns the values of a that b does not have, at the highest path without any of them, and after limit losses how
// many others there are. With extra, values that only b has are losses, too.
func compare(a, b any, path string, why Reasons, extra bool, limit int) []Loss {
	c := comparison{why: why, pointers: slices.Sorted(maps.Keys(why)), extra: extra, limit: limit}
	c.compare(a, b, path)
	slices.SortFunc(c.losses, func(x, y Loss) int { return cmp.Compare(x.Path, y.Path) })
	if c.more > 0 {
		c.losses = append(c.losses, Loss{path, fmt.Sprintf("%d more values are missing or different", c.more)})
	}
	return c.losses
}

type comparison struct {
	why      Reasons
	pointers []string // of why, sorted
	extra    bool
	limit    int
	losses   []Loss
	more     int // losses after the limit
}

func (c *comparison) add(path, text string) {
	if len(c.losses) == c.limit {
		c.more++
		return
	}
	c.losses = append(c.losses, Loss{path, text})
}

func (c *comparison) compare(a, b any, path string) {
	switch a := a.(type) {
	case map[string]any:
		if b, ok := b.(map[string]any); ok {
			c.members(a, b, path)
			return
		}
	case []any:
		if b, ok := b.([]any); ok {
			c.items(a, b, path)
			return
		}
	default:
		if equal(a, b) {
			return
		}
	}
	c.lost(a, b, path)
}

func (c *comparison) members(a, b map[string]any, path string) {
	for _, name := range slices.Sorted(maps.Keys(a)) {
		c.compare(a[name], b[name], path+"/"+escape(name))
	}
	for _, name := range slices.Sorted(maps.Keys(b)) {
		if _, ok := a[name]; !ok && c.extra {
			c.add(path+"/"+escape(name), "does not exist, but is added by a round trip")
		}
	}
}

func (c *comparison) items(a, b []any, path string) {
	inA, inB := byName(a), byName(b)
	for i, item := range a {
		if item == nil { // null, or of another passport
			continue
		}
		at := fmt.Sprint(path, "/", i)
		if other, ok := counterpart(a, b, i, inA, inB); ok {
			c.compare(item, other, at)
		} else {
			c.lost(item, nil, at)
		}
	}
	for i := len(a); i < len(b) && c.extra; i++ {
		c.add(fmt.Sprint(path, "/", i), "does not exist, but is added by a round trip")
	}
}

// counterpart returns the item of b that corresponds to a[i]: the one with the same name, or that at the same place.
// Only texts may have another name there: a language.
func counterpart(a, b []any, i int, inA, inB map[string]int) (any, bool) {
	if name := nameOf(a[i]); name != "" && inA[name] == i {
		if j, ok := inB[name]; ok && j >= 0 {
			return b[j], true
		}
		if i < len(b) && (!isText(a[i]) || has(inA, nameOf(b[i]))) {
			return nil, false
		}
	}
	if i < len(b) {
		return b[i], true
	}
	return nil, false
}

// isText reports whether an item is a text in a language.
func isText(v any) bool {
	object, _ := v.(map[string]any)
	return object["language"] != nil
}

func has(places map[string]int, name string) bool {
	_, ok := places[name]
	return ok
}

// byName returns the places of named items, and -1 for a name that is not unique.
func byName(items []any) map[string]int {
	places := map[string]int{}
	for i, item := range items {
		if name := nameOf(item); name != "" {
			if _, ok := places[name]; ok {
				i = -1
			}
			places[name] = i
		}
	}
	return places
}

// nameOf returns the name of an item in an array whose order has no meaning: of an element of EN 18223 or of an asset
// administration shell, or the language of a text.
func nameOf(v any) string {
	object, _ := v.(map[string]any)
	for _, member := range []string{"elementId", "idShort", "language"} {
		if name, ok := object[member].(string); ok {
			return name
		}
	}
	return ""
}

// lost adds a value that is missing or changed, with the reasons for its members.
func (c *comparison) lost(a, b any, path string) {
	text := noField
	switch {
	case len(c.losses) == c.limit: // the text is not needed
	case c.why[path] != "":
		text = c.why[path]
	case b != nil:
		text = "is changed to " + shorten(b)
	default:
		if inner := c.inner(path + "/"); len(inner) > 0 {
			text = strings.Join(inner, "; ")
		}
	}
	c.add(path, text)
}

// inner returns the first reasons for values whose pointers have a prefix.
func (c *comparison) inner(prefix string) (reasons []string) {
	first, _ := slices.BinarySearch(c.pointers, prefix)
	for _, p := range c.pointers[first:] {
		if !strings.HasPrefix(p, prefix) {
			break
		}
		if slices.Contains(reasons, c.why[p]) {
			continue
		}
		if len(reasons) == maxReasons {
			slices.Sort(reasons)
			return append(reasons, "…")
		}
		reasons = append(reasons, c.why[p])
	}
	slices.Sort(reasons)
	return reasons
}

func shorten(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	if len(text) > 80 {
		return strings.ToValidUTF8(string(text[:77]), "") + "…"
	}
	return string(text)
}

// equal compares values that are not containers. Numbers are equal if their values are.
func equal(a, b any) bool {
	x, xOK := a.(json.Number)
	y, yOK := b.(json.Number)
	if !xOK || !yOK {
		return a == nil && b == nil || isScalar(a) && isScalar(b) && a == b
	}
	f, err := strconv.ParseFloat(string(x), 64)
	g, err2 := strconv.ParseFloat(string(y), 64)
	return x == y || err == nil && err2 == nil && f == g
}

func isScalar(v any) bool {
	switch v.(type) {
	case string, bool, json.Number:
		return true
	}
	return false
}
