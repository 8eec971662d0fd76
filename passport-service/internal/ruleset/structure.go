package ruleset

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

// Limits of what is stored, beside those of the catalogue.
const (
	maxText      = 10_000 // characters
	maxItems     = 1_000  // of an array, or texts by language
	maxDigits    = 15     // significant ones: a double holds them all
	minMagnitude = 1e-9
	maxMagnitude = 1e15
	maxDetails   = 1_000 // that are reported
)

// CheckStructure says what the catalogue finds wrong with each single field of
// data, which stands at /data in its body: unknown members, JSON types, allowed
// values, bounds; and what is too large to be kept. Data is one valid JSON
// value. What a passport lacks, and what one field says of another, is nothing
// of it.
func (rs *RuleSet) CheckStructure(data wire.Value) []fault.Detail {
	c := checker{dec: jsontext.NewDecoder(bytes.NewReader(data))}
	c.object(rs.root)
	return c.details
}

type checker struct {
	dec     *jsontext.Decoder
	details []fault.Detail
}

// add reports what is wrong with the value that was read last.
func (c *checker) add(code, format string, args ...any) {
	c.addAt(c.dec.StackPointer(), code, format, args...)
}

func (c *checker) addAt(at jsontext.Pointer, code, format string, args ...any) {
	if len(c.details) < maxDetails {
		c.details = append(c.details, fault.Detail{Path: "/data" + string(at), Code: code, Message: fmt.Sprintf(format, args...)})
	}
}

// read reads a token. The data is known to be valid.
func (c *checker) read() jsontext.Token {
	t, err := c.dec.ReadToken()
	if err != nil {
		panic(fmt.Sprintf("ruleset: data was not checked: %v", err))
	}
	return t
}

func (c *checker) skip() {
	if err := c.dec.SkipValue(); err != nil {
		panic(fmt.Sprintf("ruleset: data was not checked: %v", err))
	}
}

// expect tells whether a value of the kind comes; another is passed over.
func (c *checker) expect(kind jsontext.Kind, what string) bool {
	got := c.dec.PeekKind()
	if got == kind || kind == 't' && got == 'f' {
		return true
	}
	c.skip()
	c.add("type", "has to be %s, and is %s", what, kinds[got])
	return false
}

var kinds = map[jsontext.Kind]string{
	'n': "null", 't': "a boolean", 'f': "a boolean", '"': "a text", '0': "a number", '{': "an object", '[': "an array",
}

func (c *checker) value(n *node) {
	a := n.attribute
	if a == nil {
		c.object(n)
		return
	}
	switch a.Type {
	case String:
		c.text(a)
	case Number, Integer:
		c.number(a)
	case Boolean:
		if c.expect('t', "true or false") {
			c.read()
		}
	case Object:
		c.object(n)
	case Objects:
		c.array(func() { c.object(n) })
	case Strings:
		c.array(func() { c.text(a) })
	case Languages:
		c.languages(a)
	}
}

func (c *checker) object(n *node) {
	if !c.expect('{', "an object") {
		return
	}
	for c.read(); c.dec.PeekKind() != '}'; {
		if member := n.members[c.read().String()]; member != nil {
			c.value(member)
		} else {
			c.skip()
			c.add("unknownField", "is not in the catalogue")
		}
	}
	c.read()
}

func (c *checker) array(item func()) {
	if !c.expect('[', "an array") {
		return
	}
	c.read()
	count := 0
	for ; c.dec.PeekKind() != ']'; count++ {
		item()
	}
	c.read()
	if count > maxItems {
		c.add("range", "has %d items, and may have %d", count, maxItems)
	}
}

func (c *checker) text(a *Attribute) {
	if !c.expect('"', "a text") {
		return
	}
	text := c.read().String()
	if n := utf8.RuneCountInString(text); n > maxText {
		c.add("range", "has %d characters, and may have %d", n, maxText)
		return
	}
	if a.AllowedValues == nil {
		return
	}
	for _, allowed := range a.AllowedValues {
		if text == allowed {
			return
		}
	}
	c.add("enum", "is %s, and has to be one of %s", strconv.Quote(text), strings.Join(a.AllowedValues, ", "))
}

func (c *checker) languages(a *Attribute) {
	if !c.expect('{', "an object of texts by language") {
		return
	}
	count := 0
	for c.read(); c.dec.PeekKind() != '}'; count++ {
		key := c.read().String()
		if strings.ContainsAny(key, ".\x00") || strings.HasPrefix(key, "$") {
			c.add("format", "a name may not hold a dot or NUL, nor begin with $")
		}
		c.text(a)
	}
	c.read()
	if count > maxItems {
		c.add("range", "has %d members, and may have %d", count, maxItems)
	}
}

func (c *checker) number(a *Attribute) {
	if !c.expect('0', "a number") {
		return
	}
	literal := c.read().String()
	value, err := strconv.ParseFloat(literal, 64)
	magnitude := math.Abs(value)
	digits := significant(literal)
	switch {
	case err != nil || magnitude > maxMagnitude || digits > 0 && magnitude < minMagnitude:
		c.add("range", "has to be 0, or of a magnitude from 1e-9 to 1e15")
		return
	case digits > maxDigits:
		c.add("range", "has %d significant digits, and may have %d", digits, maxDigits)
		return
	case a.Type == Integer && value != math.Trunc(value):
		c.add("type", "has to be a whole number, and is %v", value)
		return
	}
	unit := ""
	if a.Unit != "" {
		unit = " " + a.Unit
	}
	if a.Minimum != nil && value < *a.Minimum {
		c.add("range", "is %v%s, and has to be at least %v", value, unit, *a.Minimum)
	}
	if a.ExclusiveMinimum != nil && value <= *a.ExclusiveMinimum {
		c.add("range", "is %v%s, and has to be above %v", value, unit, *a.ExclusiveMinimum)
	}
	if a.Maximum != nil && value > *a.Maximum {
		c.add("range", "is %v%s, and has to be at most %v", value, unit, *a.Maximum)
	}
}

// significant counts the significant digits of a JSON number, 0 for zero.
func significant(literal string) int {
	mantissa, _, _ := strings.Cut(strings.ToLower(literal), "e")
	digits := strings.ReplaceAll(strings.TrimPrefix(mantissa, "-"), ".", "")
	return len(strings.Trim(digits, "0"))
}
