// Package page renders passports as HTML for people, in the 24 official languages of the EU.
// Pages contain no script and request nothing from other hosts. The catalogue of the rule set
// defines the fields of a page.
package page

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"slices"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/locale"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// Reader is the group of the reader of a page. It grants no access: the document contains only
// the readable part.
type Reader string

// The readers.
const (
	Public             Reader = "public"
	Owner              Reader = "owner" // and admins
	LegitimateInterest Reader = "legitimateInterest"
	Authority          Reader = "authority"
)

// State is the state of a passport, as in package passport. Pages show a mark for published and
// archived passports only.
type State string

// The states with a mark.
const (
	Active   State = "active"
	Archived State = "archived"
)

// Passport is a passport for a reader.
type Passport struct {
	Document   *ruleset.Document // the part for the reader
	DataURL    string            // of the public part as JSON
	Reader     Reader
	State      State
	QR         []byte // code of the battery as SVG; empty: none
	HasFiles   bool   // the page has a list of files
	Files      []File
	FilesError bool // the files are unknown at the moment
}

// File is a document that belongs to a passport.
type File struct {
	Name, Kind, Description, URL string
	Size                         int64 // bytes
}

// CSP is the Content-Security-Policy of pages: their own style and pictures in the page,
// nothing else.
var CSP = "default-src 'none'; style-src 'sha256-" + digest(style) + "'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// frame contains the parts that all pages share.
type frame struct {
	texts
	Title string
	Query string // of the address, without the language
	JSON  string // address of the data; empty: none
}

// passportPage is the page of a passport.
type passportPage struct {
	frame
	Passport
	Maker, Model      string
	Kind              string // category and, if it is not the original one, status
	Tiles             []tile
	Symbols           []symbol
	Agents            []string
	Returns, Contacts []row
	Charts            []chart
	Sections          []section
	Hidden            []hidden
	Identifiers       []row
}

// tile is a fact that the page shows in large letters.
type tile struct{ Label, Value string }

// hidden is a part of the passport that the reader may not read.
type hidden struct{ What, ForWhom string }

// Paths of the catalogue that the beginning of the page shows.
const (
	modelName        = "generalInformation.batteryModel.modelName"
	modelID          = "generalInformation.batteryModel.id"
	gtin             = "generalInformation.batteryModel.gtin"
	manufacturer     = "generalInformation.manufacturerInformation.manufacturerName"
	category         = "generalInformation.batteryCategory"
	status           = "generalInformation.batteryStatus"
	agents           = "labelsAndConformity.extinguishingAgents[].agent"
	endOfLife        = "circularity.endOfLifeInformation"
	manufacturerInfo = "generalInformation.manufacturerInformation"
	operatorInfo     = "generalInformation.economicOperatorInformation"
)

// identifiers are the fields of the last part of the page.
var identifiers = []string{
	"generalInformation.batteryIdentifier", "generalInformation.batterySerialNumber", "generalInformation.batchIdentifier", modelID, gtin,
	"generalInformation.batteryPassportIdentifier", manufacturerInfo + ".manufacturerIdentifier", operatorInfo + ".operatorIdentifier",
}

// Render returns the page of a passport.
func Render(l locale.Language, p Passport) ([]byte, error) {
	return execute(l, "passport.html", newPassportPage(l, p))
}

// RenderSafetyCard returns a page with the facts that fire brigades and dismantlers need.
func RenderSafetyCard(l locale.Language, p Passport) ([]byte, error) {
	page := newPassportPage(l, p)
	page.Query = "view=safety"
	return execute(l, "safety.html", safetyPage{page, page.safetyRows()})
}

func newPassportPage(l locale.Language, p Passport) passportPage {
	t, d := textsIn(l), p.Document
	page := passportPage{
		Passport: p, Maker: d.Text(manufacturer), Model: firstText(d, modelName, modelID), Kind: t.kind(d),
		Tiles: t.tiles(d), Symbols: t.symbols(d), Charts: t.charts(d), Sections: t.sections(d), Hidden: t.hidden(p.Reader),
		Returns: t.rowsAt(d, endOfLife), Contacts: t.contacts(d),
	}
	for v := range d.All(agents) {
		if agent, ok := v.AnyText(); ok && !slices.Contains(page.Agents, agent) {
			page.Agents = append(page.Agents, agent)
		}
	}
	for _, path := range identifiers {
		if v := d.First(path); v.Exists() {
			page.Identifiers = append(page.Identifiers, row{t.Name(path), t.values(v.Field(), v)})
		}
	}
	if page.Model == "" {
		page.Model = t.T("batteryPassport")
	}
	page.frame = frame{texts: t, Title: page.Model + " – " + t.T("batteryPassport"), JSON: p.DataURL}
	return page
}

