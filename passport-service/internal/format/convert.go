package format

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// converter converts values in both directions. An error says why a value has no counterpart.
type converter struct{ encode, decode func(any) (any, error) }

func same(v any) (any, error) { return v, nil }

// converters are the converters of the catalogue by name. The text after the name is their argument.
var converters = map[string]func(argument string) (converter, error){
	"":            func(string) (converter, error) { return converter{same, same}, nil },
	"values":      newValues,
	"scale":       newScale,
	"timestamp":   newTimestamp,
	"gMonth":      func(string) (converter, error) { return converter{texts(toGMonth), texts(fromGMonth)}, nil },
	"country":     func(string) (converter, error) { return converter{same, texts(countryCode)}, nil },
	"passportId":  func(string) (converter, error) { return converter{same, texts(passportID)}, nil },
	"integer":     func(string) (converter, error) { return converter{toInteger, same}, nil },
	"date":        newDate,
	"duration":    newDuration,
	"match":       newMatch,
	"range":       newRange,
	"anyLanguage": func(string) (converter, error) { return converter{undetermined, anyLanguage}, nil },
	"join":        func(string) (converter, error) { return converter{join, split}, nil },
	"members":     newMembers,
	"except":      newExcept,
	"uuid":        func(string) (converter, error) { return converter{texts(urnUUID), texts(urnUUID)}, nil },
}

// newConverter returns a converter, or several that follow each other: "scale 3 | integer".
func newConverter(text string) (converter, error) {
	text, rest, more := strings.Cut(text, " | ")
	name, argument, _ := strings.Cut(text, " ")
	f := converters[name]
	if f == nil {
		return converter{}, fmt.Errorf("converter %q is unknown", name)
	}
	first, err := f(argument)
	if err != nil || !more {
		return first, err
	}
	second, err := newConverter(rest)
	return converter{then(first.encode, second.encode), then(second.decode, first.decode)}, err
}

func then(f, g func(any) (any, error)) func(any) (any, error) {
	return func(v any) (any, error) {
		v, err := f(v)
		if err != nil {
			return nil, err
		}
		return g(v)
	}
}

// texts returns a converter of strings.
func texts(f func(string) (string, error)) func(any) (any, error) {
	return func(v any) (any, error) {
		text, ok := v.(string)
		if !ok {
			return nil, errors.New("is not a string")
		}
		return f(text)
	}
}

// literal returns a value as it is written in the catalogue.
func literal(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool, json.Number:
		return fmt.Sprint(v)
	}
	return ""
}

// newValues converts single values: "original=Original, true=Yes". The first pair of a value is written,
// all are read.
func newValues(argument string) (converter, error) {
	there, back := map[string]any{}, map[string]any{}
	for _, pair := range pairs(argument) {
		ours, theirs, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok {
			return converter{}, fmt.Errorf("%q is not a pair of values", pair)
		}
		if _, ok := there[ours]; !ok {
			there[ours] = scalar(theirs)
		}
		if _, ok := back[theirs]; !ok {
			back[theirs] = scalar(ours)
		}
	}
	lookUp := func(values map[string]any) func(any) (any, error) {
		return func(v any) (any, error) {
			if found, ok := values[literal(v)]; ok {
				return found, nil
			}
			return nil, fmt.Errorf("%s has no counterpart", shorten(v))
		}
	}
	return converter{lookUp(there), lookUp(back)}, nil
}

// pairs splits pairs of values at commas. A comma may also be part of a value.
func pairs(argument string) (all []string) {
	for piece := range strings.SplitSeq(argument, ",") {
		if n := len(all); n > 0 && !strings.Contains(piece, "=") {
			all[n-1] += "," + piece
		} else {
			all = append(all, piece)
		}
	}
	return all
}

// scalar returns a boolean or a text of the catalogue.
func scalar(text string) any {
	if text == "true" || text == "false" {
		return text == "true"
	}
	return text
}

// newScale multiplies numbers by a power of ten: "3" writes kilo as units.
func newScale(argument string) (converter, error) {
	n, err := strconv.Atoi(argument)
	if err != nil {
		return converter{}, err
	}
	return converter{shift(n), shift(-n)}, nil
}

func shift(n int) func(any) (any, error) {
	return func(v any) (any, error) {
		number, ok := v.(json.Number)
		if !ok {
			return nil, errors.New("is not a number")
		}
		digits, exponent, _ := strings.Cut(strings.ToLower(string(number)), "e")
		e, err := strconv.Atoi(exponent)
		if err != nil && exponent != "" {
			return nil, errors.New("is too large")
		}
		f, err := strconv.ParseFloat(fmt.Sprint(digits, "e", e+n), 64)
		if err != nil {
			return nil, errors.New("is too large")
		}
		text, err := json.Marshal(f)
		return json.Number(text), err
	}
}

func toInteger(v any) (any, error) {
	if number, ok := v.(json.Number); ok {
		if f, err := number.Float64(); err == nil && f == float64(int64(f)) {
			return v, nil
		}
	}
	return nil, errors.New("is not an integer")
}

var isDate = regexp.MustCompile(`^\d{4}-\d\d(-\d\d)?$`)

// newTimestamp writes days and months as timestamps. It reads them as a "month", a "day" or, without a
// precision, as they are.
func newTimestamp(precision string) (converter, error) {
	length, ok := map[string]int{"month": 7, "day": 10, "": 1000}[precision]
	if !ok {
		return converter{}, fmt.Errorf("%q is neither month nor day", precision)
	}
	there := texts(func(text string) (string, error) {
		if isDate.MatchString(text) {
			text = (text + "-01")[:10] + "T00:00:00Z"
		}
		return text, nil
	})
	return converter{there, texts(func(text string) (string, error) { return text[:min(length, len(text))], nil })}, nil
}

var monthsOnly = regexp.MustCompile(`^P(\d{1,4})M$`)

// toGMonth writes P6M as --06 (xsd:gMonth), which holds at most twelve months.
func toGMonth(text string) (string, error) {
	if m := monthsOnly.FindStringSubmatch(text); m != nil {
		if n, _ := strconv.Atoi(m[1]); n >= 1 && n <= 12 { // four digits
			return fmt.Sprintf("--%02d", n), nil
		}
	}
	return "", errors.New("the format holds 1 to 12 months (xsd:gMonth)")
}

func fromGMonth(text string) (string, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(text, "--"))
	if err != nil || n < 1 || n > 12 {
		return "", errors.New("is not a month (xsd:gMonth)")
	}
	return fmt.Sprintf("P%dM", n), nil
}

var isPassportID = regexp.MustCompile(`^(?i:urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|https://\S+)$`)

// passportID reads the identifiers of passports that the catalogue allows.
func passportID(text string) (string, error) {
	if !isPassportID.MatchString(text) {
		return "", errors.New("is neither a urn:uuid nor an https URI; the service sets a new one")
	}
	return text, nil
}

// countryCode reads English names of countries and their codes (ISO 3166).
func countryCode(text string) (string, error) {
	if code, ok := countries[strings.ToLower(text)]; ok {
		return code, nil
	}
	return text, nil
}

var countries = newCountries()

func newCountries() map[string]string {
	codes, names := map[string]string{}, display.English.Regions()
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			if r, err := language.ParseRegion(string([]rune{a, b})); err == nil && r.IsCountry() && r.Canonicalize() == r {
				codes[strings.ToLower(names.Name(r))] = r.String()
			}
		}
	}
	return codes
}
