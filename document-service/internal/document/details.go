package document

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/battery-passport/suite/pkg/fault"
)

// Kind is the purpose of a document. Most kinds are documents required by
// Regulation (EU) 2023/1542, at the article in the comment.
type Kind string

// KindOther is the default kind.
const KindOther Kind = "other"

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
		"datasheet",
		"certificate", // such as UN 38.3 or ISO 9001
		"cad",         // drawing or 3D model
		"photo",       // of this battery, such as of a damage
		"log",         // of measurements or of work
		KindOther,
	}
}

// AccessClass determines the readers of a document.
type AccessClass string

// The access classes. Each has the readers of the previous one and more.
const (
	AccessOwner     AccessClass = "owner"     // the owner of the document
	AccessAuthority AccessClass = "authority" // also authorities: notified bodies, market surveillance and the Commission
	AccessPublic    AccessClass = "public"    // also all users and, for a published passport, everyone
)

// AccessClasses returns all access classes, the one with the fewest readers first.
func AccessClasses() []AccessClass { return []AccessClass{AccessOwner, AccessAuthority, AccessPublic} }

// isWiderThan reports whether the class has readers that the other class does not have.
func (c AccessClass) isWiderThan(other AccessClass) bool {
	return slices.Index(AccessClasses(), c) > slices.Index(AccessClasses(), other)
}

// Details are the properties of a document that its uploader sets and can change.
type Details struct {
	FileName    string      `json:"fileName"`
	Description string      `json:"description"`
	IsPublic    bool        `json:"isPublic"`             // Class is AccessPublic, whatever AccessClass is
	PassportID  string      `json:"passportId,omitempty"` // a UUID; the passport may not exist
	Kind        Kind        `json:"kind"`
	AccessClass AccessClass `json:"accessClass"` // AccessOwner or AccessAuthority; see Class
}

// Class returns the access class. It is stored in two fields, as earlier releases do.
func (d Details) Class() AccessClass {
	if d.IsPublic {
		return AccessPublic
	}
	return d.AccessClass
}

// changedFrom returns the sorted names of the fields that differ from before.
func (d Details) changedFrom(before Details) []string {
	var names []string
	for _, f := range []struct {
		name    string
		changed bool
	}{
		{"accessClass", d.Class() != before.Class()},
		{"description", d.Description != before.Description},
		{"fileName", d.FileName != before.FileName},
		{"isPublic", d.IsPublic != before.IsPublic},
		{"kind", d.Kind != before.Kind},
		{"passportId", d.PassportID != before.PassportID},
	} {
		if f.changed {
			names = append(names, f.name)
		}
	}
	return names
}

// Changes are new values for Details. A nil field is not changed.
type Changes struct {
	FileName, Description, PassportID *string
	IsPublic                          *bool
	Kind                              *Kind
	AccessClass                       *AccessClass
}

const maxText = 2000 // characters

var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// validate fails with fault.Invalid and one detail per invalid field.
func (c *Changes) validate() error {
	var details []fault.Detail
	wrong := func(path, code, message string) {
		details = append(details, fault.Detail{Path: path, Code: code, Message: message})
	}
	if c.FileName != nil && cleanName(*c.FileName) == "" {
		wrong("/fileName", "format", "must contain at least one character that is allowed in a file name")
	}
	if c.Description != nil {
		switch {
		case !utf8.ValidString(*c.Description) || strings.ContainsFunc(*c.Description, func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\t\r\n", r) }):
			wrong("/description", "format", "must be UTF-8 text without control characters")
		case utf8.RuneCountInString(*c.Description) > maxText:
			wrong("/description", "range", fmt.Sprintf("must have at most %d characters, got %d", maxText, utf8.RuneCountInString(*c.Description)))
		}
	}
	if c.PassportID != nil && *c.PassportID != "" && !uuid.MatchString(*c.PassportID) {
		wrong("/passportId", "format", "must be a UUID, the id of a passport")
	}
	if c.Kind != nil && !slices.Contains(Kinds(), *c.Kind) {
		wrong("/kind", "enum", "must be one of "+joinKinds(Kinds()))
	}
	switch {
	case c.AccessClass == nil:
	case !slices.Contains(AccessClasses(), *c.AccessClass):
		wrong("/accessClass", "enum", "must be one of owner, authority, public")
	case c.IsPublic != nil && *c.IsPublic != (*c.AccessClass == AccessPublic):
		wrong("/accessClass", "conflict", fmt.Sprintf("must agree with isPublic: it is %s, but isPublic is %v", *c.AccessClass, *c.IsPublic))
	}
	if len(details) > 0 {
		return fault.New(fault.Invalid, "the document metadata is not valid").With(details...)
	}
	return nil
}

func joinKinds(kinds []Kind) string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = string(k)
	}
	return strings.Join(names, ", ")
}

// apply sets the given fields in d. It adds an extension of the media type to the file name when needed.
func (c *Changes) apply(d *Details, mediaType string) {
	if c.FileName != nil {
		d.FileName = fileTypes[mediaType].addExtension(cleanName(*c.FileName))
	}
	if c.PassportID != nil {
		d.PassportID = strings.ToLower(*c.PassportID)
	}
	set(&d.Description, c.Description)
	set(&d.IsPublic, c.IsPublic)
	set(&d.Kind, c.Kind)
	if c.AccessClass == nil {
		return
	}
	if d.IsPublic = *c.AccessClass == AccessPublic; !d.IsPublic {
		d.AccessClass = *c.AccessClass
	}
}

func set[T any](to *T, value *T) {
	if value != nil {
		*to = *value
	}
}
