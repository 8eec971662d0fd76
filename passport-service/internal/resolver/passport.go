package resolver

import (
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/labels"
	"github.com/battery-passport/suite/passport-service/internal/locale"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// sources are the attributes with addresses of documents, by link type. The title of a link is
// the name of its attribute.
var sources = []struct{ linkType, path string }{
	{CertificationInfo, "labelsAndConformity.euDeclarationOfConformity.documentUrl"},
	{Instructions, "circularity.instructionsForUseUrl"},
	{RecyclingInfo, "circularity.endOfLifeInformation.collectionAndTreatmentUrl"},
	{RecyclingInfo, "circularity.endOfLifeInformation.separateCollectionUrl"},
	{RecyclingInfo, "circularity.endOfLifeInformation.wastePreventionUrl"},
	{SafetyInfo, "circularity.endOfLifeInformation.safetyInstructionsUrl"},
	{Sustainability, "carbonFootprint.declarationUrl"},
	{Sustainability, "carbonFootprint.studyUrl"},
	{Sustainability, "supplyChainDueDiligence.reportUrl"},
}

// Passport is a published passport for a linkset.
type Passport struct {
	Anchor   string            // the identifier of the battery
	Document *ruleset.Document // its public part
	Page     string            // address of the page
	Data     string            // address of the public part as JSON
	Model    string            // address of the model; empty: none
}

// NewSet returns the linkset of a passport, with the links of its model. Titles of links are in
// English, as in other resolvers.
func NewSet(p Passport) Set {
	languages := pageLanguages()
	e := Entry{Anchor: p.Anchor, Description: p.Document.Text(modelName), Links: []Typed{
		{DPP, Link{Href: p.Page, Title: "Battery passport", Type: HTML, Languages: languages}},
		{DPP, Link{Href: p.Data, Title: "Battery passport as JSON", Type: JSON}},
		{DPP, Link{Href: p.Page, Title: "Battery passport as JSON-LD", Type: JSONLD}},
		{ProductInfo, Link{Href: p.Page, Title: "Battery passport", Type: HTML, Languages: languages}},
		{SafetyInfo, Link{Href: p.Page + "?view=safety", Title: "Safety card", Type: HTML, Languages: languages}},
	}}
	e.Links = append(e.Links, documentLinks(p.Document)...)
	if p.Model == "" {
		return Set{e}
	}
	return Set{e, Model{p.Model, p.Document}.Entry()}
}

func pageLanguages() (languages []string) {
	for _, l := range locale.Languages() {
		languages = append(languages, string(l))
	}
	return languages
}

// documentLinks returns the links to the documents of a battery, which are those of its
// model.
func documentLinks(d *ruleset.Document) (links []Typed) {
	names := labels.In(locale.English)
	for _, source := range sources {
		if href := d.Text(source.path); strings.HasPrefix(strings.ToLower(href), "https://") {
			links = append(links, Typed{source.linkType, Link{Href: href, Title: names.Name(source.path), Field: source.path}})
		}
	}
	return links
}
