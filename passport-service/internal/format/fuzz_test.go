package format_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/format"
	"github.com/battery-passport/suite/pkg/fault"
)

// FuzzDecode reads any document in all formats. It must be converted to JSON, or be refused with an error for the client.
func FuzzDecode(f *testing.F) {
	all := registry(f)
	names := slices.Sorted(maps.Keys(all))
	for sample, data := range samples(f) {
		for _, name := range names {
			document, _, err := all[name].Encode(data, format.Header{Status: "active"})
			if err != nil {
				f.Fatal(sample, err)
			}
			f.Add(document)
		}
	}
	for _, c := range wrongTypes {
		f.Add([]byte(c.document))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		for _, name := range names {
			bodies, _, err := all[name].Decode(document)
			if _, ok := errors.AsType[*fault.Error](err); err != nil && !ok {
				t.Fatalf("%s: error for the log: %v", name, err)
			}
			for _, body := range bodies {
				if !json.Valid(body) {
					t.Fatalf("%s: %.1000s", name, body)
				}
			}
		}
	})
}
