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

// august is a second rule set: a file, with a field and a rule that the first
// does not have, and a function for the rule.
const august = `{"profile":"bp-2027-08","effectiveFrom":"2027-08-18","rules":[
	{"id":"NEW-1","severity":"error","code":"consistency","text":"the colour is the season's"},
	{"id":"FMT-5","severity":"error","code":"unknownField","text":"members that the catalogue does not name are refused"}],"attributes":[
	{"path":"generalInformation.batteryCategory","kind":"attribute","section":"generalInformation","type":"string","access":"public","allowedValues":["EV"],
	 "requiredFor":{"EV":"M","LMT":"M","industrialOther":"M","industrialStationaryStorage":"M"}},
	{"path":"generalInformation.colour","kind":"attribute","section":"generalInformation","type":"string","access":"authority","rules":["NEW-1"],
	 "requiredFor":{"EV":"L","LMT":"O","industrialOther":"O","industrialStationaryStorage":"O"},"appliesFrom":{"EV":"2028-01-01"}}]}`

func newRules() []compliance.Rule {
	return append(compliance.Rules(), compliance.Rule{
		ID: "NEW-1", Severity: compliance.Error, Code: "consistency", Needs: []string{"generalInformation.colour"},
		Check: func(r *compliance.Run) {
			if colour := r.Doc.First("generalInformation.colour"); colour.Is("beige") {
				r.Report(colour, "is beige, and the season's is green")
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

func TestASecondRuleSet(t *testing.T) {
	engines, err := compliance.NewEngines(sets(t, august), newRules())
	if err != nil {
		t.Fatal(err)
	}
	for day, want := range map[ruleset.Date]string{
		"2020-01-01": "bp-2027-02", "2027-02-18": "bp-2027-02", "2027-08-17": "bp-2027-02", "2027-08-18": "bp-2027-08", "2100-01-01": "bp-2027-08",
	} {
		if got := engines.On(day).Rules.Name; got != want {
			t.Errorf("on %s counts %s, want %s", day, got, want)
		}
	}
	e, ok := engines.Named("bp-2027-08")
	if _, none := engines.Named("bp-2026"); !ok || none {
		t.Errorf("bp-2027-08 is there: %v, bp-2026: %v", ok, none)
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

func TestAnEngineNeedsItsFunctionsAndFields(t *testing.T) {
	if _, err := compliance.NewEngines(sets(t, august), compliance.Rules()); err == nil || !strings.Contains(err.Error(), "rule NEW-1 of bp-2027-08 has no function") {
		t.Errorf("without a function: %v", err)
	}
	needy := append(newRules(), compliance.Rule{ID: "NEW-1", Needs: []string{"generalInformation.size"}})
	if _, err := compliance.NewEngines(sets(t, august), needy); err == nil || !strings.Contains(err.Error(), "rule NEW-1 needs generalInformation.size, which bp-2027-08 does not have") {
		t.Errorf("without a field: %v", err)
	}
	conditional := strings.Replace(august, `"rules":["NEW-1"]`, `"conditionRule":"blue"`, 1)
	if _, err := compliance.NewEngines(sets(t, conditional), newRules()); err == nil || !strings.Contains(err.Error(), "condition blue of bp-2027-08 has no function") {
		t.Errorf("without a condition: %v", err)
	}
}

// TestWhatSomebodyReadsIsAllThatIsTold evaluates for those who do not read all.
func TestWhatSomebodyReadsIsAllThatIsTold(t *testing.T) {
	e := engine(t)
	data := sample(t, ev, changes(cut(general+"batteryStatus"), cut(labels+"testReports"), cut(matter+"materials"), set(general+"economicOperatorInformation/role", `"producer"`),
		set(state+"stateOfHealth/remainingCapacityAh", "900"), set(perform+"ratedEnergyKwh", "120"), cut(circle+"renewableContentPercent")))
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

// TestWhatCannotBeReadDecidesNothing: the role of the operator breaks a rule only
// for those who may read the status that it depends on.
func TestWhatCannotBeReadDecidesNothing(t *testing.T) {
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
		t.Errorf("the second time (-first +second)\n%s", diff)
	}
	if v := in.Data.First("generalInformation.batteryIdentifier"); !v.Valid() {
		t.Error("the evaluation has invalidated a value of the document")
	}
}

// TestScore counts what is due, and what is there and right.
func TestScore(t *testing.T) {
	e := engine(t)
	of := func(data wire.Value) compliance.Score {
		return e.Evaluate(compliance.Input{Data: e.Rules.Parse(data), Now: now, AsOf: ruleset.DateOf(now)}).Score
	}
	full, empty := of(sample(t, minimum, "")), of(wire.Value(`{"generalInformation":{"batteryCategory":"EV"}}`))
	if full.Percent != 100 || full.Due != full.Met || empty.Due < 40 || empty.Met != 1 || len(full.Sections) != 9 {
		t.Errorf("full %+v, empty %+v", full, empty)
	}
	less := of(sample(t, minimum, changes(cut(general+"batteryMass"), set(labels+"testReports/0/documentUrl", `"http://x"`))))
	if less.Met != full.Met-2 || less.Due != full.Due || less.Percent == 100 {
		t.Errorf("less %+v", less)
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
	if none := of(wire.Value(`{}`)); none.Due != 1 || none.Met != 0 || none.Percent != 0 {
		t.Errorf("nothing: %+v", none)
	}
}

func TestAdded(t *testing.T) {
	e := engine(t)
	of := func(patch string) compliance.Report {
		return e.Evaluate(compliance.Input{Data: e.Rules.Parse(sample(t, ev, patch)), Now: now, AsOf: ruleset.DateOf(now)})
	}
	before := of(changes(cut(general + "batteryMass")))
	after := of(changes(cut(general+"batteryMass"), set(perform+"ratedEnergyKwh", "120"), set(matter+"batteryChemistry", `"X"`)))
	var got []string
	for _, f := range after.NewErrors(before) {
		got = append(got, f.Path+" "+f.Code)
	}
	if diff := cmp.Diff([]string{perform + "ratedEnergyKwh consistency"}, got); diff != "" {
		t.Errorf("added (-want +got)\n%s", diff)
	}
	want := []fault.Detail{{Path: "/x", Code: "type"}}
	if r := of("").WithDetails(want); r.Complete || r.Findings[0].Path != "/x" {
		t.Errorf("with what is wrong beside the data: %+v", r.Findings[0])
	}
}
