// Package format converts passports to and from other data models. The catalogue defines which
// fields correspond to each other; this package contains the converters.
package format

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// Loss is a value that the other data model cannot hold unchanged.
type Loss struct {
	Path string `json:"path" doc:"JSON Pointer of the value in the source"`
	Why  string `json:"why" doc:"what happens to it"`
}

// Header describes a version of a passport, in addition to its data.
type Header struct {
	Status    string    // active, inactive, archived or invalid (EN 18223); empty for a draft
	UpdatedAt time.Time // zero: unknown
}

// Format converts passports to and from a data model. It is safe for concurrent use.
type Format interface {
	// Encode converts the data of a passport, as JSON. A value that Decode would not return
	// unchanged is a loss.
	Encode(data []byte, header Header) (document []byte, losses []Loss, err error)
	// Split returns a document for each passport in a document. Items of arrays that belong to other passports are null
	// in it, so that pointers into it are pointers into the document. It fails with fault.Malformed or fault.TooLarge.
	Split(document []byte) ([][]byte, error)
	// Decode converts a document of Split to the data of passports. A value that Encode would
	// not return unchanged is a loss. It fails with fault.Malformed if the document cannot be
	// converted.
	Decode(document []byte) (data [][]byte, losses []Loss, err error)
	// Missing returns the members that the data model requires and a document of Encode does not
	// have, because the passport does not have the value. Their paths are those of the catalogue: JSON Pointers into the
	// document, or into the tree of the names of its elements.
	Missing(document []byte) []Loss
	// Recognises reports whether parsed JSON looks like a document of the data model.
	Recognises(document any) bool
}

// Registry contains formats by name.
type Registry map[string]Format

// Model converts trees of JSON values. It is safe for concurrent use.
type Model interface {
	// Encode converts the data of a passport. It does not change data.
	Encode(data any, header Header) (document any, why Reasons)
	// Decode converts a document. It does not change document.
	Decode(document any) (data any, why Reasons)
}

// adaptive is a Model with settings that depend on the document.
type adaptive interface {
	// For returns the model for a document.
	For(document any) Model
}

// divisible is a Model whose documents may have several passports.
type divisible interface {
	// Parts returns the documents of Format.Split. It does not change document.
	Parts(document any) []any
}

// viewed is a Model whose paths are those of a tree, which its documents have in another form.
type viewed interface {
	// Tree returns the tree of a document. It does not change document.
	Tree(document any) any
}

// Reasons are the explanations of values that were not converted, by their JSON Pointer. The
// pointers into the data of a passport start with /data.
type Reasons map[string]string

// New returns the format of a model. It converts each result back to find the losses.
func New(m Model, about *ruleset.DataModel) (Format, error) {
	required, err := parseRequirements(about)
	marks, err2 := parseMarks(about)
	return modelFormat{m, required, marks}, errors.Join(err, err2)
}

type modelFormat struct {
	Model
	required []requirement
	marks    [][]step
}

// Missing implements Format.
func (f modelFormat) Missing(document []byte) []Loss {
	theirs, err := parse(document)
	if err != nil {
		return nil
	}
	if v, ok := f.Model.(viewed); ok {
		theirs = v.Tree(theirs)
	}
	return missing(theirs, f.required)
}

// Recognises implements Format.
func (f modelFormat) Recognises(document any) bool {
	return slices.ContainsFunc(f.marks, func(mark []step) bool { return len(find(document, mark)) > 0 })
}

// Encode implements Format.
func (f modelFormat) Encode(data []byte, header Header) ([]byte, []Loss, error) {
	ours, err := parse(data)
	if err != nil {
		return nil, nil, err
	}
	theirs, why := f.Model.Encode(ours, header)
	back, _ := f.Model.Decode(theirs)
	losses := compare(ours, back, "/data", why, true, math.MaxInt)
	document, err := json.Marshal(theirs)
	return document, losses, err
}

// Split implements Format.
func (f modelFormat) Split(document []byte) ([][]byte, error) {
	d, ok := f.Model.(divisible)
	if !ok {
		return [][]byte{document}, nil
	}
	theirs, err := parse(document)
	if err != nil {
		return nil, err
	}
	if _, items := count(theirs); items > maxItems { // Parts needs memory for each pair of items
		return nil, errItems(items)
	}
	parts := d.Parts(theirs)
	if len(parts) < 2 {
		return [][]byte{document}, nil
	}
	return marshalParts(parts)
}

// Decode implements Format.
func (f modelFormat) Decode(document []byte) ([][]byte, []Loss, error) {
	theirs, err := parse(document)
	if err == nil {
		err = checkSize(theirs)
	}
	if err != nil {
		return nil, nil, err
	}
	m := f.Model
	if a, ok := m.(adaptive); ok {
		m = a.For(theirs)
	}
	ours, why := m.Decode(theirs)
	back, _ := m.Encode(ours, Header{})
	data, err := json.Marshal(ours)
	return [][]byte{data}, compare(theirs, back, "", why, false, maxLosses), err
}
