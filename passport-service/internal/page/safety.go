package page

import (
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// safetyPage is the safety card.
type safetyPage struct {
	passportPage
	Rows []row
}

// safetyFacts are the fields of the safety card in their order. Readers see those that
// they may read.
var safetyFacts = []string{
	"generalInformation.batteryCategory",
	"materialComposition.batteryChemistry",
	"materialComposition.batteryChemistryName",
	"generalInformation.batteryMass",
	"performanceAndDurability.ratedEnergyKwh",
	"performanceAndDurability.nominalVoltageV",
	"performanceAndDurability.maximumVoltageV",
	"labelsAndConformity.extinguishingAgents[].agent",
	"labelsAndConformity.extinguishingAgents[].fireClasses",
	hazardousSubstances,
	"materialComposition.substanceImpact.text",
	"circularity.safetyMeasures.measures",
	"circularity.safetyMeasures.documentUrl",
	"circularity.dismantlingInformation.damageWarnings",
	"circularity.dismantlingInformation.disassemblySequence",
	"circularity.dismantlingInformation.tools",
	"circularity.dismantlingInformation.cellCount",
	"circularity.dismantlingInformation.cellLayout",
	"circularity.endOfLifeInformation.safetyInstructionsUrl",
	"batteryCondition.usage.stateOfChargePercent",
}

const hazardousSubstances = "materialComposition.hazardousSubstances"

func (p passportPage) safetyRows() (rows []row) {
	for _, path := range safetyFacts {
		r := row{Label: p.Name(strings.TrimSuffix(path, ".text"))} // a text has the name of its object
		for v := range p.Document.All(path) {
			if path == hazardousSubstances {
				rows = append(rows, p.substances(v)...)
				break
			}
			r.Values = append(r.Values, p.values(v.Field(), v)...)
		}
		if len(r.Values) > 0 {
			rows = append(rows, r)
		}
	}
	return rows
}

// substances returns a row for each hazardous substance, with one line for its hazards.
func (p passportPage) substances(list ruleset.Value) (rows []row) {
	for item := range list.Children() {
		name, _ := item.Member("substanceName").AnyText()
		var facts []string
		for _, member := range []string{"hazardClasses", "hazardStatements", "location"} {
			if v := item.Member(member); v.Exists() {
				for _, value := range p.values(v.Field(), v) {
					facts = append(facts, value.Text)
				}
			}
		}
		if len(facts) == 0 {
			facts = []string{"–"}
		}
		rows = append(rows, row{p.Name(hazardousSubstances) + " · " + name, []text{{Text: strings.Join(facts, " · ")}}})
	}
	return rows
}
