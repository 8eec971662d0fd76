package compliance

import (
	"fmt"
	"strings"
	"sync"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

func checkCountry(_ *Run, v ruleset.Value) string {
	text, ok := v.Text()
	if !ok || isCountry(text) {
		return ""
	}
	hint := ""
	if code := countryOf(strings.TrimSpace(text)); code != "" {
		hint = ": use " + code
	}
	return fmt.Sprintf("must be an ISO 3166-1 alpha-2 country code in use, got %q%s", text, hint)
}

func isCountry(code string) bool { return len(code) == 2 && strings.Contains(countries, code+" ") }

// countryOf returns the code that a text means: another code of the country, or its name.
// It returns "" if no country matches.
func countryOf(text string) string {
	code := strings.ToUpper(text)
	switch {
	case code == "EL": // in the treaties of the EU
		return "GR"
	case code == "UK":
		return "GB"
	case isCountry(code):
		return code
	}
	if region, err := language.ParseRegion(code); err == nil && len(code) == 3 && isCountry(region.String()) {
		return region.String()
	}
	return countryNames()[strings.ToLower(text)]
}

// countryNames returns the codes of countries by their names in some languages, in lower case.
var countryNames = sync.OnceValue(func() map[string]string {
	names := map[string]string{}
	for _, in := range []language.Tag{language.English, language.German, language.French, language.Spanish, language.Italian, language.Dutch, language.Polish} {
		namer := display.Regions(in)
		for code := range strings.FieldsSeq(countries) {
			if name := strings.ToLower(namer.Name(language.MustParseRegion(code))); names[name] == "" {
				names[name] = code
			}
		}
	}
	return names
})

// countries are the codes of ISO 3166-1 alpha-2, and XK for Kosovo, which the EU uses.
const countries = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ " +
	"CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR " +
	"GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP " +
	"KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ " +
	"NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW " +
	"SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ " +
	"UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW "
