// Package locale formats numbers, dates and names of countries in the 24 official languages of
// the EU. Formats and names come from Unicode CLDR 48, in table.json.
package locale

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"
)

//go:embed table.json
var table []byte

// Language is the ISO 639-1 code of an official language of the EU, such as de.
type Language string

// English is the language of readers whose languages are not among the 24.
const English Language = "en"

// figures are the formats of numbers and dates of a language.
type figures struct {
	Autonym       string
	Decimal       string
	Group         string
	MinGrouping   int    // digits before the first separator that make it appear
	Month, Date   string // patterns of CLDR
	MonthsInDates []string
	Months        []string
	Countries     map[string]string
}

var (
	formats   = read(table)
	languages = slices.Sorted(maps.Keys(formats))
	matcher   = newMatcher()
)

func read(data []byte) (formats map[Language]figures) {
	if err := json.Unmarshal(data, &formats); err != nil {
		panic("locale: table.json: " + err.Error())
	}
	return formats
}

// newMatcher returns a matcher whose first language is English, which it returns if
// nothing matches.
func newMatcher() language.Matcher {
	tags := []language.Tag{language.English}
	for _, l := range languages {
		tags = append(tags, language.Make(string(l)))
	}
	return language.NewMatcher(tags)
}

// Languages returns the languages in the order of their codes. The slice must not be
// changed.
func Languages() []Language { return languages }

// Parse returns the language of a language tag (BCP 47) in any case, such as de for DE and de-AT.
func Parse(tag string) (Language, bool) {
	const limit = 35 // characters, RFC 5646, section 4.4.1
	if _, ok := formats[Language(tag)]; ok {
		return Language(tag), true
	}
	if len(tag) > limit {
		return "", false
	}
	parsed, _ := language.Parse(tag) // without the subtags that are unknown
	base, confidence := parsed.Base()
	l := Language(base.String())
	_, ok := formats[l]
	return l, ok && confidence == language.Exact
}

// Match returns the best language for an Accept-Language header (RFC 9110, section
// 12.5.4), or English. Parts of the header that cannot be parsed are
// ignored.
func Match(acceptLanguage string) Language {
	const limit = 1000 // bytes of the header that are read
	type wish struct {
		tag     language.Tag
		quality float32
	}
	var wishes []wish
	for part := range strings.SplitSeq(acceptLanguage[:min(len(acceptLanguage), limit)], ",") {
		if tags, q, err := language.ParseAcceptLanguage(part); err == nil && len(tags) == 1 && q[0] > 0 {
			wishes = append(wishes, wish{tags[0], q[0]})
		}
	}
	slices.SortStableFunc(wishes, func(a, b wish) int { return cmp.Compare(b.quality, a.quality) })
	for _, w := range wishes {
		if _, i, confidence := matcher.Match(w.tag); confidence > language.No && i > 0 {
			return languages[i-1]
		} else if confidence > language.No {
			return English
		}
	}
	return English
}

// Autonym is the name of the language in the language.
func (l Language) Autonym() string { return formats[l].Autonym }

// Country returns the name of a country by its code of ISO 3166-1, or the code if it is
// unknown.
func (l Language) Country(code string) string {
	if name, ok := formats[l].Countries[code]; ok {
		return name
	}
	return code
}

// Number formats a number with all its digits.
func (l Language) Number(n float64) string {
	f := formats[l]
	text := strconv.FormatFloat(n, 'f', -1, 64)
	sign := ""
	if text[0] == '-' {
		sign, text = "\u2212", text[1:]
	}
	whole, fraction, hasFraction := strings.Cut(text, ".")
	if len(whole) >= 3+f.MinGrouping {
		var groups []string
		for ; len(whole) > 3; whole = whole[:len(whole)-3] {
			groups = append(groups, whole[len(whole)-3:])
		}
		slices.Reverse(groups)
		whole += f.Group + strings.Join(groups, f.Group)
	}
	if hasFraction {
		whole += f.Decimal + fraction
	}
	return sign + whole
}

// FileSize formats a number of bytes in kilobytes or megabytes, rounded to two digits or to whole ones.
func (l Language) FileSize(bytes int64) string {
	n, prefix := float64(bytes)/1e3, "k"
	if n >= 999.5 {
		n, prefix = n/1e3, "M"
	}
	scale := 1.0
	if n < 9.95 {
		scale = 10
	}
	unit, ok := bytesUnits[l]
	if !ok {
		unit = "B"
	}
	return l.Number(max(math.Round(n*scale), 1)/scale) + "\u00a0" + prefix + unit
}

// bytesUnits are the symbols of the byte that are not B.
var bytesUnits = map[Language]string{"fi": "t", "fr": "o"}

// Date formats a day.
func (l Language) Date(t time.Time) string { return formats[l].format(formats[l].Date, t) }

// Month formats a month with its year.
func (l Language) Month(t time.Time) string { return formats[l].format(formats[l].Month, t) }

// format fills a pattern of CLDR: y, d, MMMM and LLLL, and text between apostrophes.
func (f figures) format(pattern string, t time.Time) string {
	var b strings.Builder
	for i, part := range strings.Split(pattern, "'") {
		if i%2 == 1 {
			b.WriteString(part)
			continue
		}
		for part != "" {
			n := 1 // bytes of the field: those that are equal to the first one
			for n < len(part) && part[n] == part[0] {
				n++
			}
			b.WriteString(f.field(part[:n], t))
			part = part[n:]
		}
	}
	return b.String()
}

// field returns the value of a field of a pattern, or other text as it is.
func (f figures) field(name string, t time.Time) string {
	switch name {
	case "y":
		return strconv.Itoa(t.Year())
	case "MMMM":
		return f.MonthsInDates[t.Month()-1]
	case "LLLL":
		return f.Months[t.Month()-1]
	case "d":
		return strconv.Itoa(t.Day())
	}
	return name
}
