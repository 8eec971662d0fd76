package passport

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

// maxData is the size of data, in bytes, that patches may add up to. It is the
// most a body may have.
const maxData = 1 << 20

// maxReason is how long a reason may be, in characters.
const maxReason = 1_000

// submission is the body of a write: data or a patch of it, and the reason.
type submission struct {
	data    *ruleset.Document // nil: there is none
	patch   wire.Value        // nil: there is none
	reason  string
	details []fault.Detail // errors found so far
}

func (s *submission) wrong(path, code, message string) {
	s.details = append(s.details, fault.Detail{Path: path, Code: code, Message: message})
}

// parseBody reads a body with data, which is one valid JSON value, in one pass.
// It reports what is wrong apart from the data, and that data is missing.
func parseBody(body wire.Value, rules *ruleset.RuleSet) (submission, error) {
	var s submission
	text := string(body)
	err := s.parse(body, func(dec *jsontext.Decoder) error {
		s.data = rules.ParseNext(dec, text)
		return nil
	})
	if s.data == nil && body.Kind() == '{' {
		s.details = slices.Insert(s.details, 0, fault.Detail{Path: "/data", Code: "required", Message: "is missing"})
	}
	return s, err
}

// parsePatch is parseBody for a body with a patch of the data, which may be
// missing.
func parsePatch(body wire.Value) (s submission, err error) {
	return s, s.parse(body, func(dec *jsontext.Decoder) (err error) {
		s.patch, err = dec.ReadValue()
		s.patch = s.patch.Clone()
		return err
	})
}

func (s *submission) parse(body wire.Value, data func(*jsontext.Decoder) error) error {
	dec := jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true))
	if dec.PeekKind() != '{' {
		s.wrong("", "type", "has to be an object with the member data")
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
			s.readReason(value)
		default:
			err = dec.SkipValue()
			s.wrong("/"+name, "unknownField", "is not written here; what a passport holds is in data")
		}
	}
	slices.SortFunc(s.details, func(a, b fault.Detail) int { return strings.Compare(a.Path, b.Path) })
	return err
}

func (s *submission) readReason(v wire.Value) {
	switch err := wire.Unmarshal(v, &s.reason); {
	case err != nil:
		s.wrong("/reason", "type", "has to be a text")
	case strings.TrimSpace(s.reason) == "":
		s.wrong("/reason", "required", "is empty")
	case utf8.RuneCountInString(s.reason) > maxReason:
		s.wrong("/reason", "range", fmt.Sprintf("may have %d characters", maxReason))
	}
}

// accept puts the data of a write into its canonical form, or fails with
// fault.Invalid and everything that is wrong with it and with its body.
func accept(data *ruleset.Document, details []fault.Detail) error {
	if data != nil {
		details = append(details, data.Details()...)
	}
	if len(details) > 0 {
		return fault.New(fault.Invalid, "the passport was not stored: the errors name what is wrong, %d in all", len(details)).With(details...)
	}
	if len(data.Canonicalize()) > maxData {
		return fault.New(fault.TooLarge, "the data would be larger than %d bytes", maxData)
	}
	return nil
}
