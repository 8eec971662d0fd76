package compliance_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// accepted are changes of samples with values that real batteries have. They cause
// no error and no warning at the path.
var accepted = []struct{ path, base, patch string }{
	{state + "usage/energyThroughputKwh", used, changes(set(state+"usage/energyThroughputKwh", `16800.100000000002`))},
	{state + "usage/fullCycles", used, changes(set(state+"usage/fullCycles", `1.7976931348623157e2`))},
	{state + "stateOfHealth/measuredAt", ev, changes(set(state+"stateOfHealth/measuredAt", `"2026-11-23T12:05:00Z"`))},
	{state + "stateOfHealth/measuredAt", ev, changes(set(general+"manufacturingDate", `"2026-05-10"`), set(state+"stateOfHealth/measuredAt", `"2026-05-09T23:30:00Z"`))},
	{state + "stateOfHealth/measuredAt", ev, changes(set(general+"manufacturingDate", `"2026-05"`), set(state+"stateOfHealth/measuredAt", `"2026-04-30T23:30:00Z"`))},
	{general + "placingOnMarketDate", ev, changes(set(general+"manufacturingDate", `"2026-05-10"`), set(general+"placingOnMarketDate", `"2026-05-09"`))},
	{general + "placingOnMarketDate", ev, changes(set(general+"placingOnMarketDate", `"2026-11-24"`))},
	{general + "manufacturerInformation/emailAddress", ev, changes(set(general+"manufacturerInformation/emailAddress", `"o'neil+battery@sub.bücher.example"`))},
	{general + "manufacturerInformation/emailAddress", ev, changes(set(general+"manufacturerInformation/emailAddress", `"büro.संपर्क@bücher.example"`))},
	{general + "batterySerialNumber", ev, changes(set(general+"batterySerialNumber", `"04QPE3JB2A0001AC20000123"`), set(general+"batteryIdentifier", `"https://nlb.example/b/04QPE3JB2A0001AC20000123"`))},
	{general + "batterySerialNumber", ev, changes(set(general+"batterySerialNumber", `"NB 7K2Q#9X/Ü"`), set(general+"batteryIdentifier", `"https://nlb.example/b/1"`))},
	{general + "batteryModel/gtin", ev, changes(set(general+"batteryModel/gtin", `"9521100000116"`))},
	{general + "batteryIdentifier", ev, changes(set(general+"batteryModel/gtin", `"9521100000116"`))},
	{general + "batteryIdentifier", ev, changes(set(general+"batteryIdentifier", `"HTTPS://NLB.EXAMPLE/01/09521100000116/21/NB7K2Q9X"`))},
	{general + "batteryIdentifier", ev, changes(set(general+"batteryIdentifier", `"https://NLB.example:8443/x/1"`))},
	{general + "batteryPassportIdentifier", ev, changes(set(general+"batteryPassportIdentifier", `"URN:UUID:7F3A0D44-BE51-4C99-8D3F-2E7A8B9C0D06"`))},
	{general + "batteryPassportIdentifier", ev, changes(set(general+"batteryPassportIdentifier", `"Https://NLB.example/p/1"`))},
	{general + "manufacturerInformation/webAddress", ev, changes(set(general+"manufacturerInformation/webAddress", `"HTTPS://www.bücher.example/a"`))},
	{general + "economicOperatorInformation/role", ev, changes(set(general+"economicOperatorInformation/role", `"MANUFACTURER"`))},
	{"/data/lifecycle/statusHistory", used, changes(set("/data/lifecycle/statusHistory/0/status", `"Original"`))},
	{labels + "heavyMetalSymbols", leadAcid, changes(set(labels+"heavyMetalSymbols/0", `"pb"`))},
	{carbon + "measurementUnit", ev, changes(set(carbon+"measurementUnit", `"kg CO₂e"`))},
	{carbon + "measurementUnit", ev, changes(set(carbon+"measurementUnit", `"KG CO2 eq."`))},
	{carbon + "lifecycleStages", ev, changes(set(carbon+"lifecycleStages/0/stage", `"RawMaterialAcquisition"`))},
	{matter + "materials", minimum, changes(set(matter+"materials/0/component", `"Cathode"`))},
	{general + "warrantyPeriod", ev, changes(set(general+"warrantyPeriod", `"P104W"`))},
	{general + "manufacturerInformation/postalAddress", ev, changes(set(general+"manufacturerInformation/postalAddress", `{"streetAddress":"1 Queen's Road","city":"Hong Kong","country":"HK"}`))},
	{general + "manufacturerInformation/postalAddress", ev, changes(set(general+"manufacturerInformation/postalAddress/country", `"XK"`))},
	{general + "manufacturerInformation/postalAddress", ev, changes(set(general+"manufacturerInformation/postalAddress/country", `"NO"`))},
	{general + "manufacturerInformation/postalAddress", ev, changes(set(general+"manufacturerInformation/postalAddress/country", `"NA"`))},
	{labels + "extinguishingAgents", ev, changes(set(labels+"extinguishingAgents", `[{"agent":"Water in large amounts","fireClasses":["A","L"]}]`))},
	{labels + "labelMeanings", ev, changes(set(labels+"labelMeanings/0/meaning/pt-BR", `"x"`), set(labels+"labelMeanings/0/meaning/zh-Hant-TW", `"x"`))},
	{labels + "testReports/0/sha256", ev, changes(set(labels+"testReports/0/sha256", `"`+strings.Repeat("AB", 32)+`"`))},
	{matter + "criticalRawMaterials", ev, changes(set(matter+"criticalRawMaterials",
		`["lithium","Cobalt — battery grade","MANGANESE - battery grade","Nickel — battery grade","Bauxite/alumina/aluminium","Natural graphite","Copper","Neodymium","Platinum"]`))},
	{matter + "criticalRawMaterials", ev, changes(set(matter+"criticalRawMaterials",
		`["Li","co","Mangan","NI","Kobalt","Graphite (synthetic)","graphite, natural","Rare earths","PGM","Cu","Al","manganèse","Seltene Erden","Phosphor"]`))},
	{carbon + "studyUrl", ev, changes(set(carbon+"studyUrl", `"HTTPS://A.example/x"`))},
	{matter + "hazardousSubstances/1", minimum, changes(cut(matter+"hazardousSubstances/1/casNumber"), set(matter+"hazardousSubstances/1/ecNumber", `"244-334-7"`))},
	{matter + "hazardousSubstances/1", minimum, changes(cut(matter+"hazardousSubstances/1/casNumber"), set(matter+"hazardousSubstances/1/ecNumber", `"400-001-1"`))},
	{matter + "hazardousSubstances/0/hazardStatements", ev, changes(set(matter+"hazardousSubstances/0/hazardStatements", `["H301 + H311","H360FD","EUH066","H300+H310+H330"]`))},
	{matter + "hazardousSubstances/0/hazardStatements", ev, changes(set(matter+"hazardousSubstances/0/hazardStatements", `["h302","EUH 066","H361d***","H372 **","H350i","euh201A","H360Fd","H360Df","EUH441"]`))},
	{matter + "batteryChemistry", ev, changes(set(matter+"batteryChemistry", `"nmc811"`))},
	{circle + "dismantlingInformation", ev, changes(set(circle+"dismantlingInformation/cellLayout", `"3P96S"`))},
	{perform + "minimumVoltageV", ev, changes(set(perform+"minimumVoltageV", `0`))},
	{state + "declaredPerformance/1", waste, changes(set(state+"declaredPerformance/1/ratedCapacityAh", `13.5`), set(state+"declaredPerformance/1/capacityFadePercent", `-0.7`))},
	{state + "stateOfHealth/stateOfHealthPercent", used, changes(set(state+"stateOfHealth/remainingCapacityAh", `189.2`), set(state+"stateOfHealth/stateOfHealthPercent", `100`))},
	{state + "stateOfHealth/measuredAt", ev, changes(set(state+"stateOfHealth/measuredAt", `"2026-11-23T13:00:00+01:00"`))},
	{state + "usage/temperature", used, changes(set(state+"usage/temperature", `{"minC":20,"maxC":20}`))},
	{state + "usage/temperature", used, changes(set(state+"usage/temperature", `{"minC":250,"maxC":350}`), set(matter+"batteryChemistry", `"NaNiCl2"`))},
	{state + "usage/temperature", used, changes(set(state+"usage/temperature", `{"minC":290,"maxC":350}`), set(matter+"batteryChemistry", `"nas"`))},
	{perform + "roundTripEfficiencyAt50PercentCycleLifePercent", ev, changes(set(perform+"initialRoundTripEfficiencyPercent", `95`), set(perform+"roundTripEfficiencyAt50PercentCycleLifePercent", `97`))},
	{perform + "ratedEnergyKwh", ev, changes(set(perform+"ratedEnergyKwh", `90.6`))},
	{general + "manufacturerInformation/manufacturerIdentifier", ev, changes(set(general+"manufacturerInformation/manufacturerIdentifier", `"JCN:1180301018771"`))},
	{general + "manufacturerInformation/manufacturerIdentifier", ev, changes(set(general+"manufacturerInformation/manufacturerIdentifier", `"TIN:0105536000315"`))},
	{general + "manufacturerInformation/manufacturerIdentifier", ev, changes(set(general+"manufacturerInformation/manufacturerIdentifier", `"lei: 952100nordlicht00050"`))},
	{general + "manufacturerInformation/manufacturerIdentifier", ev, changes(set(general+"manufacturerInformation/manufacturerIdentifier", `"gln:9521000001015"`))},
	{state + "usage/temperature", used, changes(set(state+"usage/temperature", `{"currentC":20.9,"minC":20,"maxC":20,"averageC":19.4}`))},
	{perform + "cycleLifeTestCRate", ev, changes(set(perform+"cycleLifeTestCRate", `{"charge":0.003,"discharge":0.003}`))},
	{perform + "expectedLifetimeCycles", ev, changes(set(perform+"expectedLifetimeCycles", `45000`))},
	{general + "warrantyPeriod", ev, changes(set(general+"warrantyPeriod", `"P0Y6M"`))},
	{state + "declaredPerformance/0/date", second, changes(set(state+"declaredPerformance/0/date", `"2021-01-31"`))},
	{state + "stateOfHealth/measuredAt", ev, changes(set(state+"stateOfHealth/measuredAt", `"2026-11-20t10:00:00z"`))},
	{labels + "labelMeanings", ev, changes(set(labels+"labelMeanings/0/meaning/x-foo", `"x"`), set(labels+"labelMeanings/0/meaning/i-klingon", `"x"`), set(labels+"labelMeanings/0/meaning/en-GB-oed", `"x"`))},
	{state + "usage/source", used, changes(set(state+"usage/source", `"other"`))},
}

