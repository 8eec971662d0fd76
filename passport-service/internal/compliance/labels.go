package compliance

const (
	isMarked      = "labelsAndConformity.separateCollectionSymbol.isMarked"
	cadmium       = "labelsAndConformity.cadmiumContentPercent"
	lead          = "labelsAndConformity.leadContentPercent"
	metalSymbols  = "labelsAndConformity.heavyMetalSymbols"
	labelMeanings = "labelsAndConformity.labelMeanings"
	notifiedBody  = "labelsAndConformity.ceMarking.notifiedBodyNumber"
)

// heavyMetals have a symbol above a content in percent of the mass (Article 13(5)).
var heavyMetals = []struct {
	symbol, content string
	limit           float64
}{{"Cd", cadmium, 0.002}, {"Pb", lead, 0.004}}

var labels = []Rule{
	{ID: "LAB-1", Severity: Error, Code: "consistency", Needs: []string{isMarked}, Check: func(r *Run) {
		if r.Doc.First(isMarked).False() {
			r.ReportAt(isMarked, "is false, and every battery carries the symbol for separate collection since 18 August 2025")
		}
	}},
	{ID: "LAB-2", Severity: Error, Code: "consistency", Needs: []string{metalSymbols + "[]"}, Check: symbolsFitContents},
	{ID: "LAB-3", Severity: Error, Code: "required", Needs: []string{labelMeanings, labelMeanings + "[].symbol", metalSymbols + "[]"}, Check: func(r *Run) {
		explained := map[string]bool{}
		for v := range r.Doc.All(labelMeanings + "[].symbol") {
			explained[textOf(v)] = true
		}
		if !explained["separateCollection"] {
			r.ReportAt(labelMeanings, "has no entry for separateCollection")
		}
		for v := range r.Doc.First(metalSymbols).Children() {
			if symbol := textOf(v); !explained[symbol] {
				r.ReportAt(labelMeanings, "has no entry for the symbol %s", symbol)
			}
		}
	}},
	{ID: "LAB-4", Severity: Error, Code: "consistency", Needs: []string{notifiedBody, "labelsAndConformity.ceMarking.affixed"}, Check: func(r *Run) {
		if r.Doc.First("labelsAndConformity.ceMarking.affixed").False() {
			r.ReportAt(notifiedBody, "is %s, and there is no CE marking it could stand by", r.text(notifiedBody))
		}
	}},
}

func symbolsFitContents(r *Run) {
	for _, metal := range heavyMetals {
		content, given := r.Number(metal.content)
		marked := has(r.Doc.First(metalSymbols), metal.symbol)
		switch above := content > metal.limit; {
		case r.Doc.First(metal.content).Exists() && !given: // something is wrong with it, and that is told
		case above && !marked:
			r.ReportAt(metalSymbols, "lacks %s, which a content of %v %% asks for (above %v %%)", metal.symbol, content, metal.limit)
		case !above && marked:
			r.ReportAt(metalSymbols, "has %s, and no content above %v %% is given", metal.symbol, metal.limit)
		}
	}
}
