package passport

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/readable"
	"github.com/battery-passport/suite/pkg/wire"
)

// maxData limits the data of a passport, in bytes: patches must not add up to more
// than a request body may contain.
const maxData = 1 << 20

// maxReason limits the reason of a change, in characters.
const maxReason = 1_000

// submission is the parsed body of a write.
type submission struct {
	data    *ruleset.Document // nil if the body has no data
	patch   wire.Value        // merge patch of the data; nil if the body has none
	reason  string
	details []fault.Detail // errors outside the data
	// readOnly are the members that the service sets, and that must not differ from those
	// of the stored passport.
	readOnly map[string]wire.Value
}

// newDetail returns a detail. Its message begins with the name of the field.
func newDetail(path, code, message string) fault.Detail {
	return fault.Detail{Path: path, Code: code, Message: ruleset.FieldName(path) + " " + message}
}

func (s *submission) addDetail(path, code, message string) {
	s.details = append(s.details, newDetail(path, code, message))
}

// parseBody parses the body of a create or replace, which must be valid JSON, in one
// pass. Details contains the errors outside the data, including missing data.
func parseBody(body wire.Value, rules *ruleset.RuleSet) (submission, error) {
	var s submission
	text := string(body)
	err := s.parse(body, func(dec *jsontext.Decoder) error {
		s.data = rules.ParseNext(dec, text)
		return nil
	})
	if s.data == nil && body.Kind() == '{' {
		s.details = slices.Insert(s.details, 0, newDetail("/data", "required", "is missing"))
	}
	return s, err
}

// parsePatch parses the body of a patch, in which data is optional.
func parsePatch(body wire.Value) (s submission, err error) {
	return s, s.parse(body, func(dec *jsontext.Decoder) (err error) {
		s.patch, err = dec.ReadValue()
		s.patch = s.patch.Clone()
		return err
	})
}

// parseRow is parseBody for a row of an import, which may be an exported passport: the members
// that the service sets are ignored.
func parseRow(row wire.Value, rules *ruleset.RuleSet) (submission, error) {
	sub, err := parseBody(row, rules)
	sub.readOnly = nil
	return sub, err
}

func (s *submission) parse(body wire.Value, data func(*jsontext.Decoder) error) error {
	dec := jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true))
	if dec.PeekKind() != '{' {
		s.details = []fault.Detail{{Code: "type", Message: "the body must be an object with the member data"}}
		return nil
	}
	_, err := dec.ReadToken()
	for err == nil && dec.PeekKind() == '"' {
		var token jsontext.Token
		if token, err = dec.ReadToken(); err != nil {
			break
		}
		var value wire.Value
		switch name := token.String(); name {
		case "data":
			err = data(dec)
		case "reason":
			value, err = dec.ReadValue()
			s.parseReason(value)
		default:
			if _, ok := readOnly[name]; ok {
				if value, err = dec.ReadValue(); err == nil {
					s.addReadOnly(name, value)
				}
				continue
			}
			err = dec.SkipValue()
			s.addDetail(string(jsontext.Pointer("").AppendToken(name)), "unknownField", "is unknown; the body may contain data and reason")
		}
	}
	slices.SortFunc(s.details, func(a, b fault.Detail) int { return strings.Compare(a.Path, b.Path) })
	return err
}

func (s *submission) parseReason(v wire.Value) {
	if v.Kind() != '"' || wire.Unmarshal(v, &s.reason) != nil {
		s.addDetail("/reason", "type", fmt.Sprintf("must be a string, got %.40s", v))
		return
	}
	s.checkReason()
}

// ParseReason parses the body of an operation that needs a reason only. It fails with
// fault.Invalid, listing all errors.
func ParseReason(body wire.Value) (string, error) {
	var s submission
	var members map[string]wire.Value
	if wire.Unmarshal(body, &members) != nil || members == nil {
		return "", fault.New(fault.Invalid, "the body is not valid").With(fault.Detail{Code: "type", Message: `the body must be an object: {"reason": "…"}`})
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if name != "reason" {
			s.addDetail(string(jsontext.Pointer("").AppendToken(name)), "unknownField", "is unknown; the body may contain reason")
		}
	}
	if reason, ok := members["reason"]; ok {
		s.parseReason(reason)
	} else {
		s.addDetail("/reason", "required", `is missing: send {"reason": "…"}`)
	}
	if len(s.details) > 0 {
		return "", fault.New(fault.Invalid, "the reason is not valid").With(s.details...)
	}
	return s.reason, nil
}

func (s *submission) checkReason() {
	switch {
	case readable.IsBlank(s.reason):
		s.addDetail("/reason", "required", "must not be blank")
	case ruleset.ControlCharacter(s.reason) >= 0:
		s.addDetail("/reason", "format", fmt.Sprintf("must not have control characters, got U+%04X", ruleset.ControlCharacter(s.reason)))
	case utf8.RuneCountInString(s.reason) > maxReason:
		s.addDetail("/reason", "range", fmt.Sprintf("must have at most %d characters", maxReason))
	}
}

// canonicalize puts the data of a write into canonical form. It fails with
// fault.Invalid, listing all errors of the body and the data, and with
// fault.TooLarge.
func canonicalize(data *ruleset.Document, details []fault.Detail) error {
	if data != nil {
		details = append(details, data.Details()...)
	}
	if len(details) > 0 {
		return fault.New(fault.Invalid, "the passport was not stored (errors: %d)", len(details)).With(details...)
	}
	if len(data.Canonicalize()) > maxData {
		return fault.New(fault.TooLarge, "the data must not be larger than %d bytes", maxData)
	}
	return nil
}
