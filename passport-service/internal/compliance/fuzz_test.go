package compliance_test

import (
	"bytes"
	"math/big"
	"strconv"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/wire"
)

// FuzzData puts any JSON where the data of a passport goes. Whatever it is, what
// is wrong with it is told within bounds; what the structure gate lets through
// is let through again in the form in which it is stored, and evaluates to the
// same; and who reads a part of it is sent nothing but members of it.
func FuzzData(f *testing.F) {
	for _, name := range []string{"readme-sample.json", "ev-nmc-minimum-2027.json", "lmt-ebike-waste.json"} {
		f.Add([]byte(sample(f, name, "")))
	}
	for _, seed := range []string{
		`null`, `[]`, `{}`, `{"generalInformation":{"batteryMass":1e-9,"batteryMass2":999999999999999}}`, `{"generalInformation":null,"$set":{"a.b":1}}`,
		`{"generalInformation":{"batteryIdentifier":"https://x.example/01/0\u0000","batteryMass":-0.0}}`, `{"lifecycle":{"statusHistory":[{"status":"waste","since":"2026-02-30"},1,null]}}`,
		`{"materialComposition":{"materials":[{"materialName":"x","isCriticalRawMaterial":true,"mass":"1"}],"criticalRawMaterials":["Lithium",""]}}`,
		`{"generalInformation":{"batteryMass":1.00000000000000001}}`, `{"generalInformation":{"batteryMass":123456789012345678e-6}}`,
		`{"generalInformation":{"batteryMass":1.00000000000000000,"manufacturingDate":"9999-99"}}`,
	} {
		f.Add([]byte(seed))
	}
	e := engine(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<20 || wire.Check(text) != nil {
			return // it does not come so far
		}
		data := wire.Value(text)
		in := compliance.Input{Data: data, Now: now, On: ruleset.DateOf(now)}
		report := e.Evaluate(in)
		if len(report.Findings) > ruleset.MaxFindings {
			t.Fatalf("%d findings", len(report.Findings))
		}
		for _, f := range report.Findings {
			if f.Path == "" || f.Code == "" || f.Message == "" {
				t.Errorf("finding %+v", f)
			}
		}
		if details := e.Rules.CheckStructure(data); details != nil {
			if len(details) > ruleset.MaxFindings || report.Complete {
				t.Errorf("%d details, complete %v", len(details), report.Complete)
			}
			return
		}
		checkNumbers(t, text)
		stored := data.Clone()
		if err := stored.Canonicalize(); err != nil {
			t.Fatalf("what is let through cannot be stored: %v", err)
		}
		if details := e.Rules.CheckStructure(stored); details != nil {
			t.Errorf("what was let through is refused as it is stored: %+v in %s", details, stored)
		}
		in.Data = stored
		if again := e.Evaluate(in); len(again.Findings) != len(report.Findings) || again.Complete != report.Complete {
			t.Errorf("%d findings, and %d as it is stored: %s", len(report.Findings), len(again.Findings), stored)
		}
		for _, reader := range []ruleset.Reader{ruleset.Anyone, ruleset.WithLegitimateInterest, ruleset.MarketSurveillance} {
			if part := e.Rules.Project(stored.Clone(), reader.Classes()); wire.Check(part) != nil || len(part) > len(stored) {
				t.Errorf("%v reads %s of %s", reader, part, stored)
			}
		}
	})
}

// checkNumbers fails the test where a double does not hold a number as it is
// written.
func checkNumbers(t *testing.T, data []byte) {
	t.Helper()
	for dec := jsontext.NewDecoder(bytes.NewReader(data)); ; {
		token, err := dec.ReadToken()
		if err != nil {
			return
		}
		if token.Kind() != '0' || len(token.String()) > 100 {
			continue
		}
		double, _ := token.Float()
		held, _ := new(big.Rat).SetString(strconv.FormatFloat(double, 'g', -1, 64))
		if written, ok := new(big.Rat).SetString(token.String()); double != 0 && (!ok || written.Cmp(held) != 0) {
			t.Errorf("%v is held as %v", token, double)
		}
	}
}
