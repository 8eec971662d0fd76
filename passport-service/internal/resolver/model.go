package resolver

import "github.com/battery-passport/suite/passport-service/internal/ruleset"

// Paths of the facts about a model.
const (
	manufacturer = "generalInformation.manufacturerInformation.manufacturerName"
	modelName    = "generalInformation.batteryModel.modelName"
	modelID      = "generalInformation.batteryModel.id"
	gtin         = "generalInformation.batteryModel.gtin"
	category     = "generalInformation.batteryCategory"
)

// Model is a battery model.
type Model struct {
	Address  string            // its GS1 Digital Link
	Document *ruleset.Document // public part of the passport of one of its batteries
}

// Facts are the JSON form of a model.
type Facts struct {
	Address      string `json:"url"`
	Manufacturer string `json:"manufacturerName,omitempty"`
	Name         string `json:"modelName,omitempty"`
	ID           string `json:"modelId,omitempty"`
	GTIN         string `json:"gtin,omitempty"`
	Category     string `json:"batteryCategory,omitempty"`
}

// Facts returns the attributes that identify the model.
func (m Model) Facts() Facts {
	text := m.Document.Text
	return Facts{m.Address, text(manufacturer), text(modelName), text(modelID), text(gtin), text(category)}
}

// LinkedData returns the model as JSON-LD with the terms of schema.org, and every field
// that all batteries of the model share as an additionalProperty.
func (m Model) LinkedData() map[string]any {
	model := map[string]any{
		"@context": "https://schema.org", "@type": "ProductModel", "@id": m.Address, "url": m.Address,
		"additionalProperty": properties(m.Document, func(a *ruleset.Attribute) bool { return a.Level == "model" }),
	}
	facts := m.Facts()
	for term, value := range map[string]string{"name": facts.Name, "model": facts.ID, "gtin": facts.GTIN, "category": facts.Category} {
		if value != "" {
			model[term] = value
		}
	}
	if facts.Manufacturer != "" {
		model["manufacturer"] = map[string]string{"@type": "Organization", "name": facts.Manufacturer}
	}
	return model
}

// Entry returns the links of the model.
func (m Model) Entry() Entry {
	languages := pageLanguages()
	e := Entry{Anchor: m.Address, IsModel: true, Description: m.Document.Text(modelName), Links: []Typed{
		{ProductInfo, Link{Href: m.Address, Title: "Battery model", Type: HTML, Languages: languages}},
		{ProductInfo, Link{Href: m.Address, Title: "Battery model as JSON", Type: JSON}},
		{ProductInfo, Link{Href: m.Address, Title: "Battery model as JSON-LD", Type: JSONLD}},
	}}
	e.Links = append(e.Links, documentLinks(m.Document)...)
	return e
}
