package exchange

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/exchange/table"
	"github.com/battery-passport/suite/passport-service/internal/format"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

// Recognise returns a detail that names the format of a body, if the body is a document of
// another data model instead of a passport.
func (s *Service) Recognise(body wire.Value) (detail fault.Detail, ok bool) {
	if token, isEnvelope, err := tokenIn(body); isEnvelope && err == nil {
		body, _ = payloadOf(token) // without one, it is not recognised
	}
	var document map[string]any
	if json.Unmarshal(body, &document) != nil || document["data"] != nil {
		return detail, false
	}
	_, rules := s.Passports.RuleSets()
	for _, model := range rules.Formats {
		if f := s.Formats[model.Name]; f != nil && f.Recognises(document) {
			return fault.Detail{Code: "format", Message: fmt.Sprintf("this looks like %s; send it to /api/passports/import?format=%s", model.Title, model.Name)}, true
		}
	}
	return detail, false
}

// ExplainIdentifier returns where documents of a format have the identifier of the battery, and which other format a
// document without it may have. It continues a sentence.
func (s *Service) ExplainIdentifier(name string, document []byte) (text string) {
	_, rules := s.Passports.RuleSets()
	model := rules.Format(name)
	a, _ := rules.Attribute(table.IdentifierPath)
	separator := "; " + model.Title + " has it at "
	for _, target := range format.Targets(&a, model.Mapping) {
		path, _, _ := strings.Cut(strings.TrimLeft(target, "-+"), " |")
		text, separator = text+separator+path, " or "
	}
	switch other, ok := s.Recognise(document); {
	case ok && !strings.HasSuffix(other.Message, "="+name):
		text += "; " + other.Message
	case model.Aspects:
		text += "; send all aspects of a battery together, as an object with a member for each"
	}
	return text
}

// Explain adds the detail of Recognise to an error about a body.
func (s *Service) Explain(body wire.Value, err error) error {
	var f *fault.Error
	if errors.As(err, &f) && f.Kind == fault.Invalid {
		if detail, ok := s.Recognise(body); ok {
			return f.With(detail)
		}
	}
	return err
}
