package notification

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

const (
	maxPayload = 64 << 10 // bytes
	maxID      = 200      // characters
	maxValue   = 200      // characters of a value in a message
)

// payload is what an event says, as it came. Anybody may have written it.
type payload map[string]wire.Value

// subjectKeys are the members that say what an event is about, by the noun that
// its type begins with.
var subjectKeys = map[string]string{"passport": "passportId", "document": "docId", "user": "userId"}

// Members that say whose the subject is, and who did something to it.
var (
	ownerKeys = []string{"createdBy", "uploadedBy"}
	actorKeys = []string{"publishedBy", "updatedBy", "deletedBy"}
)

// subjectKey is the member of the payload that says what an event is about,
// empty where that is not known.
func subjectKey(eventType string) string {
	noun, _, _ := strings.Cut(eventType, ".")
	return subjectKeys[noun]
}

// read returns the payload of an event, or fails with fault.Malformed or
// fault.Invalid.
func read(e event.Envelope) (payload, error) {
	if len(e.Data) > maxPayload {
		return nil, fault.New(fault.Invalid, "the payload has %d bytes, %d are possible", len(e.Data), maxPayload)
	}
	if err := wire.Check(e.Data); err != nil {
		return nil, err
	}
	if e.Data.Kind() != '{' {
		return nil, fault.New(fault.Invalid, "the payload is no JSON object")
	}
	var p payload
	if err := wire.Unmarshal(e.Data, &p); err != nil {
		return nil, fault.New(fault.Malformed, "the payload cannot be read").Because(err)
	}
	details := p.checkID(subjectKey(e.Type), true)
	for _, key := range slices.Concat(ownerKeys, actorKeys) {
		details = append(details, p.checkID(key, false)...)
	}
	if e.Time.Year() < 2000 || e.Time.Year() > 9999 {
		details = append(details, fault.Detail{Path: "time", Code: "range", Message: "is no time in the years 2000 to 9999"})
	}
	if details != nil {
		return nil, fault.New(fault.Invalid, "the event is not valid").With(details...)
	}
	return p, nil
}

// checkID says what is wrong with a member that names somebody or something.
func (p payload) checkID(key string, required bool) []fault.Detail {
	v, ok := p[key]
	id := p.string(key)
	switch {
	case key == "", !required && (!ok || v.Kind() == 'n'):
		return nil
	case !ok:
		return []fault.Detail{{Path: "/" + key, Code: "required", Message: "is missing"}}
	case id == "" || utf8.RuneCountInString(id) > maxID || hasControl(id):
		return []fault.Detail{{Path: "/" + key, Code: "format", Message: "is no id: a text of 1 to 200 characters, none of them a control character"}}
	}
	return nil
}

// string returns a member that is a string, and nothing for any other.
func (p payload) string(key string) string {
	var s string
	if v := p[key]; v != nil && v.Kind() == '"' && wire.Unmarshal(v, &s) == nil {
		return s
	}
	return ""
}

// values is what a template is given: the payload and the time.
type values struct {
	payload
	at time.Time
}

const missing = "N/A"

// Text returns a member on one line: N/A where it is missing or empty, the
// elements of an array with commas between.
func (p payload) Text(key string) string { return p.Or(key, missing) }

// Actor is Text for who did it, and the system where that is not told.
func (p payload) Actor(key string) string { return p.Or(key, "System") }

// Empty tells whether a member is an array without elements.
func (p payload) Empty(key string) bool {
	return p[key].Kind() == '[' && plain(p[key]) == ""
}

// Or is Text with another word for what is missing.
func (p payload) Or(key, otherwise string) string {
	if text := oneLine(plain(p[key])); text != "" {
		return text
	}
	return otherwise
}

// Megabytes returns a number of bytes in MB.
func (p payload) Megabytes(key string) string {
	n, err := strconv.ParseFloat(string(p[key]), 64)
	if err != nil || n < 0 {
		return missing
	}
	return fmt.Sprintf("%.2f MB", n/(1<<20))
}

// Now is the time in the form of the original.
func (v values) Now() string { return v.at.UTC().Format(LocaleTime) }

// LocaleTime is how the original writes a time for people. It is UTC here.
const LocaleTime = "1/2/2006, 3:04:05 PM"

// plain returns JSON as a person would write it.
func plain(v wire.Value) string {
	switch {
	case v == nil || v.Kind() == 'n':
		return ""
	case v.Kind() == '"':
		var s string
		_ = wire.Unmarshal(v, &s) // it was checked
		return s
	case v.Kind() == '[':
		var elements []wire.Value
		_ = wire.Unmarshal(v, &elements) // as above
		texts := make([]string, len(elements))
		for i, e := range elements {
			texts[i] = plain(e)
		}
		return strings.Join(texts, ", ")
	}
	return string(v)
}

// oneLine keeps a value from being more than a value: it has no line of its
// own, no control characters, none that turn the direction of the text, and an
// end.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r) || r == '\u2028' || r == '\u2029':
			return ' '
		case unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, text)
	if utf8.RuneCountInString(text) > maxValue {
		text = string([]rune(text)[:maxValue-1]) + "…"
	}
	return strings.TrimSpace(text)
}
