package password

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/pkg/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func key() ([]byte, error) { return []byte("key"), nil }

// TestHashingLeavesOneProcessorFree: of n processors, hashing uses at most n-1 and at
// least one. A call that waits longer than maxWait fails.
func TestHashingLeavesOneProcessorFree(t *testing.T) {
	for processors, want := range map[int]int{1: 1, 2: 1, 4: 3} {
		t.Run(fmt.Sprint(processors), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
			synctest.Test(t, func(t *testing.T) {
				h := New(4, key, 8)
				for range want {
					if _, err := h.acquire(t.Context(), account.Client{}, "some"); err != nil {
						t.Fatal(err)
					}
				}
				begin := time.Now()
				if _, err := h.Hash(t.Context(), account.Client{}, "more"); !fault.Is(err, fault.Unavailable) || time.Since(begin) != maxWait {
					t.Errorf("Hash = %v after %v", err, time.Since(begin))
				}
				if _, err := h.Compare(t.Context(), account.Client{}, "", "more"); !fault.Is(err, fault.Unavailable) {
					t.Errorf("Compare = %v", err)
				}
				h.queue.release()
				if _, err := h.Hash(t.Context(), account.Client{}, "more"); err != nil {
					t.Errorf("Hash with a free slot = %v", err)
				}
				if _, err := h.Compare(t.Context(), account.Client{}, "", "more"); err != nil {
					t.Errorf("Compare with a free slot = %v", err)
				}
			})
			if got := runtime.GOMAXPROCS(0); got != processors {
				t.Errorf("GOMAXPROCS became %d, want %d as before", got, processors)
			}
		})
	}
}

func TestCompare(t *testing.T) {
	h := New(4, key, 8)
	long := strings.Repeat("p", 100)
	hash, err := h.Hash(t.Context(), account.Client{}, long+"1")
	if err != nil {
		t.Fatal(err)
	}
	other := New(4, func() ([]byte, error) { return []byte("other"), nil }, 8)
	for _, c := range []struct {
		h              *Hasher
		hash, password string
		want           bool
	}{
		{h, hash, long + "1", true},
		{h, hash, long + "2", false}, // bcrypt ignores this character
		{h, hash, long, false},
		{h, "", "", false},
		{h, "", long, false},
		{other, hash, long + "1", false},
	} {
		if got, err := c.h.Compare(t.Context(), account.Client{}, c.hash, c.password); err != nil || got != c.want {
			t.Errorf("Compare(%q, …%q) = %v, %v", c.hash, c.password[max(0, len(c.password)-2):], got, err)
		}
	}
	if h.Outdated(hash) || !New(5, key, 8).Outdated(hash) {
		t.Error("a hash is outdated exactly if its cost differs")
	}
}
