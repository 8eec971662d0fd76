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

// payload holds the members of an event. It is untrusted input.
type payload map[string]wire.Value

// subjectKeys maps the first part of an event type to the member with the id of the subject.
var subjectKeys = map[string]string{"passport": "passportId", "document": "docId", "user": "userId"}

// Members with the id of the owner of the subject, and of the user who acted.
var (
	ownerKeys = []string{"createdBy", "uploadedBy"}
	actorKeys = []string{"publishedBy", "updatedBy", "deletedBy"}
)

// subjectKey returns the member with the id of the subject, or an empty string for an unknown
// event type.
func subjectKey(eventType string) string {
	noun, _, _ := strings.Cut(eventType, ".")
	return subjectKeys[noun]
}

// parsePayload returns the payload of an event. It fails with fault.Malformed or
// fault.Invalid.
func parsePayload(e event.Envelope) (payload, error) {
	if len(e.Data) > maxPayload {
		return nil, fault.New(fault.Invalid, "the payload must not be larger than %d bytes, got %d", maxPayload, len(e.Data))
	}
	if err := wire.Check(e.Data); err != nil {
		return nil, err
	}
	if e.Data.Kind() != '{' {
		return nil, fault.New(fault.Invalid, "the payload must be a JSON object")
	}
	var p payload
	if err := wire.Unmarshal(e.Data, &p); err != nil {
		return nil, fault.New(fault.Malformed, "the payload cannot be parsed").Because(err)
	}
	details := p.checkID(subjectKey(e.Type), true)
	for _, key := range slices.Concat(ownerKeys, actorKeys) {
		details = append(details, p.checkID(key, false)...)
	}
	if e.Time.Year() < 2000 || e.Time.Year() > 9999 {
		details = append(details, fault.Detail{Path: "time", Code: "range", Message: "must be in the years 2000 to 9999"})
	}
	if details != nil {
		return nil, fault.New(fault.Invalid, "the event is not valid").With(details...)
	}
	return p, nil
}

// checkID reports an error in a member with an id.
func (p payload) checkID(key string, required bool) []fault.Detail {
	v, ok := p[key]
	id := p.string(key)
	switch {
	case key == "", !required && (!ok || v.Kind() == 'n'):
		return nil
	case !ok:
		return []fault.Detail{{Path: "/" + key, Code: "required", Message: "is missing"}}
	case id == "" || utf8.RuneCountInString(id) > maxID || hasControl(id):
		return []fault.Detail{{Path: "/" + key, Code: "format", Message: "must be a string of 1 to 200 characters without control characters"}}
	}
	return nil
}

// string returns a member that is a string, and an empty string for any other.
func (p payload) string(key string) string {
	var s string
	if v := p[key]; v != nil && v.Kind() == '"' && wire.Unmarshal(v, &s) == nil {
		return s
	}
	return ""
}

// templateData is the data of a template: the payload and the current time.
type templateData struct {
	payload
	at time.Time
}

const missing = "N/A"

// Text returns a member on one line, or N/A if it is missing or empty. The elements of an
// array are separated by commas.
func (p payload) Text(key string) string { return p.Or(key, missing) }

// Actor is Text for the user who acted. If the member is missing, it returns System.
func (p payload) Actor(key string) string { return p.Or(key, "System") }

// Empty reports whether a member is an array without elements.
func (p payload) Empty(key string) bool {
	return p[key].Kind() == '[' && plainText(p[key]) == ""
}

// Or is Text with another fallback.
func (p payload) Or(key, fallback string) string {
	if text := oneLine(plainText(p[key])); text != "" {
		return text
	}
	return fallback
}

// Megabytes returns a number of bytes in MiB, labelled MB as in the original.
func (p payload) Megabytes(key string) string {
	n, err := strconv.ParseFloat(string(p[key]), 64)
	if err != nil || n < 0 {
		return missing
	}
	return fmt.Sprintf("%.2f MB", n/(1<<20))
}

// Now returns the current time as LocaleTime.
func (d templateData) Now() string { return d.at.UTC().Format(LocaleTime) }

// LocaleTime is the time format of the original service. Times are in UTC.
const LocaleTime = "1/2/2006, 3:04:05 PM"

// plainText returns a JSON value as text for people.
func plainText(v wire.Value) string {
	switch {
	case v == nil || v.Kind() == 'n':
		return ""
	case v.Kind() == '"':
		var s string
		_ = wire.Unmarshal(v, &s) // v is valid JSON
		return s
	case v.Kind() == '[':
		var elements []wire.Value
		_ = wire.Unmarshal(v, &elements) // v is valid JSON
		texts := make([]string, len(elements))
		for i, e := range elements {
			texts[i] = plainText(e)
		}
		return strings.Join(texts, ", ")
	}
	return string(v)
}

// oneLine makes an untrusted value safe to show: it replaces line breaks and other control
// characters, removes characters that change the direction of text, and limits the length.
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
