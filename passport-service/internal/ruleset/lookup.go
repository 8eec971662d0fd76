package ruleset

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/battery-passport/suite/pkg/wire"
)

// Text returns the text at a path of the catalogue in data, or "" where there
// is none. The path leads through objects alone.
func Text(data wire.Value, path string) string {
	dec := jsontext.NewDecoder(bytes.NewReader(data))
	for step := range strings.SplitSeq(path, ".") {
		if !enter(dec, step) {
			return ""
		}
	}
	tok, err := dec.ReadToken()
	if err != nil || tok.Kind() != '"' {
		return ""
	}
	return tok.String()
}

// enter goes to the value of a member of the object that comes.
func enter(dec *jsontext.Decoder, member string) bool {
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '{' {
		return false
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return false
		}
		if name.String() == member {
			return true
		}
		if dec.SkipValue() != nil {
			return false
		}
	}
	return false
}
