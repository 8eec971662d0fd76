package mongo

import (
	"testing"

	"github.com/battery-passport/suite/pkg/wire"
)

// FuzzDocument writes any object as BSON: a name with a dollar or a dot is a
// name, and what comes back is what it was, or nothing was written.
func FuzzDocument(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"$set":{"a.b":1},"":null}`, `{"$oid":"65a1b2c3d4e5f60718293a4b","$date":"2026-11-22"}`, `{"a":[1,-0,1e-9,999999999999999,9223372036854775808,1.5,true,"ü\u0000"]}`,
		`{"a\u0000b":1}`, `{"_id":{"$ne":""},"__proto__":[[],{}]}`, `{"n":1e400}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if wire.Check(data) != nil || wire.Value(data).Kind() != '{' {
			return // it does not come so far
		}
		written, err := toBSON(data)
		if err != nil {
			return
		}
		read, err := fromBSON(written)
		if err != nil {
			t.Fatalf("%s was written, and: %v", data, err)
		}
		want, got := wire.Value(data).Clone(), read.Clone()
		if want.Canonicalize() != nil || got.Canonicalize() != nil || string(got) != string(want) {
			t.Errorf("%s comes back as %s", want, got)
		}
	})
}
