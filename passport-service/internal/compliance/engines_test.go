package compliance_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

// august is a second rule set. It has a field and a rule that the first does not
// have.
const august = `{"profile":"bp-2027-08","effectiveFrom":"2027-08-18","rules":[
	{"id":"NEW-1","severity":"error","code":"consistency","text":"the colour must be in season"},
	{"id":"FMT-5","severity":"error","code":"unknownField","text":"members that the catalogue does not name are not allowed"}],"attributes":[
	{"path":"generalInformation.batteryCategory","kind":"attribute","section":"generalInformation","type":"string","access":"public","allowedValues":["EV"],
	 "requiredFor":{"EV":"M","LMT":"M","industrialOther":"M","industrialStationaryStorage":"M"}},
	{"path":"generalInformation.colour","kind":"attribute","section":"generalInformation","type":"string","access":"authority","rules":["NEW-1"],
	 "requiredFor":{"EV":"L","LMT":"O","industrialOther":"O","industrialStationaryStorage":"O"},"appliesFrom":{"EV":"2028-01-01"}}]}`

func augustRules() []compliance.Rule {
	return append(compliance.Rules(), compliance.Rule{
		ID: "NEW-1", Severity: compliance.Error, Code: "consistency", Needs: []string{"generalInformation.colour"},
		Check: func(r *compliance.Run) {
			if colour := r.Doc.First("generalInformation.colour"); colour.Is("beige") {
				r.Report(colour, "must be green, got beige")
			}
		},
	})
}

func sets(t *testing.T, files ...string) ruleset.Sets {
	t.Helper()
	folder := fstest.MapFS{"bp-2027-02.json": {Data: ruleset.Embedded()[0].File}}
	for i, f := range files {
		folder[string(rune('x'+i))+".json"] = &fstest.MapFile{Data: []byte(f)}
	}
	sets, err := ruleset.LoadAll(folder)
	if err != nil {
		t.Fatal(err)
	}
	return sets
}

func TestSecondRuleSet(t *testing.T) {
	engines, err := compliance.NewEngines(sets(t, august), augustRules())
	if err != nil {
		t.Fatal(err)
	}
	for day, want := range map[ruleset.Date]string{
		"2020-01-01": "bp-2027-02", "2027-02-18": "bp-2027-02", "2027-08-17": "bp-2027-02", "2027-08-18": "bp-2027-08", "2100-01-01": "bp-2027-08",
	} {
		if got := engines.On(day).Rules.Name; got != want {
			t.Errorf("rule set on %s: got %s, want %s", day, got, want)
		}
	}
	e, ok := engines.Named("bp-2027-08")
	if _, none := engines.Named("bp-2026"); !ok || none {
		t.Errorf("Named: got bp-2027-08 %v, bp-2026 %v, want true, false", ok, none)
	}
	for _, c := range []struct {
		data string
		on   ruleset.Date
		want []string
	}{
		{`{"generalInformation":{"batteryCategory":"EV","colour":"beige"}}`, "2027-09-01", []string{
			"catalogue warning /data/generalInformation/colour notYetApplicable", "NEW-1 error /data/generalInformation/colour consistency"}},
		{`{"generalInformation":{"batteryCategory":"EV","colour":"green"}}`, "2028-01-01", nil},
		{`{"generalInformation":{"batteryCategory":"EV"}}`, "2027-12-31", nil},
		{`{"generalInformation":{"batteryCategory":"EV"}}`, "2028-01-01", []string{"catalogue error /data/generalInformation/colour required"}},
		{`{"generalInformation":{"batteryMass":1}}`, "2028-01-01", []string{
			"FMT-5 error /data/generalInformation/batteryMass unknownField", "catalogue error /data/generalInformation/batteryCategory required"}},
	} {
		got := findings(e.Evaluate(compliance.Input{Data: e.Rules.Parse(wire.Value(c.data)), Now: now, AsOf: c.on}))
		slices.Sort(got)
		slices.Sort(c.want)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s on %s (-want +got)\n%s", c.data, c.on, diff)
		}
	}
}

func TestEngineFailsWithoutFunctionOrField(t *testing.T) {
	if _, err := compliance.NewEngines(sets(t, august), compliance.Rules()); err == nil || !strings.Contains(err.Error(), "rule NEW-1 of bp-2027-08 has no function") {
		t.Errorf("without a function: %v", err)
	}
	missingField := append(augustRules(), compliance.Rule{ID: "NEW-1", Needs: []string{"generalInformation.size"}})
	if _, err := compliance.NewEngines(sets(t, august), missingField); err == nil || !strings.Contains(err.Error(), "rule NEW-1 needs generalInformation.size, which bp-2027-08 does not have") {
		t.Errorf("without a field: %v", err)
	}
	conditional := strings.Replace(august, `"rules":["NEW-1"]`, `"conditionRule":"blue"`, 1)
	if _, err := compliance.NewEngines(sets(t, conditional), augustRules()); err == nil || !strings.Contains(err.Error(), "condition blue of bp-2027-08 has no function") {
		t.Errorf("without a condition: %v", err)
	}
}

