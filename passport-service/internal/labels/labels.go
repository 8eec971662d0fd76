// Package labels contains the names of sections, attributes, values and units of the rule sets
// in the 24 official languages of the EU.
package labels

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/locale"
)

//go:embed text/*.json
var files embed.FS

// Source is the origin of a label.
type Source string

// The sources.
const (
	Law Source = "law" // a noun phrase that was found in Regulation (EU) 2023/1542 in the language
	Own Source = "own" // written for this project, or not compared with the Regulation
	EU  Source = "eu"  // the semantic repository of the EU, which is not published yet
)

// Label is the name of a section or attribute.
type Label struct {
	Text   string `json:"text"`
	Source Source `json:"source"`
}

// Labels are the texts in one language.
type Labels struct {
	About    string                       `json:"about"`    // the language, who made the texts, and who reviewed them
	Sections map[string]Label             `json:"sections"` // by name
	Shared   map[string]Label             `json:"shared"`   // of attributes in several objects, by the last name of their path
	Names    map[string]Label             `json:"labels"`   // of other attributes, by path
	Values   map[string]map[string]string `json:"values"`   // of attributes with allowed values, by the last name of their path
	Units    map[string]string            `json:"units"`    // that have words
}

var byLanguage = mustLoad()

func mustLoad() map[locale.Language]*Labels {
	all := map[locale.Language]*Labels{}
	entries, err := fs.ReadDir(files, "text")
	if err != nil {
		panic(fmt.Sprintf("labels: %v", err))
	}
	for _, entry := range entries {
		data, err := fs.ReadFile(files, "text/"+entry.Name())
		l := new(Labels)
		if err == nil {
			err = json.Unmarshal(data, l)
		}
		if err != nil {
			panic(fmt.Sprintf("labels: %s: %v", entry.Name(), err))
		}
		all[locale.Language(strings.TrimSuffix(entry.Name(), ".json"))] = l
	}
	return all
}

// In returns the labels in a language. They must not be changed.
func In(l locale.Language) *Labels { return byLanguage[l] }

// Section returns the label of a section.
func (l *Labels) Section(name string) string { return l.Sections[name].Text }

// Name returns the label of the attribute at a path of the catalogue.
func (l *Labels) Name(path string) string {
	if label, ok := l.Names[path]; ok {
		return label.Text
	}
	return l.Shared[lastName(path)].Text
}

// Value returns the label of a value of the attribute at a path, or the value itself if
// it has none.
func (l *Labels) Value(path, value string) string {
	if text, ok := l.Values[lastName(path)][value]; ok {
		return text
	}
	return value
}

// symbols are the units whose symbol differs from the unit in the catalogue. Those
// without a symbol are part of the label.
var symbols = map[string]string{
	"% of battery mass": "%", "% w/w": "%", "% of original rated capacity": "%", "kg CO2e": "kg CO₂e", "kg CO2e/kWh": "kg CO₂e/kWh", "1/h": "h⁻¹",
	"count": "", "cycles": "", "years": "", "equivalent full cycles": "",
}

// Unit returns the text after a value in a unit of the catalogue.
func (l *Labels) Unit(unit string) string {
	if text, ok := l.Units[unit]; ok {
		return text
	}
	if symbol, ok := symbols[unit]; ok {
		return symbol
	}
	return unit
}

func lastName(path string) string {
	path = strings.TrimSuffix(path, "[]")
	return path[strings.LastIndexByte(path, '.')+1:]
}
