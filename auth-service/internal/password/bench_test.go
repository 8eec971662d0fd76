package password

import (
	"testing"

	"github.com/battery-passport/suite/auth-service/internal/account"
)

// BenchmarkHash measures the hash of a login at the default cost.
func BenchmarkHash(b *testing.B) {
	h := New(12, key, 8)
	for b.Loop() {
		if _, err := h.Hash(b.Context(), account.Client{}, "correct horse battery"); err != nil {
			b.Fatal(err)
		}
	}
}
