package page

import (
	"html/template"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// symbol is a mark of the battery with its meaning.
type symbol struct {
	Drawing template.HTML // SVG with the colour of the text
	Text    string
}

// The drawings were made for this project. That of the wheeled bin follows Annex VI B, that of
// CE the proportions of Annex II to Regulation (EC) No 765/2008.
const (
	wheeledBin = `<svg viewBox="0 0 32 32" aria-hidden="true"><g fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round" stroke-linecap="round"><path d="M8.5 9h15M10 9l1.6 17h8.8L22 9M13 9V6.500h6V9M20.500 26v2.500M11.500 26.800a1.900 1.900 0 1 0 .1 0M15 13h2"/><path d="M5 4l22 25M27 4L5 29"/></g></svg>`
	ceMark     = `<svg viewBox="0 0 44 32" aria-hidden="true"><g fill="none" stroke="currentColor" stroke-width="4.200"><path d="M17 5.600a10.600 10.600 0 1 0 0 20.800M40 5.600a10.600 10.600 0 1 0 0 20.800M29.600 16H38"/></g></svg>`
)

// letters returns a drawing of one or two letters, below a bin for heavy metals.
func letters(s string) template.HTML {
	return template.HTML(`<svg viewBox="0 0 32 32" aria-hidden="true"><text x="16" y="23" text-anchor="middle" font-size="20" font-weight="700" fill="currentColor">` + template.HTMLEscapeString(s) + `</text></svg>`)
}

// symbols returns the marks on the battery according to the passport.
func (t texts) symbols(d *ruleset.Document) (symbols []symbol) {
	if d.First("labelsAndConformity.separateCollectionSymbol.isMarked").True() {
		symbols = append(symbols, symbol{wheeledBin, t.T("separateCollection")})
	}
	for v := range d.First("labelsAndConformity.heavyMetalSymbols").Children() {
		for metal, message := range map[string]string{"Cd": "cadmium", "Pb": "lead"} {
			if v.Is(metal) {
				symbols = append(symbols, symbol{letters(metal), t.T(message)})
			}
		}
	}
	if d.First("labelsAndConformity.ceMarking.affixed").True() {
		symbols = append(symbols, symbol{ceMark, t.T("ceMarking")})
	}
	if class := d.Text("carbonFootprint.performanceClass"); class != "" {
		short := []rune(class)
		symbols = append(symbols, symbol{letters(string(short[:min(len(short), 2)])), t.With("footprintClass", "Class", class)})
	}
	return symbols
}
