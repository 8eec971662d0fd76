package compliance

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// formats are the rules of a single text or number, beyond its pattern.
var formats = []Rule{
	{ID: "FMT-1", Severity: Error, Code: "format", Field: httpsURL, Catalogue: []string{"format"}},
	{ID: "FMT-2", Severity: Error, Code: "format", Field: calendar, Catalogue: []string{"format"}},
	{ID: "FMT-3", Severity: Error, Code: "type", Catalogue: []string{"type"}},
	{ID: "FMT-4", Severity: Error, Code: "format", Field: country, Catalogue: []string{"format"}},
	{ID: "FMT-5", Severity: Error, Code: "unknownField", Catalogue: []string{"unknownField"}},
	{ID: "ID-1", Severity: Error, Code: "format", Field: batteryIdentifier, Catalogue: []string{"format"}},
	{ID: "ID-2", Severity: Error, Code: "format", Field: digitalLink},
	{ID: "ID-4", Severity: Error, Code: "format", Field: gln},
	{ID: "MAT-7", Severity: Error, Code: "format", Field: casNumber, Catalogue: []string{"format"}},
	{ID: "DAT-1", Severity: Error, Code: "range", Field: notInFuture},
	{ID: "DAT-3", Severity: Error, Code: "range", Field: yearNotInFuture},
	{ID: "MAT-3", Severity: Error, Code: "enum", Field: criticalRawMaterial},
}

func httpsURL(_ *Run, v ruleset.Value) string {
	if text, ok := v.Text(); ok && !isHTTPS(text) {
		return fmt.Sprintf("is %q, and has to be an absolute https URL without white space", text)
	}
	return ""
}

// isHTTPS tells whether a text is an absolute https URL. Only what is out of
// the ordinary is parsed.
func isHTTPS(text string) bool {
	rest, ok := strings.CutPrefix(text, "https://")
	host, _, _ := strings.Cut(rest, "/")
	if ok && host != "" && strings.Trim(host, hostCharacters) == "" && strings.Trim(rest, pathCharacters) == "" {
		return true
	}
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" && !strings.ContainsAny(text, " \t\r\n")
}

const (
	hostCharacters = "abcdefghijklmnopqrstuvwxyz0123456789.-"
	pathCharacters = hostCharacters + "ABCDEFGHIJKLMNOPQRSTUVWXYZ/_~"
)

// moment reads a date or time. One of a month or a day is its beginning.
func moment(text string) (t time.Time, isTime, ok bool) {
	layout := time.RFC3339Nano
	switch len(text) {
	case len("2006-01"):
		layout = "2006-01"
	case len(time.DateOnly):
		layout = time.DateOnly
	}
	t, err := time.Parse(layout, text)
	return t, layout == time.RFC3339Nano, err == nil
}

func calendar(_ *Run, v ruleset.Value) string {
	text, isText := v.Text()
	if _, _, ok := moment(text); isText && !ok {
		return fmt.Sprintf("is %q, a day or time that the calendar does not have", text)
	}
	return ""
}

// notInFuture allows a day of tolerance for dates: it may be tomorrow where the
// battery is.
func notInFuture(r *Run, v ruleset.Value) string {
	text, isText := v.Text()
	t, isTime, ok := moment(text)
	limit := r.In.Now
	if !isTime {
		limit = limit.AddDate(0, 0, 1)
	}
	if isText && ok && t.After(limit) {
		return fmt.Sprintf("is %s, in the future; today is %s", text, ruleset.DateOf(r.In.Now))
	}
	return ""
}

func yearNotInFuture(r *Run, v ruleset.Value) string {
	if year, ok := v.Number(); ok && int(year) > r.In.Now.UTC().Year() {
		return fmt.Sprintf("is %v, in the future; this year is %d", year, r.In.Now.UTC().Year())
	}
	return ""
}

func country(_ *Run, v ruleset.Value) string {
	if text, ok := v.Text(); ok && (len(text) != 2 || !strings.Contains(countries, text+" ")) {
		return fmt.Sprintf("is %q, and no country has that code (ISO 3166-1 alpha-2)", text)
	}
	return ""
}

func gln(_ *Run, v ruleset.Value) string {
	if text, ok := v.Text(); ok && len(text) == 13 && digits(text) && !gs1(text) {
		return fmt.Sprintf("is %s, a GLN whose check digit has to be %c", text, gs1Digit(text[:12]))
	}
	return ""
}

func digits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// gs1 tells whether the last digit of a GTIN or GLN is right.
func gs1(number string) bool {
	n := len(number) - 1
	return gs1Digit(number[:n]) == number[n]
}

func gs1Digit(number string) byte {
	sum := 0
	for i := range len(number) {
		weight := 1
		if (len(number)-i)%2 == 1 {
			weight = 3
		}
		sum += weight * int(number[i]-'0')
	}
	return byte('0' + (10-sum%10)%10)
}

func casNumber(_ *Run, v ruleset.Value) string {
	text, ok := v.Text()
	if !ok || text == "" {
		return ""
	}
	sum, weight, last := 0, 1, len(text)-1
	for i := last - 1; i >= 0; i-- {
		if c := text[i]; c != '-' { // its pattern lets nothing through but digits and dashes
			sum += weight * int(c-'0')
			weight++
		}
	}
	if want := byte('0' + sum%10); text[last] != want {
		return fmt.Sprintf("is %s, a CAS number whose check digit has to be %c", text, want)
	}
	return ""
}

// countries are the codes of ISO 3166-1 alpha-2.
const countries = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ " +
	"CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR " +
	"GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP " +
	"KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ " +
	"NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW " +
	"SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ " +
	"UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW "
