package organisation

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/language"

	"github.com/battery-passport/suite/auth-service/internal/name"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/readable"
	"github.com/battery-passport/suite/pkg/weburl"
)

const (
	maxName      = 100 // characters; also of a former id
	maxText      = 200 // characters of other texts
	maxFormerIDs = 10  // tokens carry them
)

var textRule = fmt.Sprintf("must have at most %d visible characters and no space at the start or end", maxText)

const slugRule = "must be 2 to 40 characters of a-z, 0-9 and hyphen"

var slug = regexp.MustCompile(`^[a-z0-9-]{2,40}$`)

// CheckID returns a fault at the path if id cannot be the id of an organisation.
func CheckID(path, id string) []fault.Detail {
	if slug.MatchString(id) {
		return nil
	}
	return []fault.Detail{{Path: path, Code: "format", Message: fmt.Sprintf("%s, got %q", slugRule, shorten(id))}}
}

// identifierRules are the formats of identifiers. All of them allow ASCII characters only,
// so letters of other alphabets that look alike are refused. Check digits of VAT and EORI
// numbers differ by country and are not checked.
var identifierRules = []struct {
	path  string
	of    func(Identifiers) string
	valid func(string) bool
	rule  string
}{
	{"gln", func(i Identifiers) string { return i.GLN }, isGLN, "must be 13 digits, the last one the GS1 check digit"},
	{"eori", func(i Identifiers) string { return i.EORI }, hasCountry(`^[A-Z]{2}[A-Z0-9]{1,15}$`), "must be a country code and 1 to 15 letters or digits"},
	{"vat", func(i Identifiers) string { return i.VAT }, hasCountry(`^[A-Z]{2}[A-Z0-9+*]{2,14}$`), "must be a country code and 2 to 14 letters, digits, + or *"},
	{"lei", func(i Identifiers) string { return i.LEI }, isLEI, "must be 20 letters or digits, the last two the check digits of ISO 17442"},
	{"euid", func(i Identifiers) string { return i.EUID }, hasCountry(`^[A-Z]{2}[A-Za-z0-9_-]{0,20}\.[A-Za-z0-9 ./_-]{1,40}$`), "must be a country code, the register, a full stop and the registration number"},
}

// registerCodes are codes of public registers that are not in ISO 3166-1: those of Greece,
// Northern Ireland, and the One Stop Shop for VAT.
const registerCodes = "EL XI EU IM"

// hasCountry returns a function that reports whether an identifier matches the pattern and
// begins with a country code.
func hasCountry(pattern string) func(string) bool {
	matches := regexp.MustCompile(pattern).MatchString
	return func(s string) bool { return matches(s) && (isCountry(s[:2]) || strings.Contains(registerCodes, s[:2])) }
}

// notAssigned are the codes that x/text counts as countries and ISO 3166-1 has
// reserved, withdrawn or left to users, such as AN. XK is not among them: the EU uses it for Kosovo.
const notAssigned = "AC AN CP CQ CS DG EA EZ FQ IC NT PC SU TA UN YU"

// isCountry reports whether a code is assigned in ISO 3166-1 alpha-2, or XK.
func isCountry(code string) bool {
	region, err := language.ParseRegion(code)
	return err == nil && region.String() == code && region.IsCountry() && region.Canonicalize() == region && !strings.Contains(notAssigned, code)
}

// normalize normalizes the texts that people read, and writes identifiers without the spaces, dots and hyphens that
// people group them with, in capital letters.
func (o *Organisation) normalize() {
	for _, text := range []*string{&o.Name, &o.Address.StreetAddress, &o.Address.PostalCode, &o.Address.City} {
		*text = name.Normalize(*text)
	}
	for _, id := range []*string{&o.Identifiers.GLN, &o.Identifiers.EORI, &o.Identifiers.VAT, &o.Identifiers.LEI} {
		*id = strings.Map(upper, groupings.Replace(name.Normalize(*id)))
	}
}

// upper converts ASCII letters to upper case, and does not change other characters:
// strings.ToUpper turns some of them into ASCII.
func upper(r rune) rune {
	if 'a' <= r && r <= 'z' {
		return r - 'a' + 'A'
	}
	return r
}

var groupings = strings.NewReplacer(" ", "", ".", "", "-", "")

