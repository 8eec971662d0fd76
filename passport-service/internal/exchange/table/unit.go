package table

import (
	"fmt"
	"slices"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// units are units that a header may have in brackets, and that are not those of all attributes. Other texts in brackets
// have no effect.
var units = strings.Fields("mg g kg t lb lbs mAh Ah kAh Wh kWh MWh J kJ MJ mV V kV mW W kW MW µΩ mΩ Ω kΩ mOhm Ohm °C C °F F K % ‰ ppm h min s d days months years gCO2e kgCO2e tCO2e gCO2e/kWh kgCO2e/kWh tCO2e/MWh gCO2eq kgCO2eq tCO2eq gCO2eq/kWh kgCO2eq/kWh")

// sameUnits are other spellings of the units of attributes.
var sameUnits = strings.NewReplacer(" ", "", "₂", "2", "CO2eq", "CO2e", "CO2-eq", "CO2e", "Ohm", "Ω", "Ω", "Ω")

// checkUnit returns the problem of a header whose unit is not that of the attribute, or "".
func checkUnit(a *ruleset.Attribute, header string) string {
	if a == nil || a.Type != ruleset.Number && a.Type != ruleset.Integer {
		return ""
	}
	unit := sameUnits.Replace(bracketed(header))
	want := sameUnits.Replace(a.Unit)
	isSame := strings.EqualFold(unit, want) || unit == "C" && want == "°C" || unit == "%" && strings.HasPrefix(want, "%")
	if isSame || !slices.Contains(units, unit) {
		return ""
	}
	if want == "" {
		return fmt.Sprintf("has the unit %s, but the attribute has none", unit)
	}
	return fmt.Sprintf("has the unit %s, but must be in %s: convert the values", unit, a.Unit)
}

// bracketed returns the text in brackets at the end of a header.
func bracketed(header string) string {
	name := strings.TrimRight(strings.Join(strings.Fields(header), " "), " *:")
	if i := strings.LastIndexAny(name, "(["); i > 0 && strings.HasSuffix(name, map[byte]string{'(': ")", '[': "]"}[name[i]]) {
		return name[i+1 : len(name)-1]
	}
	return ""
}
