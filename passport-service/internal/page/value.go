package page

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/locale"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// text is a value as the page shows it.
type text struct {
	Text string
	Link string // https or mailto; empty: none
	Lang string // BCP 47, of text that people wrote in a known language
}

// show formats a value that is neither an object nor an array.
func (t texts) show(v ruleset.Value, a *ruleset.Attribute) text {
	switch number, isNumber := v.Number(); {
	case v.True():
		return text{Text: t.T("yes")}
	case v.False():
		return text{Text: t.T("no")}
	case isNumber:
		return text{Text: t.quantity(number, a)}
	}
	s, _ := v.AnyText()
	return t.showText(s, a)
}

// quantity formats a number with its unit. A year has no separators.
func (t texts) quantity(number float64, a *ruleset.Attribute) string {
	if a.Type == ruleset.Integer && a.Unit == "" && strings.HasSuffix(a.Path, "Year") {
		return strconv.FormatFloat(number, 'f', 0, 64)
	}
	if unit := t.Unit(a.Unit); unit != "" {
		return t.Number(number) + "\u00a0" + unit
	}
	return t.Number(number)
}

var (
	isDate     = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)
	isMonth    = regexp.MustCompile(`^\d{4}-\d{2}$`)
	isTime     = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}`)
	isDuration = regexp.MustCompile(`^P(?:(\d{1,6})Y)?(?:(\d{1,6})M)?(?:(\d{1,6})W)?(?:(\d{1,6})D)?$`)
	isHTTPS    = regexp.MustCompile(`^(?i:https)://`)
	isEmail    = regexp.MustCompile(`^[^\s@<>"]+@[^\s@<>"]+$`)
)

// showText formats a string by the format that the catalogue describes.
func (t texts) showText(s string, a *ruleset.Attribute) text {
	is := func(format string) bool { return strings.Contains(a.Format, format) }
	switch {
	case len(a.AllowedValues) > 0:
		return text{Text: t.Value(a.Path, s)}
	case a.NamedAfter[s] != "":
		return text{Text: t.Name(a.NamedAfter[s])}
	case is("country code"):
		return text{Text: t.Country(s)}
	case is("language tag"):
		return text{Text: autonym(s)}
	case is("https UR") && isHTTPS.MatchString(s):
		return text{Text: shortURL(s), Link: s}
	case is("email address") && isEmail.MatchString(s):
		return text{Text: s, Link: "mailto:" + s}
	case is("YYYY") || is("RFC 3339"):
		return text{Text: t.showTime(s)}
	case is("duration"):
		return text{Text: t.showDuration(s)}
	}
	return text{Text: s}
}

// showTime formats a month, a day or a moment; moments in UTC.
func (t texts) showTime(s string) string {
	switch {
	case isMonth.MatchString(s):
		if month, err := time.Parse("2006-01", s); err == nil {
			return t.Month(month)
		}
	case isDate.MatchString(s):
		if day, err := time.Parse(time.DateOnly, s); err == nil {
			return t.Date(day)
		}
	case isTime.MatchString(s):
		if moment, err := ruleset.ParseTime(s); err == nil {
			return t.Date(moment.UTC()) + ", " + moment.UTC().Format("15:04") + " UTC"
		}
	}
	return s
}

// showDuration formats an ISO 8601 duration of years, months, weeks and days.
func (t texts) showDuration(s string) string {
	parts := isDuration.FindStringSubmatch(s)
	if parts == nil || s == "P" {
		return s
	}
	number := func(i int) int { n, _ := strconv.Atoi(parts[i]); return n }
	months, days := 12*number(1)+number(2), 7*number(3)+number(4)
	var words []string
	if months%12 == 0 && months > 0 {
		words = append(words, t.count("years", months/12))
	} else if months > 0 {
		words = append(words, t.count("months", months))
	}
	if days > 0 || months == 0 {
		words = append(words, t.count("days", days))
	}
	return strings.Join(words, " ")
}

// autonym returns the name of an official language of the EU in that language.
func autonym(tag string) string {
	if l, ok := locale.Parse(tag); ok && strings.EqualFold(string(l), tag) {
		return l.Autonym()
	}
	return tag
}

// shortURL returns the host and the last segment of the path.
func shortURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return s
	}
	path := strings.TrimSuffix(u.Path, "/")
	if i := strings.LastIndexByte(path, '/'); i > 0 {
		path = "/…" + path[i:]
	}
	return u.Host + path
}
