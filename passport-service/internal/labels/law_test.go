package labels

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/locale"
)

// shared has data of others that is not part of the repository.
const shared = "../../../../shared/data/anchors/"

// plain returns a text for comparisons: spaces, apostrophes and capitals do not matter.
func plain(text string) string {
	text = strings.NewReplacer("\u00a0", " ", "\u202f", " ", "’", "'", "₂", "2").Replace(strings.ToLower(text))
	return strings.Join(strings.Fields(text), " ")
}

// lawText returns the function that finds a phrase in the text of the Regulation in a
// language, and whether there is anything to compare with. The English and French texts
// are whole annexes; of other languages, testdata/compared.json has the phrases that were
// found in the published text.
func lawText(t *testing.T, language locale.Language) (contains func(phrase string) bool, ok bool) {
	t.Helper()
	if language == locale.English || language == "fr" {
		text, err := os.ReadFile(shared + "br-2023-1542-art3-annexes-" + string(language) + ".txt")
		if err != nil {
			return nil, false
		}
		law := plain(string(text))
		return func(phrase string) bool { return strings.Contains(law, plain(phrase)) }, true
	}
	data, err := os.ReadFile("testdata/compared.json")
	if err != nil {
		t.Fatal(err)
	}
	var compared map[locale.Language]struct{ Phrases []string }
	if err := json.Unmarshal(data, &compared); err != nil {
		t.Fatal(err)
	}
	return func(phrase string) bool {
		return slices.ContainsFunc(compared[language].Phrases, func(p string) bool { return plain(p) == plain(phrase) })
	}, true
}

// TestLawMeansCompared: a label says that it comes from the law only if its text was found
// there, in the same language.
func TestLawMeansCompared(t *testing.T) {
	for _, language := range locale.Languages() {
		contains, ok := lawText(t, language)
		if !ok {
			t.Logf("%s: the text of the Regulation is not here", language)
			continue
		}
		l := In(language)
		n := 0
		for _, labels := range []map[string]Label{l.Sections, l.Shared, l.Names} {
			for name, label := range labels {
				if label.Source == Law {
					n++
					if !contains(label.Text) {
						t.Errorf("%s: %s: %q is not in the text of the Regulation that was compared", language, name, label.Text)
					}
				}
			}
		}
		if claims := strings.Contains(l.About, "law: "); claims != (n > 0) {
			t.Errorf("%s: %d labels are from the law, about says: %s", language, n, l.About)
		}
	}
}

// keystone names our attribute for a term of DPPKeystone.
var keystone = map[string]string{
	"manufacturingPlace": "generalInformation.manufacturingPlace", "manufacturingDate": "generalInformation.manufacturingDate", "batteryCategory": "generalInformation.batteryCategory",
	"batteryMass": "generalInformation.batteryMass", "batteryStatus": "generalInformation.batteryStatus", "warrantyPeriod": "generalInformation.warrantyPeriod",
	"separateCollectionSymbol": "labelsAndConformity.separateCollectionSymbol", "extinguishingAgent": "labelsAndConformity.extinguishingAgents", "testReports": "labelsAndConformity.testReports",
	"carbonFootprintClass": "carbonFootprint.performanceClass", "carbonFootprintStudy": "carbonFootprint.studyUrl", "dueDiligenceReport": "supplyChainDueDiligence.reportUrl",
	"batteryChemistry": "materialComposition.batteryChemistry", "criticalRawMaterials": "materialComposition.criticalRawMaterials", "hazardousSubstances": "materialComposition.hazardousSubstances",
	"safetyMeasures": "circularity.safetyMeasures", "wastePreventionInfo": "circularity.endOfLifeInformation.wastePreventionUrl", "renewableContent": "circularity.renewableContentPercent",
	"ratedCapacity": "performanceAndDurability.ratedCapacityAh", "voltageMinimum": "performanceAndDurability.minimumVoltageV", "voltageNominal": "performanceAndDurability.nominalVoltageV",
	"voltageMaximum": "performanceAndDurability.maximumVoltageV", "powerOriginal": "performanceAndDurability.originalPowerCapabilityW", "powerEnergyRatio": "performanceAndDurability.powerToEnergyRatio",
	"roundTripEfficiencyInitial": "performanceAndDurability.initialRoundTripEfficiencyPercent", "roundTripEfficiencyAt50Cycles": "performanceAndDurability.roundTripEfficiencyAt50PercentCycleLifePercent",
	"internalResistance": "performanceAndDurability.initialInternalResistance", "expectedLifetimeYears": "performanceAndDurability.expectedLifetimeYears", "expectedLifetimeCycles": "performanceAndDurability.expectedLifetimeCycles",
	"cRateCycleTest": "performanceAndDurability.cycleLifeTestCRate", "exhaustionCapacityThreshold": "performanceAndDurability.capacityThresholdForExhaustionPercent",
	"certifiedUsableEnergy": "performanceAndDurability.certifiedUsableEnergyKwh", "remainingCapacity": "batteryCondition.stateOfHealth.remainingCapacityAh",
	"stateOfCharge": "batteryCondition.usage.stateOfChargePercent", "energyThroughput": "batteryCondition.usage.energyThroughputKwh", "capacityThroughput": "batteryCondition.usage.capacityThroughputAh",
	"negativeEvents": "batteryCondition.usage.negativeEvents",
}

// TestKeystoneReport lists where our own labels differ from those of DPPKeystone, which a
// machine made, for a person who reviews a language (make labels). It never fails because of a
// difference: the law has other terms in many places.
func TestKeystoneReport(t *testing.T) {
	data, err := os.ReadFile(shared + "keystone-battery-labels-24.json")
	if err != nil {
		t.Skip("the list of DPPKeystone is not here")
	}
	var list struct {
		Labels map[string]map[locale.Language]string
	}
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	for _, language := range locale.Languages() {
		l, equal := In(language), 0
		for term, path := range keystone {
			ours, theirs := l.Name(path), list.Labels[term][language]
			switch {
			case ours == "" || theirs == "":
				t.Errorf("%s: %s: got %q and %q for %s", language, term, ours, theirs, path)
			case plain(ours) == plain(theirs):
				equal++
			case l.Names[path].Source == Own:
				t.Logf("%s %-32s ours: %-60s Keystone: %s", language, term, ours, theirs)
			}
		}
		t.Logf("%s: %d of %d labels are equal", language, equal, len(keystone))
	}
}
