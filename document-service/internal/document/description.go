package document

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/battery-passport/suite/pkg/fault"
)

// Kind is the role of a document for a battery passport. Most kinds are
// documents that Regulation (EU) 2023/1542 names.
type Kind string

// Other is the kind of a document whose uploader names none.
const Other Kind = "other"

// Kinds returns all kinds.
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

// AccessClass is who may read a document besides its owner.
type AccessClass string

// The access classes.
const (
	ForOwner     AccessClass = "owner"     // only the uploader and their organisation
	ForAuthority AccessClass = "authority" // also notified bodies, market surveillance and the Commission
)

// Description is what the uploader says about a document. It can be changed.
type Description struct {
	FileName    string      `json:"fileName"`
	Text        string      `json:"description"`
	IsPublic    bool        `json:"isPublic"`
	PassportID  string      `json:"passportId,omitempty"` // not checked against the passports
	Kind        Kind        `json:"kind"`
	AccessClass AccessClass `json:"accessClass"`
}

// Fields are the fields of a Description to set. A nil field stays as it is.
type Fields struct {
	FileName, Text, PassportID *string
	IsPublic                   *bool
	Kind                       *Kind
	AccessClass                *AccessClass
}

const maxText = 2000 // characters

var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// validate fails with fault.Invalid and names every wrong field.
func (f *Fields) validate() error {
	var details []fault.Detail
	wrong := func(path, code, message string) {
		details = append(details, fault.Detail{Path: path, Code: code, Message: message})
	}
	if f.FileName != nil && cleanName(*f.FileName) == "" {
		wrong("/fileName", "format", "has no character that is allowed in a file name")
	}
	if f.Text != nil {
		switch {
		case !utf8.ValidString(*f.Text) || strings.ContainsFunc(*f.Text, func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\t\r\n", r) }):
			wrong("/description", "format", "must be UTF-8 text without control characters")
		case utf8.RuneCountInString(*f.Text) > maxText:
			wrong("/description", "range", "has more than 2000 characters")
		}
	}
	if f.PassportID != nil && *f.PassportID != "" && !uuid.MatchString(*f.PassportID) {
		wrong("/passportId", "format", "must be the id of a passport, a UUID")
	}
	if f.Kind != nil && !slices.Contains(Kinds(), *f.Kind) {
		wrong("/kind", "enum", "must be one of "+list(Kinds()))
	}
	if f.AccessClass != nil && *f.AccessClass != ForOwner && *f.AccessClass != ForAuthority {
		wrong("/accessClass", "enum", "must be owner or authority")
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

// apply sets the fields in d. The file name keeps an extension of the media type.
func (f *Fields) apply(d *Description, mediaType string) {
	if f.FileName != nil {
		d.FileName = types[mediaType].fit(cleanName(*f.FileName))
	}
	if f.PassportID != nil {
		d.PassportID = strings.ToLower(*f.PassportID)
	}
	set(&d.Text, f.Text)
	set(&d.IsPublic, f.IsPublic)
	set(&d.Kind, f.Kind)
	set(&d.AccessClass, f.AccessClass)
}

func set[T any](to *T, value *T) {
	if value != nil {
		*to = *value
	}
}
