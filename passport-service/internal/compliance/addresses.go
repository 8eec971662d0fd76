package compliance

import "strings"

// withoutPostalCodes are the codes of countries that have no postal codes, by the
// Universal Postal Union.
const withoutPostalCodes = "AE AG AO AW BF BI BJ BO BQ BS BW BZ CD CF CG CI CK CM CW DJ DM ER FJ GA GD GH GM GQ GY HK KI KM KN KP LY ML MO MR MW " +
	"NR NU QA RW SB SC SL SR ST SX SY TD TF TG TK TL TO TV UG VU WS YE ZW "

var addresses = []string{
	"generalInformation.manufacturerInformation.postalAddress", "generalInformation.economicOperatorInformation.postalAddress",
}

var addressRules = []Rule{{ID: "ADR-1", Severity: Warning, Code: "required", Check: func(r *Run) {
	for _, path := range addresses {
		address := r.Doc.First(path)
		country, ok := address.Member("country").Text()
		if ok && isMissing(address.Member("postalCode")) && !strings.Contains(withoutPostalCodes, country+" ") {
			r.Report(address, "should have a postalCode for country %s", country)
		}
	}
}}}
