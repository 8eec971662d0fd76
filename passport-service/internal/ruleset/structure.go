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
	var details []fault.Detail
	for _, v := range rs.Read(data).wrong {
		details = append(details, fault.Detail{Path: v.Path, Code: v.Code, Message: v.Message})
	}
	return details
}

// Read reads data, which is one valid JSON value, and marks the values whose
// structure is wrong.
func (rs *RuleSet) Read(data wire.Value) *Document {
	d := &Document{Rules: rs, text: string(data), values: make([]value, 1, 1+len(data)/16), first: make([]int32, len(rs.at))}
	r := reader{d, jsontext.NewDecoder(bytes.NewBuffer(data), jsontext.AllowDuplicateNames(true)), make([]int32, len(rs.at))}
	r.value(0, rs.root)
	return d
}

// reader reads the values of a document, and checks each.
type reader struct {
	doc  *Document
	dec  *jsontext.Decoder
	last []int32 // by the id of a place: the last value there
}

// report notes what is wrong with a value.
func (r reader) report(at int32, code, format string, args ...any) {
	r.doc.values[at].marked = true
	if len(r.doc.wrong) < maxDetails {
		v := Value{r.doc, at}
		r.doc.wrong = append(r.doc.wrong, Violation{Path: v.Path(), Code: code, Message: fmt.Sprintf(format, args...), Attribute: v.Attribute(), Order: v.Order()})
	}
}

// must panics where the data is not what was promised.
func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("ruleset: data was not checked: %v", err))
	}
	return v
}

// add adds a value below another.
func (r reader) add(parent int32, p *place, name string, index int32) int32 {
	d, at := r.doc, int32(len(r.doc.values))
	d.values = append(d.values, value{place: p, name: name, index: index, parent: parent})
	if up := &d.values[parent]; up.down == 0 {
		up.down, up.last = at, at
	} else {
		d.values[up.last].next, up.last = at, at
	}
	return at
}

// index makes a value the last at its place.
func (r reader) index(at int32, p *place) {
	if last := r.last[p.id]; last != 0 {
		r.doc.values[last].same = at
	} else {
		r.doc.first[p.id] = at
	}
	r.last[p.id] = at
}

// scalar reads a value that is none of objects and arrays, or passes one over.
func (r reader) scalar(at int32) {
	raw := must(r.dec.ReadValue())
	end := r.dec.InputOffset()
	v := &r.doc.values[at]
	v.kind, v.start, v.end = raw.Kind(), int32(end)-int32(len(raw)), int32(end)
}

// expect reads the beginning of a value of a kind; another is passed over.
func (r reader) expect(at int32, kind jsontext.Kind, what string) bool {
	got := r.dec.PeekKind()
	if got == kind || kind == 't' && got == 'f' {
		if kind == '{' || kind == '[' {
			must(r.dec.ReadToken())
			r.doc.values[at].kind, r.doc.values[at].start = kind, int32(r.dec.InputOffset())-1
		} else {
			r.scalar(at)
		}
		return true
	}
	r.scalar(at)
	r.report(at, "type", "has to be %s, and is %s", what, kinds[got])
	return false
}

// end reads the end of an object or an array.
func (r reader) end(at int32) {
	must(r.dec.ReadToken())
	r.doc.values[at].end = int32(r.dec.InputOffset())
}

var kinds = map[jsontext.Kind]string{
	'n': "null", 't': "a boolean", 'f': "a boolean", '"': "a text", '0': "a number", '{': "an object", '[': "an array",
}

func (r reader) value(at int32, p *place) {
	r.doc.values[at].place = p
	r.index(at, p)
	a := p.attribute
	if a == nil {
		r.object(at, p)
		return
	}
	switch a.Type {
	case String:
		r.text(at, a)
	case Number, Integer:
		r.number(at, a)
	case Boolean:
		r.expect(at, 't', "true or false")
	case Object:
		r.object(at, p)
	case Objects:
		r.array(at, func(item int32) { r.object(item, p) })
	case Strings:
		r.array(at, func(item int32) { r.text(item, a) })
	case Languages:
		r.languages(at, a)
	}
}

