package wire_test

import (
	"encoding/json"
	"testing"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

// FuzzCheck compares Check with encoding/json. Every accepted value has one canonical
// form, which is accepted too.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		``, ` {} `, `{"a":1}{}`, `{"a":1,"\u0061":2}`, `[1e400,-0,1.50]`, "{\"\xff\":1}", `"\ud800"`, `{"$ne":"","a.b":{"__proto__":null}}`,
		`[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]`, `{"a":[{"b":"ü\u2028"},true,null]}`, `nul`, "\ufeff{}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		err := wire.Check(data)
		if err != nil {
			if !fault.Is(err, fault.Malformed) {
				t.Fatalf("Check = %v, want malformed", err)
			}
			return
		}
		if !json.Valid(data) {
			t.Fatal("Check accepted invalid JSON")
		}
		canonical := wire.Value(data).Clone()
		if err := canonical.Canonicalize(); err != nil {
			t.Fatalf("an accepted value has no canonical form: %v", err)
		}
		repeated := canonical.Clone()
		if err := repeated.Canonicalize(); err != nil || string(repeated) != string(canonical) {
			t.Errorf("Canonicalize(%s) = %s, %v, want no change", canonical, repeated, err)
		}
		if err := wire.Check(canonical); err != nil {
			t.Errorf("Check(%s) = %v for a canonical form", canonical, err)
		}
	})
}
