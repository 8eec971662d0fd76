package compliance_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/wire"
)

const (
	ev       = "ev-nmc-complete.json"
	used     = "ev-lfp-in-use.json"
	minimum  = "ev-nmc-minimum-2027.json"
	bike     = "lmt-ebike.json"
	waste    = "lmt-ebike-waste.json"
	leadAcid = "industrial-lead-acid.json"
	storage  = "industrial-stationary-lfp.json"
	second   = "industrial-repurposed.json"
	remade   = "ev-remanufactured.json"
)

func findings(r compliance.Report) []string {
	var all []string
	for _, f := range r.Findings {
		all = append(all, f.Rule+" "+string(f.Severity)+" "+f.Path+" "+f.Code)
	}
	return all
}

// check evaluates data that must have a finding. The sample itself must not have it.
func check(t *testing.T, e *compliance.Engine, want, base string, in compliance.Input) {
	t.Helper()
	in.Now, in.AsOf = now, ruleset.DateOf(now)
	report := e.Evaluate(in)
	if !slices.Contains(findings(report), want) {
		t.Errorf("%s: got findings %q, want %s", base, findings(report), want)
	}
	for _, f := range report.Findings {
		if f.Message == "" || strings.Contains(f.Message, "%!") {
			t.Errorf("%s: bad message %q", want, f.Message)
		}
	}
	unchanged := e.Evaluate(compliance.Input{Data: e.Rules.Parse(sample(t, base, "")), Now: now, AsOf: ruleset.DateOf(now)})
	if slices.Contains(findings(unchanged), want) {
		t.Errorf("unchanged %s has the finding %s", base, want)
	}
}

func TestEveryRuleReportsViolations(t *testing.T) {
	e := engine(t)
	cases := map[string]bool{}
	for _, c := range violations {
		id, _, _ := strings.Cut(c.want, " ")
		cases[id] = true
		check(t, e, c.want, c.base, compliance.Input{Data: e.Rules.Parse(sample(t, c.base, c.patch))})
	}
	for _, c := range storeViolations {
		id, _, _ := strings.Cut(c.want, " ")
		cases[id] = true
		in := compliance.Input{Data: e.Rules.Parse(sample(t, c.base, "")), Facts: c.facts}
		if c.previous != "" {
			in.Previous = e.Rules.Parse(sample(t, c.base, c.previous))
		}
		check(t, e, c.want, c.base, in)
	}
	for _, id := range e.Rules.Rules() {
		if cases[id] == slices.Contains(exempt, id) {
			t.Errorf("rule %s: has a test case %v, is exempt %v", id, cases[id], slices.Contains(exempt, id))
		}
		delete(cases, id)
	}
	delete(cases, "catalogue") // patterns, which no rule names
	for id := range cases {
		t.Errorf("rule %s not found in the catalogue", id)
	}
}

// TestConditions checks each condition with a sample in which it is true, so that an
// attribute is missing, and one in which it is false.
func TestConditions(t *testing.T) {
	e := engine(t)
	later := ruleset.Date("2040-01-01")
	cases := map[string]struct {
		whenTrue, whenFalse, path string
		base                      string
		on                        ruleset.Date
	}{
		"rechargeable": {base: storage, path: perform + "initialRoundTripEfficiencyPercent",
			whenTrue: changes(cut(perform + "initialRoundTripEfficiencyPercent")), whenFalse: changes(cut(perform+"initialRoundTripEfficiencyPercent"), set(general+"isRechargeable", "false"))},
		"cycleApplication": {base: storage, path: perform + "expectedLifetimeCycles",
			whenTrue: changes(cut(perform + "expectedLifetimeCycles")), whenFalse: changes(cut(perform+"expectedLifetimeCycles"), set(perform+"isNonCycleApplication", "true"))},
		"hasBatteryManagementSystem": {base: storage, path: state + "stateOfHealth",
			whenTrue: changes(cut(state + "stateOfHealth")), whenFalse: changes(cut(state+"stateOfHealth"), set(general+"hasBatteryManagementSystem", "false"))},
		"secondLifeWithPredecessor": {base: second, path: life + "previousPassports",
			whenTrue: changes(cut(life + "previousPassports")), whenFalse: changes(cut(life+"previousPassports"), set(general+"batteryStatus", `"re-used"`))},
		"statusRemanufactured": {base: remade, path: life + "remanufacturing",
			whenTrue: changes(cut(life + "remanufacturing")), whenFalse: changes(cut(life+"remanufacturing"), set(general+"batteryStatus", `"repurposed"`))},
		"statusWaste": {base: waste, path: life + "wasteTransfer",
			whenTrue: changes(cut(life + "wasteTransfer")), whenFalse: changes(cut(life+"wasteTransfer"), set(general+"batteryStatus", `"original"`))},
		"notExempt": {base: minimum, path: "/data/supplyChainDueDiligence/reportUrl", on: later,
			whenTrue: "", whenFalse: changes(set("/data/supplyChainDueDiligence", `{"isExempt":true}`))},
		"firstLife": {base: minimum, path: circle + "recycledContent", on: later,
			whenTrue: "", whenFalse: changes(set(general+"batteryStatus", `"repurposed"`))},
	}
	for name, c := range cases {
		on := c.on
		if on == "" {
			on = ruleset.DateOf(now)
		}
		for patch, want := range map[string]bool{c.whenTrue: true, c.whenFalse: false} {
			report := e.Evaluate(compliance.Input{Data: e.Rules.Parse(sample(t, c.base, patch)), Now: now, AsOf: on})
			if got := slices.Contains(found(report, compliance.Error), c.path+" required"); got != want {
				t.Errorf("%s: %s is mandatory: got %v, want %v", name, c.path, got, want)
			}
		}
	}
	for _, name := range conditionRules(t) {
		if _, ok := cases[name]; !ok {
			t.Errorf("condition %s has no test case", name)
		}
		delete(cases, name)
	}
	for name := range cases {
		t.Errorf("condition %s not found in the catalogue", name)
	}
}

