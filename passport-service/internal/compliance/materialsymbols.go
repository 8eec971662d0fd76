package compliance

import (
	"slices"
	"strings"
)

// materialSymbols are chemical symbols, abbreviations and common names in German, French,
// Spanish, Italian and Dutch of the entries of Annex II. They are read as a whole only, because
// some are part of other words.
var materialSymbols = map[string][]string{
	"Antimony":                  {"Sb", "Antimon", "antimoine", "antimonio", "antimoon"},
	"Arsenic":                   {"As", "Arsen", "arsénico", "arsenico", "arseen"},
	"Aluminium":                 {"Al", "aluminio", "alluminio"},
	"Baryte":                    {"Baryt", "barytine", "barita"},
	"Beryllium":                 {"Be", "béryllium", "berilio", "berillio"},
	"Bismuth":                   {"Bi", "Bismut", "Wismut", "bismuto"},
	"Boron":                     {"B", "Bor", "bore", "boro", "boor"},
	"Cobalt":                    {"Co", "Kobalt", "cobalto"},
	"Copper":                    {"Cu", "Kupfer", "cuivre", "cobre", "rame", "koper"},
	"Feldspar":                  {"Feldspat", "feldspath", "feldespato", "feldspato", "veldspaat"},
	"Fluorspar":                 {"Flussspat", "Flußspat", "spath fluor", "fluorina", "espato flúor", "vloeispaat"},
	"Gallium":                   {"Ga", "galio", "gallio"},
	"Germanium":                 {"Ge", "germanio"},
	"Graphite":                  {"Graphit", "Naturgraphit", "grafito", "grafite", "grafiet", "graphite naturel", "graphite synthétique", "synthetischer Graphit", "künstlicher Graphit"},
	"Hafnium":                   {"Hf", "hafnio", "afnio"},
	"Heavy rare earth elements": {"HREE", "Tb", "Dy", "Ho", "Er", "Tm", "Yb", "Lu", "Y", "REE", "rare earth", "Seltene Erden", "terres rares", "tierras raras", "terre rare", "zeldzame aardmetalen"},
	"Helium":                    {"He", "hélium", "helio", "elio"},
	"Light rare earth elements": {"LREE", "La", "Ce", "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Neodym", "néodyme", "neodimio"},
	"Lithium":                   {"Li", "litio"},
	"Magnesium":                 {"Mg", "magnésium", "magnesio"},
	"Manganese":                 {"Mn", "Mangan", "manganèse", "manganeso", "mangaan"},
	"Nickel":                    {"Ni", "níquel", "nichel", "nikkel"},
	"Niobium":                   {"Nb", "Niob", "niobio"},
	"Phosphate rock":            {"Phosphatgestein", "phosphate naturel", "fosfato de roca"},
	"Phosphorus":                {"P", "Phosphor", "phosphore", "fósforo", "fosforo", "fosfor"},
	"Platinum group metals":     {"PGM", "PGMs", "Pt", "Pd", "Rh", "Ru", "Ir", "Os", "Platin", "platine", "platino", "Palladium", "Platingruppenmetalle", "Platinmetalle"},
	"Scandium":                  {"Sc", "escandio", "scandio"},
	"Silicon metal":             {"Si", "Silizium", "silicium", "silicio"},
	"Strontium":                 {"Sr", "estroncio", "stronzio"},
	"Tantalum":                  {"Ta", "Tantal", "tantale", "tantalio", "tántalo"},
	"Titanium metal":            {"Ti", "Titan", "titane", "titanio", "titaan"},
	"Tungsten":                  {"W", "Wolfram", "tungstène", "wolframio", "tungsteno", "volframio"},
	"Vanadium":                  {"V", "vanadio"},
}

// materialHint returns the end of a message with the entries of Annex II that a name contains.
func materialHint(name string) string {
	var entries []string
	for word := range strings.FieldsSeq(materialKey(name)) {
		if entry := criticalRawMaterial(word); len(word) > 3 && entry != "" && !slices.Contains(entries, entry) {
			entries = append(entries, entry)
		}
	}
	if entries == nil {
		return ""
	}
	return ": use " + strings.Join(entries, ", ")
}
