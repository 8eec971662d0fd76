package compliance

import "strings"

// metalContent lists the metals of a chemistry.
type metalContent struct {
	always  []string
	perhaps []string // depends on the product, which the code does not name
}

// chemistries are the known codes of chemistries. LMO is often blended with NMC. LTO names the
// anode only. Hydroxide electrodes are coated with cobalt, and their alloys contain it.
var chemistries = map[string]metalContent{
	"NMC811": nmc, "NMC622": nmc, "NMC532": nmc, "NMC111": nmc, "NMC": nmc, "NCA": {always: []string{"Lithium", "Nickel", "Cobalt"}},
	"LFP": lithiumOnly, "LMFP": lithiumOnly, "LMO": lithiumAnd, "LTO": lithiumAnd, "Li-ion": lithiumAnd, "LCO": {always: []string{"Lithium", "Cobalt"}},
	"NiMH": nickelAnd, "NiCd": nickelAnd, "NaNiCl2": nickelAnd, "Na-ion": {perhaps: []string{"Nickel", "Cobalt"}}, "NaS": {},
	"Pb-acid": {always: []string{"Lead"}}, "VRFB": {always: []string{"Vanadium"}},
}

var (
	nmc         = metalContent{always: []string{"Lithium", "Nickel", "Cobalt", "Manganese"}}
	lithiumOnly = metalContent{always: []string{"Lithium"}}
	lithiumAnd  = metalContent{always: []string{"Lithium"}, perhaps: []string{"Nickel", "Cobalt"}}
	nickelAnd   = metalContent{always: []string{"Nickel"}, perhaps: []string{"Cobalt"}}
)

// metalsOf returns the metals of a chemistry, whatever the case of its code, and whether the
// code is known.
func metalsOf(code string) (metalContent, bool) {
	for known, metals := range chemistries {
		if strings.EqualFold(known, code) {
			return metals, true
		}
	}
	return metalContent{}, false
}
