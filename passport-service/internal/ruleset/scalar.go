package ruleset

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// describeWrong describes a value that is not of the expected kind.
func describeWrong(v Value, want jsontext.Kind) string {
	switch got := v.node().kind; got {
	case '0':
		if f := v.Field(); want == '"' && f != nil && f.Attribute.AllowedValues == nil && (f.Pattern == nil || f.Pattern.MatchString(v.Raw())) {
			return fmt.Sprintf("the number %.40s: write it in quotation marks", v.Raw())
		}
		return fmt.Sprintf("the number %.40s", v.Raw())
	case '"':
		text, _ := v.AnyText()
		inner := jsontext.Value(text)
		if isWanted := inner.Kind() == want || want == 't' && inner.Kind() == 'f'; isWanted && want != '{' && want != '[' && inner.IsValid() {
			return fmt.Sprintf("%.100q: write it without quotation marks", text)
		}
		return fmt.Sprintf("the string %.100q", text)
	default:
		return kinds[got]
	}
}

// text reads the string of an attribute, or of an item or a language of it.
func (p parser) text(id int32, a *Attribute) {
	want := "a string"
	if a.Type == String && (a.Pattern != "" || a.AllowedValues != nil) {
		want = a.Expected()
	}
	if !p.expect(id, '"', want) {
		return
	}
	text, _ := Value{p.doc, id}.Text()
	if n := utf8.RuneCountInString(text); n > maxText {
		p.report(id, "range", "must have at most %d characters, got %d", maxText, n)
		return
	}
	if a.AllowedValues == nil || slices.Contains(a.AllowedValues, text) {
		return
	}
	allowed, ok := a.canonical(text)
	if !ok {
		p.report(id, "enum", "must be %s, got %q", OneOf(a.AllowedValues), text)
		return
	}
	n := &p.doc.nodes[id]
	n.start = int32(len(p.doc.text))
	p.doc.text += quote(allowed)
	n.end = int32(len(p.doc.text))
}

// canonical returns the allowed value that a text means.
func (a *Attribute) canonical(text string) (string, bool) {
	for _, allowed := range a.AllowedValues {
		if strings.EqualFold(allowed, text) {
			return allowed, true
		}
	}
	for spelling, allowed := range a.Spellings {
		if strings.EqualFold(spelling, text) {
			return allowed, true
		}
	}
	return "", false
}

func (p parser) localized(id int32, a *Attribute) {
	if !p.expect(id, '{', a.typeName()) {
		return
	}
	count, seen := 0, map[string]string{}
	for ; p.dec.PeekKind() != '}'; count++ {
		key := unquote(string(must(p.dec.ReadValue())))
		text := p.doc.add(id, p.doc.nodes[id].field, key, 0)
		p.text(text, a)
		if strings.ContainsAny(key, ".\x00") || strings.HasPrefix(key, "$") {
			p.report(text, "format", "must have a language code as its name: a dot, a NUL and a leading $ are not allowed")
		}
		if first, ok := seen[strings.ToLower(key)]; ok {
			p.report(text, "duplicate", "is the same language as %.100q: language tags ignore the case of letters", first)
		}
		seen[strings.ToLower(key)] = key
	}
	p.end(id)
	if count > maxItems {
		p.report(id, "range", "must have at most %d languages, got %d", maxItems, count)
	}
}

func (p parser) number(id int32, a *Attribute) {
	if !p.expect(id, '0', a.typeName()) {
		return
	}
	literal := Value{p.doc, id}.Raw()
	value, err := strconv.ParseFloat(literal, 64)
	p.doc.nodes[id].number = value
	magnitude := math.Abs(value)
	digits := significantDigits(literal)
	switch {
	case err != nil || magnitude > maxMagnitude || digits > 0 && magnitude < minMagnitude:
		p.report(id, "range", "must be 0 or have a magnitude from 1e-9 to 1e15, got %.24s", literal)
		return
	case digits > maxDigits:
		p.report(id, "range", "must have at most %d significant digits, got %d", maxDigits, digits)
		return
	case a.Type == Integer && value != math.Trunc(value):
		p.report(id, "type", "must be an integer, got %s", a.Quantity(value))
		return
	}
	if a.Minimum != nil && value < *a.Minimum {
		p.report(id, "range", "must be at least %s, got %s", formatNumber(*a.Minimum), a.Quantity(value))
	}
	if a.ExclusiveMin != nil && value <= *a.ExclusiveMin {
		p.report(id, "range", "must be greater than %s, got %s", formatNumber(*a.ExclusiveMin), a.Quantity(value))
	}
	if a.Maximum != nil && value > *a.Maximum {
		p.report(id, "range", "must be at most %s, got %s", formatNumber(*a.Maximum), a.Quantity(value))
	}
}

// significantDigits counts the significant digits of a JSON number, 0 for zero.
func significantDigits(literal string) (n int) {
	zeros := 0 // they count if another digit follows
	for _, c := range []byte(literal) {
		switch {
		case c == 'e' || c == 'E':
			return n
		case c == '0' && n > 0:
			zeros++
		case '1' <= c && c <= '9':
			n += zeros + 1
			zeros = 0
		}
	}
	return n
}
