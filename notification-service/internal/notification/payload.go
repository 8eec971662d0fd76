package notification

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

const (
	maxPayload = 64 << 10 // bytes
	maxID      = 200      // characters
	maxValue   = 120      // characters of a value in a message
)

var eventTypes = regexp.MustCompile(`^[a-z][A-Za-z]{0,39}(\.[a-z][A-Za-z]{0,39}){1,3}$`)

// payload holds the members of an event. It is untrusted input.
type payload map[string]wire.Value

// subjectKeys maps the first part of an event type to the member with the id of the subject.
var subjectKeys = map[string]string{"passport": "passportId", "document": "docId", "user": "userId", "organisation": "organisationId"}

// Members with the id of the owner of the subject, and of the user who acted.
var (
	ownerKeys = []string{"createdBy", "uploadedBy"}
	actorKeys = []string{"publishedBy", "updatedBy", "deletedBy"}
)

// importKey is the member with the id of an import. The events of the passports of the import
// contain it, too.
const importKey = "importId"

// subjectKey returns the member with the id of the subject, or an empty string for an unknown
// event type.
func subjectKey(eventType string) string {
	if eventType == (event.PassportImportFinished{}).Topic() {
		return importKey
	}
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
	if !eventTypes.MatchString(e.Type) {
		details = append(details, fault.Detail{Path: "type", Code: "format", Message: "must be words separated by dots, such as passport.created"})
	}
	for _, key := range slices.Concat(ownerKeys, actorKeys, []string{"organisation"}) {
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
	case key == "", !required && (!ok || v.Kind() == 'n' || string(v) == `""`):
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

// first returns the first of the members that is set.
func (p payload) first(keys []string) string {
	for _, key := range keys {
		if value := p.string(key); value != "" {
			return value
		}
	}
	return ""
}

// templateData is the data of a template: the payload and the current time.
type templateData struct {
	payload
	at    time.Time
	dates DateStyle
}

const missing = "N/A"

// Text returns a member in quotation marks, or N/A if it is missing or empty. The elements of
// an array are separated by commas.
func (p payload) Text(key string) string { return p.quoted(key, missing) }

// Actor is Text for the user who acted. If the member is missing, it returns System.
func (p payload) Actor(key string) string { return p.quoted(key, "System") }

// Fields is Text for names of attributes, as JSON pointers.
func (p payload) Fields(key string) string {
	var names []string
	if v := p[key]; v == nil || wire.Unmarshal(v, &names) != nil || len(names) == 0 {
		return p.Text(key)
	}
	for i, name := range names {
		names[i] = "/" + strings.ReplaceAll(name, ".", "/")
	}
	return quote(strings.Join(names, ", "))
}

// Has reports whether a member is set.
func (p payload) Has(key string) bool { return p[key] != nil }

// True reports whether a member is true.
func (p payload) True(key string) bool { return p[key].Kind() == 't' }

// Empty reports whether a member is an array without elements.
func (p payload) Empty(key string) bool {
	return p[key].Kind() == '[' && plainText(p[key]) == ""
}

func (p payload) quoted(key, fallback string) string {
	if text := plainText(p[key]); oneLine(text) != "" {
		return quote(text)
	}
	return fallback
}

// Number returns a member that is a whole number.
func (p payload) Number(key string) string {
	if n, err := strconv.ParseInt(string(p[key]), 10, 64); err == nil {
		return strconv.FormatInt(n, 10)
	}
	return missing
}

// Megabytes returns a number of bytes in MiB, labelled MB as in the original.
func (p payload) Megabytes(key string) string {
	n, err := strconv.ParseFloat(string(p[key]), 64)
	if err != nil || n < 0 || n > 1<<60 {
		return missing
	}
	return fmt.Sprintf("%.2f MB", n/(1<<20))
}

// Now returns the current time.
func (d templateData) Now() string { return d.dates.Format(d.at) }
