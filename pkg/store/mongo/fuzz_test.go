package mongo

import (
	"testing"

	"github.com/battery-passport/suite/pkg/wire"
)

// FuzzDocument converts JSON objects to BSON and back. Names with a dollar or a dot
// are preserved; an object that BSON cannot represent is an error.
func FuzzDocument(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"$set":{"a.b":1},"":null}`, `{"$oid":"65a1b2c3d4e5f60718293a4b","$date":"2026-11-22"}`, `{"a":[1,-0,1e-9,999999999999999,9223372036854775808,1.5,true,"ü\u0000"]}`,
		`{"a\u0000b":1}`, `{"_id":{"$ne":""},"__proto__":[[],{}]}`, `{"n":1e400}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if wire.Check(data) != nil || wire.Value(data).Kind() != '{' {
			return // rejected before it reaches the store
		}
		encoded, err := toBSON(data)
		if err != nil {
			return
		}
		decoded, err := fromBSON(encoded)
		if err != nil {
			t.Fatalf("fromBSON(toBSON(%s)) = %v", data, err)
		}
		want, got := wire.Value(data).Clone(), decoded.Clone()
		if want.Canonicalize() != nil || got.Canonicalize() != nil || string(got) != string(want) {
			t.Errorf("fromBSON(toBSON(%s)) = %s", want, got)
		}
	})
}