// check returns all faults of an organisation. It does not check texts, identifiers and a
// country that are the same as in previous: earlier releases accepted some invisible
// characters, and codes that are not assigned, such as AN.
func (o Organisation) check(previous Organisation) []fault.Detail {
	details := CheckID("/id", o.ID)
	addFault := func(path, code, rule, got string) {
		details = append(details, fault.Detail{Path: path, Code: code, Message: fmt.Sprintf("%s, got %q", rule, shorten(got))})
	}
	if o.Name != previous.Name && !isName(o.Name) || o.Name == "" {
		addFault("/name", "format", nameRule, o.Name)
	}
	for _, r := range identifierRules {
		if value := r.of(o.Identifiers); value != "" && value != r.of(previous.Identifiers) && !r.valid(value) {
			addFault("/identifiers/"+r.path, "format", r.rule, value)
		}
	}
	for _, field := range [][3]string{
		{"/address/streetAddress", o.Address.StreetAddress, previous.Address.StreetAddress},
		{"/address/postalCode", o.Address.PostalCode, previous.Address.PostalCode},
		{"/address/city", o.Address.City, previous.Address.City},
	} {
		if field[1] != field[2] && !isText(field[1], maxText) {
			addFault(field[0], "format", textRule, field[1])
		}
	}
	if c := o.Address.Country; c != "" && c != previous.Address.Country && !isCountry(c) {
		addFault("/address/country", "format", "must be an assigned ISO 3166-1 alpha-2 code, such as DE, or XK for Kosovo", c)
	}
	if a := o.WebAddress; a != "" && a != previous.WebAddress {
		if !isText(a, maxText) {
			addFault("/webAddress", "format", textRule, a)
		} else if err := weburl.Check(a); err != nil {
			addFault("/webAddress", "format", err.Error(), a)
		}
	}
	return append(details, o.checkFormerIDs(previous.FormerIDs)...)
}

func (o Organisation) checkFormerIDs(previous []string) (details []fault.Detail) {
	if n := len(o.FormerIDs); n > maxFormerIDs {
		return []fault.Detail{{Path: "/formerIds", Code: "range", Message: fmt.Sprintf("must have at most %d items, got %d", maxFormerIDs, n)}}
	}
	seen := map[string]bool{o.ID: true}
	for i, id := range o.FormerIDs {
		path := fmt.Sprintf("/formerIds/%d", i)
		switch {
		case !isName(id) && !slices.Contains(previous, id):
			details = append(details, fault.Detail{Path: path, Code: "format", Message: fmt.Sprintf("%s, got %q", nameRule, shorten(id))})
		case seen[id]:
			details = append(details, fault.Detail{Path: path, Code: "duplicate", Message: fmt.Sprintf("must differ from the id and from the other items, got %q", id)})
		}
		seen[id] = true
	}
	return details
}

const nameRule = "must have 1 to 100 visible characters and no space at the start or end"

func isName(s string) bool { return s != "" && isText(s, maxName) }

// isText reports whether a text has at most limit characters, no space at the start or
// end, and no invisible characters, which make one name look like another.
func isText(s string, limit int) bool {
	return strings.TrimSpace(s) == s && utf8.RuneCountInString(s) <= limit && readable.Invisible(s) < 0
}

var digits13 = regexp.MustCompile(`^[0-9]{13}$`)

// isGLN checks the GS1 check digit: the sum of the digits with alternating weights 1
// and 3 must be a multiple of 10.
func isGLN(s string) bool {
	if !digits13.MatchString(s) {
		return false
	}
	sum := 0
	for i, d := range s {
		sum += int(d-'0') * (1 + 2*(i%2))
	}
	return sum%10 == 0
}

var lei = regexp.MustCompile(`^[A-Z0-9]{18}[0-9]{2}$`)

// isLEI checks the check digits of ISO 7064 mod 97-10: letters count as 10 to 35, and
// the remainder must be 1. Check digits are 02 to 98: 00, 01 and 99 would have the same
// remainder as 97, 98 and 02.
func isLEI(s string) bool {
	if !lei.MatchString(s) || strings.HasSuffix(s, "00") || strings.HasSuffix(s, "01") || strings.HasSuffix(s, "99") {
		return false
	}
	remainder := 0
	for _, c := range s {
		if c >= 'A' {
			remainder = (remainder*100 + int(c-'A') + 10) % 97
		} else {
			remainder = (remainder*10 + int(c-'0')) % 97
		}
	}
	return remainder == 1
}

// shorten cuts a text for an error message.
func shorten(s string) string {
	if r := []rune(s); len(r) > maxName {
		return string(r[:maxName]) + "…"
	}
	return s
}
