package cache

import (
	"errors"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func never(string) bool { return false }

// store stores a text of some bytes under a key.
func store(t *testing.T, c *Cache[string, string], key, text string) {
	t.Helper()
	if got, err := c.Load(key, func() (string, string, error) { return key, text, nil }); err != nil || got != text {
		t.Fatalf("%s: got %q, %v", key, got, err)
	}
}

// TestCacheIsBoundedInBytes: the least recently used values make room for new ones, and a
// value that is larger than the cache removes no other.
func TestCacheIsBoundedInBytes(t *testing.T) {
	c := NewExpiring(10, func(_, text string) int { return len(text) }, never)
	store(t, c, "a", "1234")
	store(t, c, "b", "1234")
	c.Get("a")
	store(t, c, "c", "123456")
	store(t, c, "large", "12345678901")
	for key, want := range map[string]bool{"a": true, "b": false, "c": true, "large": false} {
		if _, ok := c.Get(key); ok != want {
			t.Errorf("%s: got %v, want %v", key, ok, want)
		}
	}
	store(t, c, "a", "12345678") // replaces 4 bytes by 8, for which c must go
	if _, ok := c.Get("c"); ok || c.used != 8 || c.lru.Len() != 1 {
		t.Errorf("after a replacement: got %d values with %d bytes, want one with 8", c.lru.Len(), c.used)
	}
	off := NewExpiring(0, func(_, text string) int { return len(text) }, never)
	store(t, off, "a", "1")
	if off.lru.Len() != 0 {
		t.Error("a cache of 0 bytes keeps a value")
	}
}

// TestConcurrentLoadsAreOne: 50 goroutines wait for one load. A failed load is not kept, and
// a value is kept under the key that load returns.
func TestConcurrentLoadsAreOne(t *testing.T) {
	c := New(100, func(_, text string) int { return len(text) })
	begun, finish, loads := make(chan struct{}), make(chan struct{}), 0
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			v, err := c.Load("key", func() (string, string, error) {
				loads++
				close(begun) // panics if there is a second load
				<-finish
				return "key", "value", nil
			})
			if err != nil || v != "value" {
				t.Errorf("got %q, %v", v, err)
			}
		})
	}
	<-begun
	close(finish)
	wg.Wait()
	c.Load("old", func() (string, string, error) { return "new", "value", nil })
	_, old := c.Get("old")
	if v, _ := c.Get("new"); v != "value" || old {
		t.Errorf("a newer version: got %q under its key, %v under the old one", v, old)
	}
	failed := errors.New("failed")
	if _, err := c.Load("x", func() (string, string, error) { return "x", "", failed }); !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
	if _, ok := c.Get("x"); ok {
		t.Error("a failed load is kept")
	}
}
