package wire_test

import (
	"encoding/json"
	"testing"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

// FuzzCheck holds what is let in against encoding/json, and against the hash
// form: one value has one canonical form, and it is let in again.
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
				t.Fatalf("Check = %v, want it malformed", err)
			}
			return
		}
		if !json.Valid(data) {
			t.Fatal("Check lets in what is no JSON")
		}
		once := wire.Value(data).Clone()
		if err := once.Canonicalize(); err != nil {
			t.Fatalf("what was let in has no canonical form: %v", err)
		}
		twice := once.Clone()
		if err := twice.Canonicalize(); err != nil || string(twice) != string(once) {
			t.Errorf("the canonical form of %s is %s, %v", once, twice, err)
		}
		if err := wire.Check(once); err != nil {
			t.Errorf("the canonical form %s is not let in: %v", once, err)
		}
	})
}
