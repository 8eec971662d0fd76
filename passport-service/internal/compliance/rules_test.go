package compliance_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/passport-service/internal/namespace"
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

// Prefixes of paths in patches.
const (
	general = "/data/generalInformation/"
	labels  = "/data/labelsAndConformity/"
	carbon  = "/data/carbonFootprint/"
	matter  = "/data/materialComposition/"
	circle  = "/data/circularity/"
	perform = "/data/performanceAndDurability/"
	state   = "/data/batteryCondition/"
	life    = "/data/lifecycle/"
)

func set(path, value string) string {
	return `{"op":"add","path":"` + path + `","value":` + value + `}`
}

func cut(path string) string { return `{"op":"remove","path":"` + path + `"}` }

func changes(ops ...string) string { return "[" + strings.Join(ops, ",") + "]" }

// violations are changes of samples that violate a rule, at least one for each
// rule, with the finding: RULE severity path code. The unchanged sample does not
// violate the rule.
var violations = []struct{ want, base, patch string }{
	{"FMT-1 error " + carbon + "studyUrl format", ev, changes(set(carbon+"studyUrl", `"https:///study"`))},
	{"FMT-1 error " + carbon + "studyUrl format", ev, changes(set(carbon+"studyUrl", `"https://a.example/%zz"`))},
	{"FMT-1 error " + carbon + "studyUrl format", ev, changes(set(carbon+"studyUrl", `"ftp://a.example/x"`))},
	{"FMT-1 error " + carbon + "studyUrl format", ev, changes(set(carbon+"studyUrl", `"https://x..example"`))},
	{"FMT-1 error " + carbon + "studyUrl format", ev, changes(set(carbon+"studyUrl", `"https://a.example:65536/"`))},
	{"FMT-1 error " + carbon + "studyUrl format", ev, changes(set(carbon+"studyUrl", `"https://a.example/a\u00a0b"`))},
	{"catalogue error " + general + "manufacturerInformation/emailAddress format", ev, changes(set(general+"manufacturerInformation/emailAddress", `"email:info@example.com"`))},
	{"catalogue error " + general + "manufacturerInformation/emailAddress format", ev, changes(set(general+"manufacturerInformation/emailAddress", `"Info <info@example.com>"`))},
	{"catalogue error " + general + "manufacturerInformation/emailAddress format", ev, changes(set(general+"manufacturerInformation/emailAddress", `"info@example.com, sales@example.com"`))},
	{"catalogue error " + general + "manufacturerInformation/emailAddress format", ev, changes(set(general+"manufacturerInformation/emailAddress", `"info@localhost"`))},
	{"FMT-2 error " + general + "placingOnMarketDate format", ev, changes(set(general+"placingOnMarketDate", `"2026-02-30"`))},
	{"FMT-2 error " + general + "manufacturingDate format", ev, changes(set(general+"manufacturingDate", `"2026-13"`))},
	{"FMT-2 error " + state + "stateOfHealth/measuredAt format", ev, changes(set(state+"stateOfHealth/measuredAt", `"2026-11-15T25:00:00Z"`))},
	{"FMT-3 error " + general + "batteryMass type", ev, changes(set(general+"batteryMass", `"493"`))},
	{"FMT-4 error " + general + "manufacturerInformation/postalAddress/country format", ev, changes(set(general+"manufacturerInformation/postalAddress/country", `"UK"`))},
	{"FMT-4 error " + general + "manufacturerInformation/postalAddress/country format", ev, changes(set(general+"manufacturerInformation/postalAddress/country", `"Germany"`))},
	{"FMT-5 error " + general + "a~1b~0c unknownField", ev, changes(set(general+"a~1b~0c", `{"x":1}`))},
	{"ID-1 error " + general + "batteryIdentifier format", ev, changes(set(general+"batteryIdentifier", `"https://-nlb.example/x"`))},
	{"ID-1 error " + general + "batteryIdentifier format", ev, changes(set(general+"batteryIdentifier", `"https://nlb.example:99999/x"`))},
	{"ID-1 warning " + general + "batteryIdentifier format", ev, changes(set(general+"batteryIdentifier", `"https://localhost/x"`))},
	{"ID-1 warning " + general + "batteryIdentifier format", ev, changes(set(general+"batteryIdentifier", `"https://192.0.2.7/x"`))},
	{"ID-3 error " + general + "batteryPassportIdentifier format", ev, changes(set(general+"batteryPassportIdentifier", `"https://nlb..example/p/1"`))},
	{"ID-3 error " + general + "batteryPassportIdentifier format", ev, changes(set(general+"batteryPassportIdentifier", `"https://nlb.example"`))},
	{"ID-3 error " + general + "batteryPassportIdentifier format", ev, changes(set(general+"batteryPassportIdentifier", `"https://nlb.example:99999/p?a#b"`))},
	{"ID-3 warning " + general + "batteryPassportIdentifier format", ev, changes(set(general+"batteryPassportIdentifier", `"https://nlb.example/p#1"`))},
	{"FMT-1 error " + general + "manufacturerInformation/webAddress format", ev, changes(set(general+"manufacturerInformation/webAddress", `"https://nlb.example:0/"`))},
	{"ID-1 error " + general + "batteryIdentifier format", ev, changes(set(general+"batteryIdentifier", `"https://nlb.example/x#y"`))},
	{"ID-1 warning " + general + "batteryIdentifier format", ev, changes(set(general+"batteryIdentifier", `"https://nlb.example/0123456789012345678901234567890123456789"`))},
	{"ID-2 error " + general + "batteryIdentifier format", ev, changes(set(general+"batteryIdentifier", `"https://nlb.example/01/09521100000117/21/NB7K2Q9X"`))},
	{"ID-2 error " + general + "batteryIdentifier format", ev, changes(set(general+"batteryIdentifier", `"https://nlb.example/01/9521100000116/21/NB7K2Q9X"`))},
	{"ID-2 error " + general + "batteryModel/gtin format", ev, changes(set(general+"batteryModel/gtin", `"09521100000117"`))},
	{"ID-2 error " + general + "batteryIdentifier consistency", ev, changes(set(general+"batteryModel/gtin", `"09521100000352"`))},
	{"ID-2 error " + general + "batteryIdentifier consistency", ev, changes(set(general+"batteryIdentifier", `"https://nlb.example/01/09521100000116/21/NB7K%2FQ9X"`))},
	{"ID-1 error " + general + "batteryIdentifier format", ev, changes(set(general+"batteryIdentifier", `"https://nlb.example/batterie-süd/1"`))},
	{"ID-1 error " + general + "batteryIdentifier format", ev, changes(set(general+"batteryIdentifier", `"https://nlb.example/"`))},
	{"ID-2 error " + general + "batteryIdentifier format", ev, changes(set(general+"batteryIdentifier", `"https://nlb.example/01/09521100000117/10/LOT7/21/NB7K2Q9X"`))},
	{"ID-2 error " + general + "batteryIdentifier consistency", ev, changes(set(general+"batteryIdentifier", `"https://nlb.example/01/09521100000116/10/LOT7/21/OTHER"`))},
	{"ID-2 error " + general + "batteryIdentifier format", ev, changes(set(general+"batteryIdentifier", `"https://nlb.example/01/09521100000116/10/LOT7"`))},
	{"ID-2 error " + general + "batteryIdentifier format", ev, changes(set(general+"batteryIdentifier", `"https://nlb.example/01/09521100000116/21/04QPE3JB2A0001AC20000123"`))},
	{"FMT-1 error " + carbon + "studyUrl format", ev, changes(set(carbon+"studyUrl", `"https://user:secret@a.example/x"`))},
	{"ID-3 error " + general + "batteryPassportIdentifier consistency", ev, changes(set(general+"batteryPassportIdentifier", `"https://nlb.example/x"`), set(general+"batteryIdentifier", `"https://nlb.example/x"`))},
	{"ID-4 warning " + general + "manufacturingFacility/facilityIdentifier format", ev, changes(set(general+"manufacturingFacility/facilityIdentifier", `"9521000901019"`))},
	{"ID-4 error " + general + "manufacturingFacility/facilityIdentifier format", ev, changes(set(general+"manufacturingFacility/facilityIdentifier", `"gln:9521000901019"`))},
	{"ID-4 error " + general + "manufacturingFacility/facilityIdentifier format", ev, changes(set(general+"manufacturingFacility/facilityIdentifier", `"GLN: 952100090101"`))},
	{"ID-4 error " + general + "economicOperatorInformation/operatorIdentifier format", ev, changes(set(general+"economicOperatorInformation/operatorIdentifier", `"LEI:952100NORDLICHT00051"`))},
	{"ID-4 error " + general + "manufacturerInformation/manufacturerIdentifier format", ev, changes(set(general+"manufacturerInformation/manufacturerIdentifier", `"jcn:2180301018771"`))},
	{"FMT-6 error " + labels + "labelMeanings/0/meaning/german format", ev, changes(set(labels+"labelMeanings/0/meaning/german", `"x"`))},
	{"FMT-6 error " + labels + "euDeclarationOfConformity/languages/0 format", ev, changes(set(labels+"euDeclarationOfConformity/languages", `["en_US"]`))},
	{"ADR-1 warning " + general + "manufacturerInformation/postalAddress required", ev, changes(cut(general + "manufacturerInformation/postalAddress/postalCode"))},
	{"CAT-1 error " + general + "batteryMass consistency", bike, changes(set(general+"batteryMass", `25.1`))},
	{"CAT-1 warning " + general + "batteryMass consistency", ev, changes(set(general+"batteryMass", `25`))},
	{"CAT-2 error " + perform + "ratedEnergyKwh outOfScope", leadAcid, changes(set(perform+"ratedEnergyKwh", `2`))},
	{"CAT-3 error " + general + "batterySubCategory required", leadAcid, changes(cut(general + "batterySubCategory"))},
	{"CAT-3 error " + general + "batterySubCategory notApplicable", bike, changes(set(general+"batterySubCategory", `"otherIndustrial"`))},
	{"CAT-4 error " + general + "batteryCategory enum", ev, changes(set(general+"batteryCategory", `"SLI"`))},
	{"CAT-5 warning " + general + "isRechargeable consistency", ev, changes(set(general+"isRechargeable", `false`))},
	{"DAT-1 error " + general + "placingOnMarketDate range", ev, changes(set(general+"placingOnMarketDate", `"2026-11-25"`))},
	{"DAT-1 error " + state + "stateOfHealth/measuredAt range", ev, changes(set(state+"stateOfHealth/measuredAt", `"2026-11-23T12:05:01Z"`))},
	{"DAT-2 error " + general + "placingOnMarketDate consistency", ev, changes(set(general+"placingOnMarketDate", `"2020-01-31"`))},
	{"DAT-2 error " + state + "stateOfHealth/measuredAt consistency", ev, changes(set(state+"stateOfHealth/measuredAt", `"2020-01-31T00:00:00Z"`))},
	{"DAT-2 error " + state + "stateOfHealth/measuredAt consistency", ev, changes(set(general+"manufacturingDate", `"2026-05-10"`), set(state+"stateOfHealth/measuredAt", `"2026-05-08T23:59:59Z"`))},
	{"DAT-1 error " + general + "manufacturingDate range", ev, changes(set(general+"manufacturingDate", `"0000-01"`))},
	{"DAT-1 error " + labels + "testReports/0/issueDate range", ev, changes(set(labels+"testReports/0/issueDate", `"1989-12-31"`))},
	{"DAT-1 error " + life + "statusHistory/0/since range", waste, changes(set(life+"statusHistory/0/since", `"0001-01-01"`))},
	{"DAT-2 error " + state + "declaredPerformance/0/date consistency", ev, changes(set(state+"declaredPerformance/0/date", `"2020-01-31"`))},
	{"DAT-2 error " + state + "usage/negativeEvents/0/eventDate consistency", used, changes(set(state+"usage/negativeEvents", `[{"eventDate":"2020-01-31","type":"other"}]`))},
	{"DAT-2 error " + life + "statusHistory/0/since consistency", waste, changes(set(life+"statusHistory/0/since", `"2020-01-31"`))},
	{"DAT-2 error " + life + "repairHistory/1/date consistency", used, changes(set(life+"repairHistory", `[{"date":"2026-05-06","description":"Fuse"},{"date":"2020-01-31","description":"Fuse"}]`))},
	{"DAT-2 error " + life + "wasteTransfer/date consistency", waste, changes(set(life+"wasteTransfer/date", `"2020-01-31"`))},
	{"DAT-5 error " + general + "warrantyPeriod range", ev, changes(set(general+"warrantyPeriod", `"P0Y"`))},
	{"DAT-5 error " + general + "warrantyPeriod range", ev, changes(set(general+"warrantyPeriod", `"P0Y0M0D"`))},
	{"DAT-5 warning " + general + "warrantyPeriod range", ev, changes(set(general+"warrantyPeriod", `"P100000000000Y"`))},
	{"DAT-5 warning " + general + "warrantyPeriod range", ev, changes(set(general+"warrantyPeriod", `"P601M"`))},
	{"DAT-3 error " + circle + "recycledContent/reportingYear range", ev, changes(set(circle+"recycledContent/reportingYear", `2027`))},
	{"LAB-1 error " + labels + "separateCollectionSymbol/isMarked consistency", ev, changes(set(labels+"separateCollectionSymbol/isMarked", `false`))},
	{"LAB-2 error " + labels + "heavyMetalSymbols consistency", leadAcid, changes(cut(labels + "heavyMetalSymbols"))},
	{"LAB-2 error " + labels + "heavyMetalSymbols consistency", leadAcid, changes(set(labels+"leadContentPercent", `0.004`))},
	{"LAB-2 error " + labels + "heavyMetalSymbols consistency", leadAcid, changes(set(labels+"cadmiumContentPercent", `0.0021`))},
	{"LAB-3 error " + labels + "labelMeanings required", leadAcid, changes(cut(labels + "labelMeanings/2"))},
	{"LAB-3 error " + labels + "labelMeanings required", leadAcid, changes(cut(labels + "labelMeanings/0"))},
	{"LAB-5 warning " + labels + "extinguishingAgents/0/fireClasses/0 enum", ev, changes(set(labels+"extinguishingAgents/0/fireClasses", `["Z"]`))},
	{"LAB-4 error " + labels + "ceMarking/notifiedBodyNumber consistency", ev, changes(set(labels+"ceMarking", `{"affixed":false,"notifiedBodyNumber":"0123"}`))},
	{"CF-1 error " + carbon + "lifecycleStages consistency", ev, changes(set(carbon+"lifecycleStages/2/carbonFootprintPerKwh", `0.0023`))},
	{"CF-1 error " + carbon + "lifecycleStages consistency", ev, changes(set(carbon+"lifecycleStages/2/stage", `"mainProduction"`))},
	{"CF-1 error " + carbon + "lifecycleStages consistency", ev, changes(set(carbon+"lifecycleStages/2/sharePercent", `5`))},
	{"CF-2 error " + carbon + "lifecycleStages/2/carbonFootprintPerKwh range", ev, changes(set(carbon+"lifecycleStages/2/carbonFootprintPerKwh", `-0.0013`))},
	{"CF-3 error " + carbon + "totalCarbonFootprint consistency", ev, changes(set(carbon+"totalCarbonFootprint", `7600`))},
	{"CF-4 warning " + carbon + "manufacturingPlant consistency", ev, changes(set(carbon+"manufacturingPlant", `"Lyon, France"`))},
	{"CF-5 warning " + carbon + "carbonFootprintPerKwh range", ev, changes(set(carbon+"carbonFootprintPerKwh", `77`))},
	{"PRO-1 warning " + carbon + "carbonFootprintPerKwh notYetApplicable", minimum, changes(set("/data/carbonFootprint", `{"carbonFootprintPerKwh":0.06}`))},
	{"PRO-2 warning " + carbon + "performanceClass notYetApplicable", ev, changes(set(carbon+"performanceClass", `"A"`))},
	{"PRO-3 warning /data/supplyChainDueDiligence/reportUrl notYetApplicable", minimum, changes(set("/data/supplyChainDueDiligence", `{"reportUrl":"https://a.example/r"}`))},
	{"PRO-4 warning " + circle + "recycledContent notYetApplicable", minimum, changes(set(circle+"recycledContent", `{"reportingYear":2025}`))},
	{"PRO-5 warning " + circle + "instructionsForUseUrl notYetApplicable", minimum, changes(set(circle+"instructionsForUseUrl", `"https://a.example/i"`))},
	{"MAT-1 error " + matter + "materials consistency", minimum, changes(set(matter+"materials/0/massKg", `600`))},
	{"MAT-2 error " + matter + "materials consistency", ev, changes(set(matter+"materials/0/massPercent", `100`), cut(matter+"materials/0/massKg"))},
	{"MAT-2 error " + matter + "materials/0/massPercent consistency", ev, changes(set(matter+"materials/0/massPercent", `20`))},
	{"MAT-3 error " + matter + "criticalRawMaterials/0 enum", ev, changes(set(matter+"criticalRawMaterials/0", `"Iron"`))},
	{"MAT-4 error " + matter + "hazardousSubstances/0/casNumber notApplicable", ev, changes(set(matter+"hazardousSubstances/0/casNumber", `"7439-97-6"`))},
	{"MAT-5 warning " + matter + "criticalRawMaterials consistency", ev, changes(cut(matter + "criticalRawMaterials/1"))},
	{"MAT-5 warning " + matter + "criticalRawMaterials consistency", leadAcid, changes(set(matter+"materials/0/isCriticalRawMaterial", `true`), set(matter+"materials/0/materialName", `"Tungsten"`))},
	{"MAT-6 warning " + matter + "batteryChemistry enum", ev, changes(set(matter+"batteryChemistry", `"LiFePO4"`))},
	{"MAT-7 error " + matter + "hazardousSubstances/1/casNumber format", ev, changes(set(matter+"hazardousSubstances/1/casNumber", `"21324-40-4"`))},
	{"MAT-7 error " + matter + "hazardousSubstances/1/ecNumber format", ev, changes(set(matter+"hazardousSubstances/1/ecNumber", `"244-334-8"`))},
	{"MAT-4 error " + matter + "hazardousSubstances/0/ecNumber notApplicable", ev, changes(set(matter+"hazardousSubstances/0/ecNumber", `"231-106-7"`))},
	{"MAT-10 warning " + matter + "hazardousSubstances/1 required", minimum, changes(cut(matter + "hazardousSubstances/1/casNumber"))},
	{"MAT-11 warning " + matter + "hazardousSubstances/0/hazardStatements/1 enum", ev, changes(set(matter+"hazardousSubstances/0/hazardStatements", `["H301","H999"]`))},
	{"MAT-11 warning " + matter + "hazardousSubstances/0/hazardStatements/0 enum", ev, changes(set(matter+"hazardousSubstances/0/hazardStatements", `["H301 + H303"]`))},
	{"catalogue error " + matter + "hazardousSubstances/0/hazardStatements/0 format", ev, changes(set(matter+"hazardousSubstances/0/hazardStatements", `["H302 Harmful"]`))},
	{"MAT-8 error " + matter + "substanceImpact required", ev, changes(set(matter+"substanceImpact", `{}`))},
	{"MAT-9 error " + matter + "materials required", minimum, changes(set(matter+"materials/2/component", `"other"`))},
	{"CIR-1 error " + circle + "dismantlingInformation/cellCount consistency", ev, changes(set(circle+"dismantlingInformation/cellCount", `287`))},
	{"CIR-1 error " + circle + "dismantlingInformation/cellLayout range", ev, changes(set(circle+"dismantlingInformation/cellLayout", `"0s0p"`))},
	{"CIR-1 error " + circle + "dismantlingInformation/cellLayout range", ev, changes(set(circle+"dismantlingInformation/cellLayout", `"3p0s"`), cut(circle+"dismantlingInformation/cellCount"))},
	{"CIR-2 error " + circle + "spareParts/0 required", minimum, changes(cut(circle + "spareParts/0/webAddress"))},
	{"REC-1 error " + circle + "recycledContent/nickel/totalPercent consistency", ev, changes(set(circle+"recycledContent/nickel/totalPercent", `8.7`))},
	{"REC-2 warning " + circle + "recycledContent notApplicable", second, changes(set(circle+"recycledContent", `{"reportingYear":2025}`))},
	{"REC-2 warning " + circle + "recycledContent/lead notApplicable", ev, changes(set(circle+"recycledContent/lead", `{"totalPercent":5}`))},
	{"PHY-1 warning " + perform + "ratedEnergyKwh consistency", ev, changes(set(perform+"ratedEnergyKwh", `95`))},
	{"PHY-1 warning " + perform + "ratedEnergyKwh consistency", ev, changes(set(perform+"ratedEnergyKwh", `123.5`))},
	{"PHY-1 error " + perform + "ratedEnergyKwh consistency", ev, changes(set(perform+"ratedEnergyKwh", `123.6`))},
	{"PHY-1 error " + perform + "ratedEnergyKwh consistency", ev, changes(set(perform+"ratedEnergyKwh", `41.1`))},
	{"PHY-2 error " + perform + "nominalVoltageV consistency", ev, changes(set(perform+"minimumVoltageV", `400`))},
	{"PHY-2 error " + perform + "nominalVoltageV consistency", ev, changes(set(perform+"maximumVoltageV", `300`))},
	{"PHY-3 warning " + perform + "originalPowerCapabilityW consistency", ev, changes(set(perform+"originalPowerCapabilityW/at20PercentSoc", `210001`))},
	{"PHY-3 warning " + perform + "originalPowerCapabilityW consistency", ev, changes(set(perform+"maximumPermittedPowerW/discharge", `209999`))},
	{"PHY-4 warning " + perform + "powerToEnergyRatio consistency", ev, changes(set(perform+"powerToEnergyRatio", `51`))},
	{"PHY-5 error " + perform + "expectedLifetimeCycles required", ev, changes(cut(perform + "expectedLifetimeCycles"))},
	{"PHY-5 error " + perform + "expectedLifetimeCycles range", ev, changes(set(perform+"expectedLifetimeCycles", `0`))},
	{"PHY-6 error " + perform + "idleTemperatureRange/maxC consistency", ev, changes(set(perform+"idleTemperatureRange/maxC", `-60`))},
	{"PHY-6 error " + state + "usage/temperature/maxC consistency", used, changes(set(state+"usage/temperature", `{"minC":20.1,"maxC":20}`))},
	{"PHY-6 error " + state + "usage/temperature/currentC consistency", used, changes(set(state+"usage/temperature", `{"currentC":34.1,"minC":20,"maxC":33}`))},
	{"PHY-6 error " + state + "usage/temperature/averageC consistency", used, changes(set(state+"usage/temperature", `{"averageC":18.9,"minC":20}`))},
	{"catalogue error " + perform + "voltageTemperatureRange/minC range", ev, changes(set(perform+"voltageTemperatureRange", `{"minC":-273.16,"maxC":50}`))},
	{"catalogue error " + perform + "powerTemperatureRange/minC range", ev, changes(set(perform+"powerTemperatureRange", `{"minC":-274,"maxC":50}`))},
	{"catalogue error " + perform + "idleTemperatureRange/minC range", ev, changes(set(perform+"idleTemperatureRange/minC", `-300`))},
	{"catalogue error " + perform + "cycleLifeReferenceTest/temperatureC range", ev, changes(set(perform+"cycleLifeReferenceTest/temperatureC", `-400`))},
	{"PHY-7 error " + perform + "capacityThresholdForExhaustionPercent notApplicable", bike, changes(set(perform+"capacityThresholdForExhaustionPercent", `70`))},
	{"PHY-8 warning " + perform + "roundTripEfficiencyAt50PercentCycleLifePercent consistency", ev, changes(set(perform+"roundTripEfficiencyAt50PercentCycleLifePercent", `99`))},
	{"PHY-9 warning " + perform + "initialInternalResistance consistency", ev, changes(set(perform+"initialInternalResistance/packOhm", `0.0012`))},
	{"PHY-9 warning " + perform + "initialInternalResistance consistency", ev, changes(set(circle+"dismantlingInformation/cellLayout", `"in rows"`), set(perform+"initialInternalResistance/packOhm", `0.000001`))},
	{"CON-1 error " + state + "declaredPerformance consistency", ev, changes(set(state+"declaredPerformance/0/event", `"statusChange"`))},
	{"CON-1 error " + state + "declaredPerformance consistency", waste, changes(set(state+"declaredPerformance/1/event", `"placingOnMarket"`))},
	{"CON-1 error " + state + "declaredPerformance consistency", waste, changes(set(state+"declaredPerformance/1/date", `"2024-10-06"`))},
	{"CON-2 error " + state + "declaredPerformance/1/powerFadePercent consistency", waste, changes(set(state+"declaredPerformance/1/powerFadePercent", `12`))},
	{"CON-2 error " + state + "declaredPerformance/1/internalResistanceIncreasePercent consistency", waste, changes(set(state+"declaredPerformance/1/internalResistanceIncreasePercent", `90`))},
	{"CON-3 error " + state + "stateOfHealth/stateOfCertifiedEnergyPercent notApplicable", storage, changes(set(state+"stateOfHealth/stateOfCertifiedEnergyPercent", `98`))},
	{"CON-3 warning " + state + "stateOfHealth/stateOfCertifiedEnergyPercent consistency", ev, changes(set(state+"stateOfHealth/stateOfCertifiedEnergyPercent", `90`))},
	{"CON-3 error " + state + "stateOfHealth/remainingUsableEnergyKwh range", storage, changes(set(state+"stateOfHealth/remainingUsableEnergyKwh", `300`))},
	{"CON-4 error " + state + "stateOfHealth/remainingCapacityAh range", bike, changes(set(state+"stateOfHealth/remainingCapacityAh", `15`))},
	{"CON-4 warning " + state + "stateOfHealth/stateOfHealthPercent consistency", bike, changes(set(state+"stateOfHealth/stateOfHealthPercent", `87`))},
	{"CON-3 warning " + state + "stateOfHealth/remainingUsableEnergyKwh range", storage, changes(set(state+"stateOfHealth/remainingUsableEnergyKwh", `216`))},
	{"CON-4 warning " + state + "stateOfHealth/remainingCapacityAh range", bike, changes(set(state+"stateOfHealth/remainingCapacityAh", `13.5`))},
	{"CON-4 warning " + state + "stateOfHealth/stateOfHealthPercent consistency", bike, changes(set(state+"stateOfHealth/remainingCapacityAh", `13.5`))},
	{"CON-7 warning " + state + "stateOfHealth/stateOfHealthPercent range", bike, changes(set(state+"stateOfHealth/stateOfHealthPercent", `104`))},
	{"CON-7 warning " + state + "usage/temperature/maxC range", used, changes(set(state+"usage/temperature", `{"minC":20,"maxC":350}`), set(matter+"batteryChemistry", `"Na-ion"`))},
	{"CON-7 warning " + state + "usage/stateOfChargePercent range", used, changes(set(state+"usage/stateOfChargePercent", `100.4`))},
	{"CON-7 warning " + perform + "expectedLifetimeYears range", ev, changes(set(perform+"expectedLifetimeYears", `51`))},
	{"CON-7 warning " + state + "usage/temperature/maxC range", used, changes(set(state+"usage/temperature", `{"minC":20,"maxC":151}`))},
	{"CON-7 warning " + perform + "idleTemperatureRange/maxC range", ev, changes(set(perform+"idleTemperatureRange/maxC", `200`))},
	{"CON-7 warning " + perform + "cycleLifeReferenceTest/temperatureC range", ev, changes(set(perform+"cycleLifeReferenceTest/temperatureC", `2500`))},
	{"CON-7 warning " + perform + "expectedLifetimeCycles range", ev, changes(set(perform+"expectedLifetimeCycles", `1000000`))},
	{"CON-7 warning " + state + "usage/fullCycles range", used, changes(set(state+"usage/fullCycles", `1e9`))},
	{"CON-7 warning " + perform + "nominalVoltageV range", ev, changes(set(perform+"nominalVoltageV", `352000`))},
	{"CON-7 warning " + perform + "cycleLifeTestCRate/charge range", ev, changes(set(perform+"cycleLifeTestCRate/charge", `330`))},
	{"LIF-1 error " + life + "previousPassports consistency", ev, changes(set(life+"previousPassports", `[{"operation":"repurposing","noPassportReason":"notInScopeBefore"}]`))},
	{"LIF-2 error " + life + "previousPassports required", second, changes(cut(life + "previousPassports"))},
	{"LIF-2 error " + life + "previousPassports required", remade, changes(set(life+"previousPassports", `[]`))},
	{"LIF-3 error " + life + "remanufacturing required", remade, changes(cut(life + "remanufacturing"))},
	{"LIF-3 error " + life + "remanufacturing/restoredCapacityPercent range", remade, changes(set(life+"remanufacturing/restoredCapacityPercent", `89.9`))},
	{"LIF-3 error " + life + "remanufacturing/cellSohSpreadPercent range", remade, changes(set(life+"remanufacturing/cellSohSpreadPercent", `3.1`))},
	{"LIF-4 error " + life + "wasteTransfer required", waste, changes(cut(life + "wasteTransfer"))},
	{"LIF-5 error " + life + "previousPassports/0/batteryPassportIdentifier required", second, changes(cut(life + "previousPassports/0/batteryPassportIdentifier"))},
	{"LIF-5 error " + life + "previousPassports/0/batteryPassportIdentifier consistency", second, changes(set(general+"batteryPassportIdentifier", `"urn:uuid:9b5c2f66-d073-4ebb-8f5b-4a9c0d1e2f08"`))},
	{"LIF-6 error " + life + "statusHistory consistency", waste, changes(cut(life + "statusHistory/1"))},
	{"LIF-6 error " + life + "statusHistory consistency", waste, changes(set(life+"statusHistory/1/since", `"2024-10-06"`))},
	{"OWN-1 error " + general + "economicOperatorInformation/role consistency", second, changes(set(general+"economicOperatorInformation/role", `"manufacturer"`))},
	{"OWN-1 error " + general + "economicOperatorInformation/role consistency", ev, changes(set(general+"economicOperatorInformation/role", `"producer"`))},
}

