package compliance_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/passport-service/samples"
	"github.com/battery-passport/suite/pkg/wire"
)

// now is the time for which the samples have their expected findings.
var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func engine(t testing.TB) *compliance.Engine {
	t.Helper()
	e, err := compliance.New(ruleset.Embedded()[0], compliance.Rules())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func file(t testing.TB, name string, into any) {
	t.Helper()
	text, err := samples.FS.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(name, err)
	}
}

// sample returns the data of a sample, changed by a JSON patch of its body.
func sample(t testing.TB, name, patch string) wire.Value {
	t.Helper()
	text, err := samples.FS.ReadFile(name)
	if err == nil && patch != "" {
		var p jsonpatch.Patch
		if p, err = jsonpatch.DecodePatch([]byte(patch)); err == nil {
			text, err = p.Apply(text)
		}
	}
	var body struct {
		Data wire.Value `json:"data"`
	}
	if err == nil {
		err = wire.Unmarshal(text, &body)
	}
	if err != nil {
		t.Fatal(name, err)
	}
	if err := body.Data.Canonicalize(); err != nil {
		t.Fatal(err)
	}
	return body.Data
}

// found returns the findings of a severity as sorted lines: path code.
func found(r compliance.Report, s compliance.Severity) []string {
	lines := []string{}
	for _, f := range r.Findings {
		if f.Severity == s {
			lines = append(lines, f.Path+" "+f.Code)
		}
	}
	slices.Sort(lines)
	return lines
}

type expectedFinding struct{ Path, Code string }

func lines(expected []expectedFinding) []string {
	lines := []string{}
	for _, e := range expected {
		lines = append(lines, e.Path+" "+e.Code)
	}
	slices.Sort(lines)
	return lines
}

func TestSamples(t *testing.T) {
	e := engine(t)
	var expected map[string]struct{ Errors, Warnings []expectedFinding }
	file(t, "expected.json", &expected)
	if len(expected) != 11 {
		t.Errorf("got %d samples, want 11", len(expected))
	}
	for name, want := range expected {
		report := e.Evaluate(compliance.Input{Data: e.Rules.Parse(sample(t, name, "")), Now: now, AsOf: ruleset.DateOf(now)})
		if diff := cmp.Diff(lines(want.Errors), found(report, compliance.Error)); diff != "" {
			t.Errorf("%s: errors (-want +got)\n%s", name, diff)
		}
		if diff := cmp.Diff(lines(want.Warnings), found(report, compliance.Warning)); diff != "" {
			t.Errorf("%s: warnings (-want +got)\n%s", name, diff)
		}
		if !report.Complete || report.Score.Percent != 100 {
			t.Errorf("%s: got complete %v, score %+v, want true, 100 %%", name, report.Complete, report.Score)
		}
		for _, f := range report.Findings {
			if f.Rule == "" || f.Message == "" || f.LegalReference == "" {
				t.Errorf("%s: incomplete finding %+v", name, f)
			}
		}
	}
}

func TestInvalidCases(t *testing.T) {
	e := engine(t)
	var cases struct {
		Cases []struct {
			Name, Base     string
			Patch          json.RawMessage
			ExpectedErrors []expectedFinding
		}
	}
	file(t, "invalid-cases.json", &cases)
	if len(cases.Cases) != 67 {
		t.Errorf("got %d cases, want 67", len(cases.Cases))
	}
	for _, c := range cases.Cases {
		report := e.Evaluate(compliance.Input{Data: e.Rules.Parse(sample(t, c.Base, string(c.Patch))), Now: now, AsOf: ruleset.DateOf(now)})
		if diff := cmp.Diff(lines(c.ExpectedErrors), found(report, compliance.Error)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", c.Name, diff)
		}
		if report.Complete {
			t.Errorf("%s: got complete, want errors", c.Name)
		}
	}
	for _, name := range []string{"ev-nmc-many-errors.json", "seed-shape.json", "seed-shape-ev.json"} {
		var c struct {
			Body           struct{ Data json.RawMessage }
			ExpectedErrors []expectedFinding
		}
		file(t, "invalid/"+name, &c)
		report := e.Evaluate(compliance.Input{Data: e.Rules.Parse(wire.Value(c.Body.Data)), Now: now, AsOf: ruleset.DateOf(now)})
		if diff := cmp.Diff(lines(c.ExpectedErrors), found(report, compliance.Error)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

func BenchmarkEvaluate(b *testing.B) {
	e := engine(b)
	data := sample(b, "ev-nmc-complete.json", "")
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if r := e.Evaluate(compliance.Input{Data: e.Rules.Parse(data), Now: now, AsOf: ruleset.DateOf(now)}); !r.Complete {
			b.Fatal("the sample has errors")
		}
	}
}
