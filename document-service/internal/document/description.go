package document

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/battery-passport/suite/pkg/fault"
)

// Kind is what a document is to a battery passport. Most are documents that
// Regulation (EU) 2023/1542 names.
type Kind string

// Kinds are all kinds. A document that is said to be none of the others is the
// last.
func Kinds() []Kind {
	return []Kind{
		"declaration-of-conformity", // Art. 18, Annex IX
		"test-report",               // Annex XIII point 3
		"carbon-footprint-study",    // Art. 7
		"due-diligence-report",      // Art. 52
		"dismantling-manual",        // Annex XIII point 2
		"safety-instructions",       // Annex XIII point 2
		"waste-information",         // Art. 74
		"state-of-health-report",    // Art. 14, Annex VII
		"product-image",
		Other,
	}
}

// Other is the kind of a document that nothing is said of.
const Other Kind = "other"

// AccessClass is who may read a document besides its owner.
type AccessClass string

// The access classes.
const (
	ForOwner     AccessClass = "owner"     // the uploader and their organisation alone
	ForAuthority AccessClass = "authority" // notified bodies, market surveillance and the Commission too
)

// Description is what the uploader says of a document, and may change.
type Description struct {
	FileName    string      `json:"fileName"`
	Text        string      `json:"description"`
	IsPublic    bool        `json:"isPublic"`
	PassportID  string      `json:"passportId,omitempty"` // a statement: nobody checks whether there is one
	Kind        Kind        `json:"kind"`
	AccessClass AccessClass `json:"accessClass"`
}

// Statement is a change of a Description: what is nil stays.
type Statement struct {
	FileName, Text, PassportID *string
	IsPublic                   *bool
	Kind                       *Kind
	AccessClass                *AccessClass
}

const maxText = 2000 // characters

var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// Check fails with fault.Invalid and names all that is wrong with s.
func (s *Statement) Check() error {
	var details []fault.Detail
	wrong := func(path, code, message string) {
		details = append(details, fault.Detail{Path: path, Code: code, Message: message})
	}
	if s.FileName != nil && cleanName(*s.FileName) == "" {
		wrong("/fileName", "format", "has no character that a name may have")
	}
	if s.Text != nil {
		switch {
		case !utf8.ValidString(*s.Text) || strings.ContainsFunc(*s.Text, func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\t\r\n", r) }):
			wrong("/description", "format", "has to be text in UTF-8, without control characters")
		case utf8.RuneCountInString(*s.Text) > maxText:
			wrong("/description", "range", "has more than 2000 characters")
		}
	}
	if s.PassportID != nil && *s.PassportID != "" && !uuid.MatchString(*s.PassportID) {
		wrong("/passportId", "format", "has to be the id of a passport, a UUID")
	}
	if s.Kind != nil && !slices.Contains(Kinds(), *s.Kind) {
		wrong("/kind", "enum", "has to be one of "+list(Kinds()))
	}
	if s.AccessClass != nil && *s.AccessClass != ForOwner && *s.AccessClass != ForAuthority {
		wrong("/accessClass", "enum", "has to be owner or authority")
	}
	if len(details) > 0 {
		return fault.New(fault.Invalid, "the description of the document is not valid").With(details...)
	}
	return nil
}

func list(kinds []Kind) string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = string(k)
	}
	return strings.Join(names, ", ")
}

// apply changes d as a checked s says. The name keeps to what the type allows.
func (s *Statement) apply(d *Description, mediaType string) {
	if s.FileName != nil {
		d.FileName = types[mediaType].fit(cleanName(*s.FileName))
	}
	if s.PassportID != nil {
		d.PassportID = strings.ToLower(*s.PassportID)
	}
	set(&d.Text, s.Text)
	set(&d.IsPublic, s.IsPublic)
	set(&d.Kind, s.Kind)
	set(&d.AccessClass, s.AccessClass)
}

func set[T any](to *T, value *T) {
	if value != nil {
		*to = *value
	}
}