// storeViolations violate rules that need the store or the previous version.
var storeViolations = []struct {
	want, base string
	facts      compliance.StoreFacts
	previous   string // a patch of the sample
}{
	{want: "ID-1 error " + general + "batteryIdentifier duplicate", base: ev, facts: compliance.StoreFacts{IdentifierTaken: true}},
	{want: "ID-5 error " + general + "batteryIdentifier namespace", base: ev, facts: compliance.StoreFacts{Namespaces: map[string]*namespace.Problem{"generalInformation.batteryIdentifier": {Message: "must differ", Refused: true}}}},
	{want: "ID-5 warning " + general + "batteryIdentifier namespace", base: ev, facts: compliance.StoreFacts{Namespaces: map[string]*namespace.Problem{"generalInformation.batteryIdentifier": {Message: "should differ"}}}},
	{want: "ID-5 error " + general + "batteryPassportIdentifier namespace", base: ev, facts: compliance.StoreFacts{Namespaces: map[string]*namespace.Problem{"generalInformation.batteryPassportIdentifier": {Message: "must differ", Refused: true}}}},
	{want: "ID-5 warning " + general + "batteryModel/gtin namespace", base: ev, facts: compliance.StoreFacts{Namespaces: map[string]*namespace.Problem{"generalInformation.batteryModel.gtin": {Message: "should differ"}}}},
	{want: "ID-3 error " + general + "batteryPassportIdentifier duplicate", base: ev, facts: compliance.StoreFacts{PassportIdentifierTaken: true}},
	{want: "LIF-5 warning " + life + "previousPassports/0/batteryPassportIdentifier consistency", base: second,
		facts: compliance.StoreFacts{Predecessors: map[string]compliance.Relation{"urn:uuid:9b5c2f66-d073-4ebb-8f5b-4a9c0d1e2f08": compliance.NotStored}}},
	{want: "LIF-5 error " + life + "previousPassports/0/batteryPassportIdentifier consistency", base: second,
		facts: compliance.StoreFacts{Predecessors: map[string]compliance.Relation{"urn:uuid:9b5c2f66-d073-4ebb-8f5b-4a9c0d1e2f08": compliance.Circular}}},
	{want: "CON-5 error " + state + "usage/fullCycles consistency", base: used, previous: changes(set(state+"usage/fullCycles", `100000`))},
	{want: "CON-1 error " + state + "declaredPerformance consistency", base: waste, previous: changes(set(state+"declaredPerformance/0/ratedCapacityAh", `13.5`))},
}

// exempt are rules that an evaluation does not check: MOD-1 compares passports,
// DAT-4 and CON-6 are notes, and the projection tests cover ACC-1 to ACC-3.
var exempt = []string{"MOD-1", "DAT-4", "CON-6", "ACC-1", "ACC-2", "ACC-3"}

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