// kind returns the category of a battery and, if the reader may know and it is not the
// original one, its status.
func (t texts) kind(d *ruleset.Document) string {
	words := []string{t.Value(category, d.Text(category))}
	if s := d.Text(status); s != "" && s != "original" {
		words = append(words, t.Value(status, s))
	}
	return strings.Join(words, " · ")
}

func firstText(d *ruleset.Document, paths ...string) string {
	for _, path := range paths {
		if s := d.Text(path); s != "" {
			return s
		}
	}
	return ""
}

// tiles returns the six facts at the top of the page and, if the document has it, the state of
// health.
func (t texts) tiles(d *ruleset.Document) (tiles []tile) {
	add := func(message string, required bool, paths ...string) {
		for _, path := range paths {
			if v := d.First(path); v.Exists() {
				tiles = append(tiles, tile{t.T(message), t.show(v, v.Attribute()).Text})
				return
			}
		}
		if required {
			tiles = append(tiles, tile{t.T(message), t.T("notStated")})
		}
	}
	add("energy", true, "performanceAndDurability.ratedEnergyKwh", "performanceAndDurability.certifiedUsableEnergyKwh")
	add("capacity", true, "performanceAndDurability.ratedCapacityAh")
	add("chemistry", true, "materialComposition.batteryChemistry", "materialComposition.batteryChemistryName")
	add("weight", true, "generalInformation.batteryMass")
	add("manufactured", true, "generalInformation.manufacturingDate")
	add("warranty", true, "generalInformation.warrantyPeriod")
	add("health", false, "batteryCondition.stateOfHealth.stateOfCertifiedEnergyPercent", "batteryCondition.stateOfHealth.stateOfHealthPercent")
	return tiles
}

// rowsAt returns the members of the object at a path.
func (t texts) rowsAt(d *ruleset.Document, path string) []row {
	if v := d.First(path); v.IsObject() {
		return t.members("", v.Field(), v)
	}
	return nil
}

// contacts returns the contact data of the manufacturer, or of the responsible operator if the
// manufacturer gives no contact.
func (t texts) contacts(d *ruleset.Document) (rows []row) {
	for _, object := range []string{manufacturerInfo, operatorInfo} {
		for _, member := range []string{"emailAddress", "webAddress"} {
			if v := d.First(object + "." + member); v.Exists() {
				rows = append(rows, row{t.Name(object + "." + member), []text{t.show(v, v.Attribute())}})
			}
		}
		if len(rows) > 0 {
			return rows
		}
	}
	return nil
}

// hidden returns the parts that a reader may not read (Article 77(2)).
func (t texts) hidden(r Reader) (parts []hidden) {
	add := func(what, forWhom string) { parts = append(parts, hidden{t.T(what), t.T(forWhom)}) }
	if r == Public {
		add("hiddenComposition", "forBoth")
	}
	if r == Public || r == Authority {
		add("hiddenCondition", "forLegitimateInterest")
	}
	if r == Public || r == LegitimateInterest {
		add("hiddenReports", "forAuthorities")
	}
	return parts
}

// KindOf returns the name of the kind of a file. Unknown kinds are named like the kind other.
func (p passportPage) KindOf(f File) string { return cmp.Or(p.T("kind."+f.Kind), p.T("kind.other")) }

// Code is the QR code for the template. It is our own SVG.
func (p passportPage) Code() template.HTML { return template.HTML(p.QR) }

// ShownAs returns the name of the group whose part of the passport a signed-in reader sees, or
// "" for the public.
func (p passportPage) ShownAs() string {
	switch p.Reader {
	case Owner:
		return p.T("readerOwner")
	case LegitimateInterest:
		return p.T("readerLegitimateInterest")
	case Authority:
		return p.T("readerAuthority")
	}
	return ""
}
