package resolver

import (
	"github.com/battery-passport/suite/passport-service/internal/labels"
	"github.com/battery-passport/suite/passport-service/internal/locale"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// property is a field of the passport as a PropertyValue of schema.org.
type property struct {
	Type  string `json:"@type"`
	ID    string `json:"propertyID"`
	Name  string `json:"name"`
	Value any    `json:"value"`
	Unit  string `json:"unitText,omitempty"`
}

// LinkedData returns a passport as JSON-LD with the terms of schema.org and GS1. Every field is
// an additionalProperty with its path.
func LinkedData(d *ruleset.Document, identifier, page string) map[string]any {
	const general = "generalInformation."
	every := func(*ruleset.Attribute) bool { return true }
	product := map[string]any{
		"@context": []any{"https://schema.org", map[string]string{"gs1": vocabulary}},
		"@type":    []string{"IndividualProduct", "gs1:Product"},
		"@id":      identifier, "url": page, "gs1:dpp": map[string]string{"@id": page}, "hasDigitalProductPassport": page,
		"additionalProperty": properties(d, every),
	}
	for term, path := range map[string]string{
		"name": modelName, "model": modelID, "gtin": gtin, "category": category,
		"serialNumber": general + "batterySerialNumber", "productionDate": general + "manufacturingDate",
	} {
		if value := d.Text(path); value != "" {
			product[term] = value
		}
	}
	if name := d.Text(manufacturer); name != "" {
		product["manufacturer"] = map[string]string{"@type": "Organization", "name": name}
	}
	if mass, ok := d.First(general + "batteryMass").Number(); ok {
		product["weight"] = map[string]any{"@type": "QuantitativeValue", "value": mass, "unitCode": "KGM"}
	}
	return product
}

// properties returns the fields of a document that keep selects.
func properties(d *ruleset.Document, keep func(*ruleset.Attribute) bool) (list []property) {
	names := labels.In(locale.English)
	for v := range d.Values() {
		a := v.Attribute()
		if a == nil || v.IsObject() || v.IsArray() || !keep(a) {
			continue
		}
		p := property{Type: "PropertyValue", ID: v.Path(), Name: names.Name(a.Path), Unit: names.Unit(a.Unit)}
		if number, ok := v.Number(); ok {
			p.Value = number
		} else if text, ok := v.AnyText(); ok {
			p.Value = text
		} else {
			p.Value = v.True()
		}
		list = append(list, p)
	}
	return list
}