func (r reader) object(at int32, p *place) {
	if !r.expect(at, '{', "an object") {
		return
	}
	for r.dec.PeekKind() != '}' {
		raw := must(r.dec.ReadValue())
		member := p.members[string(raw[1:len(raw)-1])]
		if member == nil && bytes.IndexByte(raw, '\\') > 0 {
			member = p.members[unquote(string(raw))]
		}
		if member != nil {
			r.value(r.add(at, member, member.name, 0), member)
			continue
		}
		unknown := r.add(at, nil, unquote(string(raw)), 0)
		r.scalar(unknown)
		r.report(unknown, "unknownField", "is not in the catalogue")
	}
	r.end(at)
}

// array reads the items of an array. Those that are too many are not looked at:
// a body has room for 300,000.
func (r reader) array(at int32, read func(item int32)) {
	if !r.expect(at, '[', "an array") {
		return
	}
	count := int32(0)
	for ; r.dec.PeekKind() != ']'; count++ {
		if count >= maxItems {
			must(r.dec.ReadValue())
			continue
		}
		read(r.add(at, r.doc.values[at].place, "", count))
	}
	r.end(at)
	if count > maxItems {
		r.report(at, "range", "has %d items, and may have %d", count, maxItems)
	}
}

func (r reader) text(at int32, a *Attribute) {
	if !r.expect(at, '"', "a text") {
		return
	}
	text, _ := Value{r.doc, at}.Text()
	if n := utf8.RuneCountInString(text); n > maxText {
		r.report(at, "range", "has %d characters, and may have %d", n, maxText)
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
	r.report(at, "enum", "is %s, and has to be one of %s", strconv.Quote(text), strings.Join(a.AllowedValues, ", "))
}

func (r reader) languages(at int32, a *Attribute) {
	if !r.expect(at, '{', "an object of texts by language") {
		return
	}
	count := 0
	for ; r.dec.PeekKind() != '}'; count++ {
		key := unquote(string(must(r.dec.ReadValue())))
		text := r.add(at, r.doc.values[at].place, key, 0)
		if strings.ContainsAny(key, ".\x00") || strings.HasPrefix(key, "$") {
			r.text(text, a)
			r.report(text, "format", "a name may not hold a dot or NUL, nor begin with $")
			continue
		}
		r.text(text, a)
	}
	r.end(at)
	if count > maxItems {
		r.report(at, "range", "has %d members, and may have %d", count, maxItems)
	}
}

func (r reader) number(at int32, a *Attribute) {
	if !r.expect(at, '0', "a number") {
		return
	}
	literal := Value{r.doc, at}.raw()
	value, err := strconv.ParseFloat(literal, 64)
	r.doc.values[at].number = value
	magnitude := math.Abs(value)
	digits := significant(literal)
	switch {
	case err != nil || magnitude > maxMagnitude || digits > 0 && magnitude < minMagnitude:
		r.report(at, "range", "has to be 0, or of a magnitude from 1e-9 to 1e15")
		return
	case digits > maxDigits:
		r.report(at, "range", "has %d significant digits, and may have %d", digits, maxDigits)
		return
	case a.Type == Integer && value != math.Trunc(value):
		r.report(at, "type", "has to be a whole number, and is %v", value)
		return
	}
	if a.Minimum != nil && value < *a.Minimum {
		r.report(at, "range", "is %s, and has to be at least %v", a.measure(value), *a.Minimum)
	}
	if a.ExclusiveMin != nil && value <= *a.ExclusiveMin {
		r.report(at, "range", "is %s, and has to be above %v", a.measure(value), *a.ExclusiveMin)
	}
	if a.Maximum != nil && value > *a.Maximum {
		r.report(at, "range", "is %s, and has to be at most %v", a.measure(value), *a.Maximum)
	}
}

// measure is a number with its unit.
func (a *Attribute) measure(value float64) string {
	return strings.TrimSpace(strconv.FormatFloat(value, 'g', -1, 64) + " " + a.Unit)
}

// significant counts the significant digits of a JSON number, 0 for zero.
func significant(literal string) (n int) {
	zeros := 0 // that count if another digit follows
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
