package compliance

import (
	"strings"
	"unicode"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// criticalRawMaterials are the materials of Annex II of Regulation (EU) 2024/1252.
var criticalRawMaterials = []string{
	"Antimony", "Arsenic", "Aluminium", "Baryte", "Beryllium", "Bismuth", "Boron", "Cobalt", "Coking coal", "Copper", "Feldspar", "Fluorspar",
	"Gallium", "Germanium", "Hafnium", "Helium", "Heavy rare earth elements", "Light rare earth elements", "Lithium", "Magnesium", "Manganese",
	"Graphite", "Nickel", "Niobium", "Phosphate rock", "Phosphorus", "Platinum group metals", "Scandium", "Silicon metal", "Strontium", "Tantalum",
	"Titanium metal", "Tungsten", "Vanadium",
}

// materialNames are other names: those of Annexes I and II, the members of groups,
// and common spellings.
var materialNames = map[string][]string{
	"Aluminium":                 {"bauxite alumina aluminium", "bauxite alumina aluminum", "bauxite", "alumina", "aluminum"},
	"Baryte":                    {"barite"},
	"Graphite":                  {"natural graphite", "synthetic graphite", "artificial graphite", "graphite natural", "graphite synthetic", "graphite artificial", "flake graphite", "spherical graphite"},
	"Fluorspar":                 {"fluorite"},
	"Silicon metal":             {"silicon"},
	"Titanium metal":            {"titanium"},
	"Magnesium":                 {"magnesium metal"},
	"Heavy rare earth elements": {"terbium", "dysprosium", "holmium", "erbium", "thulium", "ytterbium", "lutetium", "yttrium", "rare earth elements", "rare earth elements for permanent magnets", "rare earths"},
	"Light rare earth elements": {"lanthanum", "cerium", "praseodymium", "neodymium", "promethium", "samarium", "europium", "gadolinium"},
	"Platinum group metals":     {"platinum", "palladium", "rhodium", "ruthenium", "iridium", "osmium"},
}

// canonicalMaterials are the entries of Annex II by materialKey of their names.
var canonicalMaterials = func() map[string]string {
	names := map[string]string{}
	for _, name := range criticalRawMaterials {
		names[materialKey(name)] = name
		for _, other := range append(materialNames[name], materialSymbols[name]...) {
			names[materialKey(other)] = name
		}
	}
	return names
}()

// materialKey returns the lower-case words of a name, without its grade.
func materialKey(name string) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) })
	text := strings.Join(words, " ")
	for _, grade := range []string{" battery grade", " metallurgy grade"} {
		text = strings.TrimSuffix(text, grade)
	}
	return text
}

// criticalRawMaterial returns the entry of Annex II that a name means, or "".
func criticalRawMaterial(name string) string { return canonicalMaterials[materialKey(name)] }

// hasMaterial reports whether a list has an entry of Annex II, by any of its names.
func hasMaterial(list ruleset.Value, material string) bool {
	for v := range list.Children() {
		if criticalRawMaterial(textOf(v)) == material {
			return true
		}
	}
	return false
}

// named reports whether the name of a material contains an entry of the list.
func named(list ruleset.Value, material string) bool {
	material = materialKey(material)
	for v := range list.Children() {
		entry := criticalRawMaterial(textOf(v))
		for _, name := range append(materialNames[entry], entry) {
			if entry != "" && strings.Contains(material, materialKey(name)) {
				return true
			}
		}
	}
	return false
}