// TestRecycledContentDependsOnChemistry compares the warnings for shares of
// each metal.
func TestRecycledContentDependsOnChemistry(t *testing.T) {
	e := engine(t)
	for code, want := range map[string]string{
		"LFP": "cobalt nickel lead", "lmfp": "cobalt nickel lead", "LCO": "nickel lead", "NMC811": "lead", "Pb-acid": "cobalt lithium nickel",
		"VRFB": "cobalt lithium nickel lead", "NaS": "cobalt lithium nickel lead", "LTO": "lead", "LMO": "lead", "Li-ion": "lead",
		"NiMH": "lithium lead", "NiCd": "lithium lead", "NaNiCl2": "lithium lead", "Na-ion": "lithium lead", "LiFePO4": "",
	} {
		var shares, got []string
		metals := []string{"cobalt", "lithium", "nickel", "lead"}
		for _, metal := range metals {
			shares = append(shares, `"`+metal+`":{"totalPercent":5}`)
		}
		patch := changes(set(matter+"batteryChemistry", `"`+code+`"`), set(circle+"recycledContent", `{"reportingYear":2025,`+strings.Join(shares, ",")+`}`))
		report := e.Evaluate(compliance.Input{Data: e.Rules.Parse(sample(t, ev, patch)), Now: now, AsOf: ruleset.DateOf(now)})
		for _, metal := range metals {
			if slices.Contains(findings(report), "REC-2 warning "+circle+"recycledContent/"+metal+" notApplicable") {
				got = append(got, metal)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got warnings for %v, want %s", code, got, want)
		}
	}
}

func TestRealValuesAreAccepted(t *testing.T) {
	e := engine(t)
	for _, c := range accepted {
		report := e.Evaluate(compliance.Input{Data: e.Rules.Parse(sample(t, c.base, c.patch)), Now: now, AsOf: ruleset.DateOf(now)})
		if i := slices.IndexFunc(report.Findings, func(f compliance.Finding) bool {
			return strings.HasPrefix(f.Path, c.path) && f.Code != "notYetApplicable"
		}); i >= 0 {
			t.Errorf("%s: got the finding %+v, want none", c.patch, report.Findings[i])
		}
	}
}
