package idempotency_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/idempotency"
)

// TestIDsDiffer uses kinds, callers and keys whose concatenation is the same.
func TestIDsDiffer(t *testing.T) {
	seen := map[string][3]string{}
	for _, in := range [][3]string{{"a", "b", "c"}, {"ab", "", "c"}, {"a", "bc", ""}, {"a", `b" "c`, ""}, {"", "a", "bc"}} {
		id := idempotency.ID(in[0], in[1], in[2])
		if other, ok := seen[id]; ok || id != idempotency.ID(in[0], in[1], in[2]) {
			t.Errorf("%q and %q have the id %s", in, other, id)
		}
		if u, err := uuid.Parse(id); err != nil || u.Version() != 8 || u.Variant() != uuid.RFC4122 {
			t.Errorf("%s: version %v, %v", id, u.Version(), err)
		}
		seen[id] = in
	}
}

func TestFingerprintMismatchIsInvalid(t *testing.T) {
	if idempotency.Fingerprint("a", "b") == idempotency.Fingerprint("ab") {
		t.Error("Fingerprint(a, b) = Fingerprint(ab)")
	}
	if err := idempotency.Check("x", "x"); err != nil {
		t.Error(err)
	}
	if err := idempotency.Check("x", "y"); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
}