func conditionRules(t *testing.T) (names []string) {
	var file struct {
		ConditionRules map[string]string `json:"conditionRules"`
	}
	if err := wire.Unmarshal(ruleset.Embedded()[0].File, &file); err != nil {
		t.Fatal(err)
	}
	for name := range file.ConditionRules {
		names = append(names, name)
	}
	return names
}

// TestMessages checks one message of each kind.
func TestMessages(t *testing.T) {
	e := engine(t)
	const country, mustBeCountry = general + "manufacturerInformation/postalAddress/country", "manufacturerInformation.postalAddress.country must be an ISO 3166-1 alpha-2 country code in use, got "
	for _, c := range []struct{ base, patch, want string }{
		{ev, changes(cut(general + "batteryMass")), "batteryMass is missing: mandatory for category EV; expected a number in kg, greater than 0, with up to 3 decimal places"},
		{remade, changes(cut(life + "remanufacturing")), "remanufacturing is missing: mandatory for category EV when batteryStatus is remanufactured; expected an object"},
		{ev, changes(cut(labels + "testReports/0/title")), "testReports[0].title is missing: mandatory in each entry of testReports; expected a string"},
		{ev, changes(set(general+"manufacturingPlace", `" "`)), `manufacturingPlace is blank: mandatory for category EV; expected the city and country in words: "City, Country"`},
		{ev, changes(set(circle+"dismantlingInformation/tools/0", `""`)), "dismantlingInformation.tools[0] must not be blank"},
		{ev, changes(cut(general + "batteryCategory")), "batteryCategory is missing: the duties of all attributes depend on it; expected one of EV, LMT, Industrial"},
		{storage, changes(set(state+"stateOfHealth/stateOfCertifiedEnergyPercent", `98`)), "stateOfHealth.stateOfCertifiedEnergyPercent is not allowed for category Industrial (stationaryStorage)"},
		{minimum, changes(set("/data/supplyChainDueDiligence", `{"reportUrl":"https://a.example/r"}`)), "reportUrl is not mandatory before 2027-08-18: until then it is stored but not shown as a legal value"},
		{ev, changes(set(carbon+"studyUrl", `"ftp://a.example/x"`)), `studyUrl must be an https URL, got "ftp://a.example/x"`},
		{ev, changes(set(general+"batteryIdentifier", `"https://nlb.example/b/A1 "`)), `batteryIdentifier must not have white space, got "https://nlb.example/b/A1 "`},
		{ev, changes(set(general+"batteryModel/gtin", `"0952 1100000116"`)), `batteryModel.gtin must not have white space, got "0952 1100000116"`},
		{ev, changes(set(general+"batteryIdentifier", `"https://nlb.example/01/09521100000116/21/A~1"`)), `batteryIdentifier must have a serial number of 1 to 20 characters of the GS1 character set 82 after /21/, got "A~1": the value of (21) has the character '~', which is not allowed there`},
		{ev, changes(set(state+"stateOfHealth/measuredAt", `"2016-12-31T23:59:60Z"`)), `stateOfHealth.measuredAt must not be a leap second, which many systems cannot store: write the second before or after it, got "2016-12-31T23:59:60Z"`},
		{ev, changes(set(state+"stateOfHealth/measuredAt", `"2026-11-20T10:00:00+24:00"`)), `stateOfHealth.measuredAt must be an RFC 3339 time such as 2026-11-15T10:00:00Z, got "2026-11-20T10:00:00+24:00"`},
		{ev, changes(set(matter+"materials", `[]`)), "materials must have 3 or more entries, got 0"},
		{ev, changes(set(perform+"ratedEnergyKwh", `95`)), "ratedEnergyKwh should be within 10 % of ratedCapacityAh × nominalVoltageV / 1000 (82.368 kWh), got 95 kWh"},
		{ev, changes(set(carbon+"studyUrl", `"https://a.example/a\u00a0b"`)), `studyUrl must not have white space, got "https://a.example/a\u00a0b"`},
		{ev, changes(set(carbon+"studyUrl", `"see our site"`)), `studyUrl must be an https URL, got "see our site"`},
		{ev, changes(set(carbon+"studyUrl", `"https://a.example/100%"`)), `studyUrl must have two hexadecimal digits after each %: a percent sign is %25, got "https://a.example/100%"`},
		{ev, changes(set(carbon+"studyUrl", `"https://a.example:x/"`)), `studyUrl must have a port from 1 to 65535, got "https://a.example:x/"`},
		{ev, changes(set(carbon+"studyUrl", `"https:///x"`)), `studyUrl must have a host, such as www.example.com, got "https:///x"`},
		{ev, changes(set(carbon+"studyUrl", `"https://me@a.example"`)), `studyUrl must not have a user name, got "https://me@a.example"`},
		{ev, changes(set(matter+"hazardousSubstances/0/hazardStatements", `["H302 Harmful"]`)), `hazardousSubstances[0].hazardStatements[0] must be a hazard statement of CLP such as H302, EUH066 or H301 + H311, got "H302 Harmful"`},
		{ev, changes(set(matter+"hazardousSubstances/0/hazardStatements", `["H999"]`)), `hazardousSubstances[0].hazardStatements[0] should be a hazard statement of CLP (Regulation (EC) No 1272/2008), which has no H999, got "H999"`},
		{ev, changes(set(country, `"EL"`)), mustBeCountry + `"EL": use GR`},
		{ev, changes(set(country, `"UK"`)), mustBeCountry + `"UK": use GB`},
		{ev, changes(set(country, `"de"`)), mustBeCountry + `"de": use DE`},
		{ev, changes(set(country, `"DEU"`)), mustBeCountry + `"DEU": use DE`},
		{ev, changes(set(country, `"Germany"`)), mustBeCountry + `"Germany": use DE`},
		{ev, changes(set(country, `"Česko"`)), mustBeCountry + `"Česko"`},
		{ev, changes(set(country, `"XX"`)), mustBeCountry + `"XX"`},
		{ev, changes(set(matter+"criticalRawMaterials", `["Cobalt sulphate"]`)), `criticalRawMaterials[0] must be a critical raw material of Annex II of Regulation (EU) 2024/1252, got "Cobalt sulphate": use Cobalt`},
		{ev, changes(set(matter+"criticalRawMaterials", `["Iron"]`)), `criticalRawMaterials[0] must be a critical raw material of Annex II of Regulation (EU) 2024/1252, got "Iron"`},
		{ev, changes(set(circle+"dismantlingInformation/cellLayout", `"0s0p"`)), `dismantlingInformation.cellLayout must have at least 1 cell in series and in parallel, got "0s0p"`},
		{ev, changes(set(state+"declaredPerformance/0/internalResistanceIncreasePercent", `20`)),
			"declaredPerformance[0].internalResistanceIncreasePercent must be within 1 percentage point of 0 % because internalResistancePackOhm is still 0.061 Ω, got 20 %"},
		{waste, changes(set(state+"declaredPerformance/1/capacityFadePercent", `30`)),
			"declaredPerformance[1].capacityFadePercent must be within 0.5 percentage points of 14.1791 % because ratedCapacityAh changed from 13.4 Ah to 11.5 Ah, got 30 %"},
		{ev, changes(set(general+"manufacturerInformation/manufacturerIdentifier", `"9010401052465"`)),
			"manufacturerInformation.manufacturerIdentifier should be a GLN with check digit 2, or begin with the scheme of another number (such as JCN:9010401052465 for a Japanese corporate number), got 9010401052465"},
	} {
		report := e.Evaluate(compliance.Input{Data: e.Rules.Parse(sample(t, c.base, c.patch)), Now: now, AsOf: ruleset.DateOf(now)})
		if !slices.ContainsFunc(report.Findings, func(f compliance.Finding) bool { return f.Message == c.want }) {
			t.Errorf("got %+v, want %q", report.Findings, c.want)
		}
	}
}
