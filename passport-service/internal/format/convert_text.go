package format

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var isDay = regexp.MustCompile(`^\d{4}-\d\d-\d\d$`)

// newDate converts dates YYYY-MM-DD. With "month", a month is written as its first day, and the first day
// of a month is read as the month.
func newDate(precision string) (converter, error) {
	if precision != "" && precision != "month" {
		return converter{}, fmt.Errorf("%q is not month", precision)
	}
	day := func(text string) (string, error) {
		if !isDay.MatchString(text) {
			return "", errors.New("is not a date YYYY-MM-DD")
		}
		return text, nil
	}
	if precision == "" {
		return converter{texts(day), texts(day)}, nil
	}
	there := func(text string) (string, error) {
		if isDate.MatchString(text) && len(text) == len("2006-01") {
			text += "-01"
		}
		return day(text)
	}
	return converter{texts(there), texts(func(text string) (string, error) {
		text, err := there(text) // earlier releases wrote months
		return strings.TrimSuffix(text, "-01"), err
	})}, nil
}

// newDuration writes ISO 8601 durations of one unit (Y, M or D) as numbers.
func newDuration(unit string) (converter, error) {
	if len(unit) != 1 || !strings.Contains("YMD", unit) {
		return converter{}, fmt.Errorf("%q is not a unit of durations", unit)
	}
	form := regexp.MustCompile(`^P(0|[1-9]\d{0,4})` + unit + `$`)
	there := func(v any) (any, error) {
		text, _ := v.(string)
		if m := form.FindStringSubmatch(text); m != nil {
			return json.Number(m[1]), nil
		}
		return nil, errors.New("is not a duration of years, months or days alone")
	}
	return converter{there, func(v any) (any, error) {
		number, _ := v.(json.Number)
		f, err := number.Float64()
		if text := fmt.Sprintf("P%.0f%s", f, unit); err == nil && f == float64(int64(f)) && form.MatchString(text) {
			return text, nil
		}
		return nil, errors.New("is not a number of whole " + map[string]string{"Y": "years", "M": "months", "D": "days"}[unit])
	}}, nil
}

// newMatch writes only texts that match a regular expression.
func newMatch(expression string) (converter, error) {
	form, err := regexp.Compile(expression)
	return converter{texts(func(text string) (string, error) {
		if !form.MatchString(text) {
			return "", fmt.Errorf("the format allows only texts that match %s", form)
		}
		return text, nil
	}), same}, err
}

// newExcept writes all texts but those of a list.
func newExcept(argument string) (converter, error) {
	list := strings.Split(argument, ", ")
	return converter{texts(func(text string) (string, error) {
		if slices.Contains(list, text) {
			return "", errors.New("is in another field")
		}
		return text, nil
	}), same}, nil
}

// newRange writes only numbers of a range: "0 100", or "0" without an upper bound.
func newRange(argument string) (converter, error) {
	from, to, bounded := strings.Cut(argument, " ")
	least, err := strconv.ParseFloat(from, 64)
	most := least
	if bounded && err == nil {
		most, err = strconv.ParseFloat(to, 64)
	}
	return converter{func(v any) (any, error) {
		number, _ := v.(json.Number)
		if f, err := number.Float64(); err != nil || f < least || bounded && f > most {
			return nil, errors.New("the format allows only numbers from " + strings.Replace(argument, " ", " to ", 1))
		}
		return v, nil
	}, same}, err
}

// join writes a list of texts as one text, separated by commas.
func join(v any) (any, error) {
	items, _ := v.([]any)
	parts := make([]string, len(items))
	for i, item := range items {
		text, ok := item.(string)
		if !ok || text == "" || text != strings.TrimSpace(text) || strings.Contains(text, ",") {
			return nil, errors.New("an item is empty or has a comma, which separates the items")
		}
		parts[i] = text
	}
	if len(parts) == 0 {
		return nil, errors.New("is empty")
	}
	return strings.Join(parts, ", "), nil
}

func split(v any) (any, error) {
	text, ok := v.(string)
	if !ok {
		return nil, errors.New("is not a string")
	}
	if strings.Count(text, ",") >= maxItems {
		return nil, fmt.Errorf("has more than %d parts with commas between them", maxItems)
	}
	var items []any
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			items = append(items, part)
		}
	}
	return items, nil
}

// newMembers writes an object as a text of its members: "street, city" as "Hauptstr. 1, Bonn".
func newMembers(argument string) (converter, error) {
	names := strings.Split(argument, ", ")
	there := func(v any) (any, error) {
		object, _ := v.(map[string]any)
		parts := make([]any, len(names))
		for i, name := range names {
			parts[i] = object[name]
		}
		return join(parts)
	}
	return converter{there, func(v any) (any, error) {
		parts, err := split(v)
		items, _ := parts.([]any)
		if err != nil || len(items) != len(names) {
			return nil, fmt.Errorf("does not have %d parts with commas between them: %s", len(names), argument)
		}
		object := map[string]any{}
		for i, name := range names {
			object[name] = items[i]
		}
		return object, nil
	}}, nil
}

var isUUID = regexp.MustCompile(`^(?i:urn:uuid:)?([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$`)

// urnUUID returns a UUID as a lower-case urn:uuid. It refuses the nil UUID.
func urnUUID(text string) (string, error) {
	if m := isUUID.FindStringSubmatch(text); m != nil && strings.Trim(m[1], "0-") != "" {
		return "urn:uuid:" + strings.ToLower(m[1]), nil
	}
	return "", errors.New("is not a UUID, or is the nil UUID")
}
