// Package cache caches values in memory, up to a size in bytes.
package cache

import (
	"fmt"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/sync/singleflight"
)

// Cache contains the most recently used values. It is safe for concurrent use.
type Cache[K comparable, V any] struct {
	limit  int            // bytes
	size   func(K, V) int // bytes of an entry
	fresh  func(V) bool   // of a value that Load may return; nil: of all
	mu     sync.Mutex
	used   int
	lru    *simplelru.LRU[K, V]
	flight singleflight.Group
}

// New returns a cache for limit bytes. Larger values are not cached; with limit 0, no value is.
func New[K comparable, V any](limit int, size func(K, V) int) *Cache[K, V] {
	c := &Cache[K, V]{limit: limit, size: size}
	c.lru, _ = simplelru.NewLRU(1<<30, func(k K, v V) { c.used -= size(k, v) }) // fails for a size below 1 only
	return c
}

// NewExpiring is like New. Load replaces values that are not fresh.
func NewExpiring[K comparable, V any](limit int, size func(K, V) int, fresh func(V) bool) *Cache[K, V] {
	c := New(limit, size)
	c.fresh = fresh
	return c
}

// Get returns the value of a key.
func (c *Cache[K, V]) Get(key K) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lru.Get(key)
}

// Load returns the value of a key, and loads it if it is missing, once for all concurrent calls with the same key. load
// may return the value with another key: the key of a newer version. Errors are not cached.
func (c *Cache[K, V]) Load(key K, load func() (K, V, error)) (V, error) {
	if v, ok := c.getFresh(key); ok {
		return v, nil
	}
	v, err, _ := c.flight.Do(fmt.Sprintf("%#v", key), func() (any, error) {
		if v, ok := c.getFresh(key); ok { // another call has just loaded it
			return v, nil
		}
		key, v, err := load()
		if err == nil {
			c.Put(key, v)
		}
		return v, err
	})
	if err != nil {
		var none V
		return none, err
	}
	return v.(V), nil
}

func (c *Cache[K, V]) getFresh(key K) (V, bool) {
	v, ok := c.Get(key)
	return v, ok && (c.fresh == nil || c.fresh(v))
}

// Put stores a value.
func (c *Cache[K, V]) Put(key K, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lru.Remove(key)
	size := c.size(key, v)
	if size > c.limit {
		return
	}
	for c.used+size > c.limit {
		c.lru.RemoveOldest()
	}
	c.used += size
	c.lru.Add(key, v)
}

// Delete removes the value of a key.
func (c *Cache[K, V]) Delete(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lru.Remove(key)
}

// Used returns the size of all values in bytes.
func (c *Cache[K, V]) Used() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.used
}