// TestFindingsOnlyOfReadableAttributes evaluates for readers of some classes.
func TestFindingsOnlyOfReadableAttributes(t *testing.T) {
	e := engine(t)
	data := sample(t, ev, changes(cut(general+"batteryStatus"), cut(labels+"testReports"), cut(matter+"materials"), set(general+"economicOperatorInformation/role", `"producer"`),
		set(state+"stateOfHealth/remainingCapacityAh", "900"), set(perform+"ratedEnergyKwh", "150"), cut(circle+"renewableContentPercent")))
	for reader, want := range map[ruleset.Reader][]string{
		ruleset.Anyone: {perform + "ratedEnergyKwh consistency", circle + "renewableContentPercent required"},
		ruleset.WithLegitimateInterest: {perform + "ratedEnergyKwh consistency", circle + "renewableContentPercent required", general + "batteryStatus required",
			matter + "materials required", state + "stateOfHealth/remainingCapacityAh range"},
		ruleset.MarketSurveillance: {perform + "ratedEnergyKwh consistency", circle + "renewableContentPercent required", matter + "materials required", labels + "testReports required"},
	} {
		slices.Sort(want)
		report := e.Evaluate(compliance.Input{Data: e.Rules.Parse(data), Now: now, AsOf: ruleset.DateOf(now), Classes: reader.Classes()})
		if diff := cmp.Diff(want, found(report, compliance.Error)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", reader, diff)
		}
	}
}

// TestRuleNeedsReadableAttributes: a reader who cannot read batteryStatus gets no
// finding about the role of the operator, which depends on it.
func TestRuleNeedsReadableAttributes(t *testing.T) {
	e := engine(t)
	data := sample(t, ev, changes(set(general+"economicOperatorInformation/role", `"producer"`)))
	for reader, want := range map[ruleset.Reader][]string{
		ruleset.WithLegitimateInterest: {general + "economicOperatorInformation/role consistency"}, ruleset.MarketSurveillance: {}, ruleset.Anyone: {},
	} {
		report := e.Evaluate(compliance.Input{Data: e.Rules.Parse(data), Now: now, AsOf: ruleset.DateOf(now), Classes: reader.Classes()})
		if diff := cmp.Diff(want, found(report, compliance.Error)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", reader, diff)
		}
	}
}

// TestEvaluationDoesNotChangeTheDocument evaluates a document with an error twice.
func TestEvaluationDoesNotChangeTheDocument(t *testing.T) {
	e := engine(t)
	in := compliance.Input{Data: e.Rules.Parse(sample(t, ev, changes(set(general+"batteryIdentifier", `"x"`)))), Now: now, AsOf: ruleset.DateOf(now)}
	first, second := findings(e.Evaluate(in)), findings(e.Evaluate(in))
	if diff := cmp.Diff(first, second); diff != "" || len(first) == 0 {
		t.Errorf("second evaluation differs (-first +second)\n%s", diff)
	}
	if v := in.Data.First("generalInformation.batteryIdentifier"); !v.Valid() {
		t.Error("Evaluate invalidated a value of the document")
	}
}

// TestScore compares complete, incomplete and empty data.
func TestScore(t *testing.T) {
	e := engine(t)
	score := func(data wire.Value) compliance.Score {
		return e.Evaluate(compliance.Input{Data: e.Rules.Parse(data), Now: now, AsOf: ruleset.DateOf(now)}).Score
	}
	full, empty := score(sample(t, minimum, "")), score(wire.Value(`{"generalInformation":{"batteryCategory":"EV"}}`))
	if full.Percent != 100 || full.Due != full.Met || empty.Due < 40 || empty.Met != 1 || len(full.Sections) != 9 {
		t.Errorf("complete data: %+v, only a category: %+v", full, empty)
	}
	less := score(sample(t, minimum, changes(cut(general+"batteryMass"), set(labels+"testReports/0/documentUrl", `"http://x"`))))
	if less.Met != full.Met-2 || less.Due != full.Due || less.Percent == 100 {
		t.Errorf("two errors: %+v", less)
	}
	for i, s := range less.Sections {
		want := full.Sections[i].Met
		if s.Section == "generalInformation" || s.Section == "labelsAndConformity" {
			want--
		}
		if s.Met != want {
			t.Errorf("%s: %+v", s.Section, s)
		}
	}
	if none := score(wire.Value(`{}`)); none.Due != 1 || none.Met != 0 || none.Percent != 0 {
		t.Errorf("no data: %+v", none)
	}
}

func TestNewErrors(t *testing.T) {
	e := engine(t)
	evaluate := func(patch string) compliance.Report {
		return e.Evaluate(compliance.Input{Data: e.Rules.Parse(sample(t, ev, patch)), Now: now, AsOf: ruleset.DateOf(now)})
	}
	before := evaluate(changes(cut(general + "batteryMass")))
	after := evaluate(changes(cut(general+"batteryMass"), set(perform+"ratedEnergyKwh", "150"), set(matter+"batteryChemistry", `"X"`)))
	var got []string
	for _, f := range after.NewErrors(before) {
		got = append(got, f.Path+" "+f.Code)
	}
	if diff := cmp.Diff([]string{perform + "ratedEnergyKwh consistency"}, got); diff != "" {
		t.Errorf("new errors (-want +got)\n%s", diff)
	}
	want := []fault.Detail{{Path: "/x", Code: "type"}}
	if r := evaluate("").WithDetails(want); r.Complete || r.Findings[0].Path != "/x" {
		t.Errorf("WithDetails: got complete %v, first finding %+v", r.Complete, r.Findings[0])
	}
}
