package ruleset_test

import (
	"encoding/json"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/passport-service/samples"
	"github.com/battery-passport/suite/pkg/wire"
)

// BenchmarkProject projects a complete passport to its public part.
func BenchmarkProject(b *testing.B) {
	text, err := samples.FS.ReadFile("ev-nmc-complete.json")
	if err != nil {
		b.Fatal(err)
	}
	var body struct{ Data json.RawMessage }
	if err := json.Unmarshal(text, &body); err != nil {
		b.Fatal(err)
	}
	data := wire.Value(body.Data)
	if err := data.Canonicalize(); err != nil {
		b.Fatal(err)
	}
	rs := ruleset.Embedded()[0]
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if len(rs.Project(data, ruleset.Anyone.Classes())) < 1000 {
			b.Fatal("the public part is too small")
		}
	}
}
