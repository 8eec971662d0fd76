package password

import "testing"

// BenchmarkHash measures the hash of a login at the default cost.
func BenchmarkHash(b *testing.B) {
	h := New(12, key)
	for b.Loop() {
		if _, err := h.Hash(b.Context(), "correct horse battery"); err != nil {
			b.Fatal(err)
		}
	}
}
