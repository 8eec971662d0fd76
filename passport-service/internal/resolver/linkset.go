// Package resolver builds the links of a GS1-conformant resolver (standard 1.2): linksets (RFC
// 9264) and the choice of a link for a request. It does not serve HTTP; package httpapi does.
package resolver

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/munnerz/goautoneg"
)

// Media types.
const (
	HTML    = "text/html"
	JSON    = "application/json"
	JSONLD  = "application/ld+json"
	Linkset = "application/linkset+json"
)

// vocabulary is the namespace of the link types of GS1.
const vocabulary = "https://ref.gs1.org/voc/"

// Link types. Those of GS1 are also named with the prefix gs1:.
const (
	DPP               = vocabulary + "dpp" // digital product passport
	ProductInfo       = vocabulary + "pip"
	CertificationInfo = vocabulary + "certificationInfo"
	Instructions      = vocabulary + "instructions"
	RecyclingInfo     = vocabulary + "recyclingInfo"
	SafetyInfo        = vocabulary + "safetyInfo"
	Sustainability    = vocabulary + "sustainabilityInfo"
	defaultLink       = vocabulary + "defaultLink"
	ianaDPP           = "dpp" // registered by IANA
)

// Link is a link of a linkset.
type Link struct {
	Href      string   `json:"href"`
	Title     string   `json:"title"`
	Type      string   `json:"type,omitempty"` // media type
	Languages []string `json:"hreflang,omitempty"`
	Field     string   `json:"-"` // path in the catalogue, for the title in other languages; empty: none
}

// Choices is a linkset without a default link.
type Choices Entry

// MarshalJSON implements json.Marshaler.
func (c Choices) MarshalJSON() ([]byte, error) { return marshal(false, Entry(c)) }

// Entry contains the links of one identifier.
type Entry struct {
	Anchor      string // the identifier as a URI
	IsModel     bool   // the identifier is that of a model, not of a battery
	Description string
	Links       []Typed
}

// Typed is a link with its type.
type Typed struct {
	Type string
	Link
}

// Set is a linkset: the entries of a battery and of its model. The first link of the
// first entry is the default link.
type Set []Entry

// MarshalJSON implements json.Marshaler.
func (s Set) MarshalJSON() ([]byte, error) { return marshal(true, s...) }

// marshal returns entries in the form of RFC 9264, section 4.2.
func marshal(hasDefault bool, entries ...Entry) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(`{"linkset":[`)
	for i, e := range entries {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := e.write(&b, hasDefault && i == 0); err != nil {
			return nil, err
		}
	}
	b.WriteString("]}")
	return b.Bytes(), nil
}

func (e Entry) write(b *bytes.Buffer, hasDefault bool) error {
	b.WriteString(`{"anchor":`)
	member := func(value any) error {
		data, err := json.Marshal(value)
		b.Write(data)
		return err
	}
	err := member(e.Anchor)
	b.WriteString(`,"itemDescription":`)
	err = errors.Join(err, member(e.Description))
	if hasDefault && len(e.Links) > 0 {
		b.WriteString(`,"` + defaultLink + `":`)
		err = errors.Join(err, member([]Link{{Href: e.Links[0].Href, Title: e.Links[0].Title}}))
	}
	for _, linkType := range e.types() {
		b.WriteString(`,"` + linkType + `":`)
		err = errors.Join(err, member(e.of(linkType)))
	}
	b.WriteByte('}')
	return err
}

// types returns the link types in the order of their first link. A passport has both of
// its registered types.
func (e Entry) types() (types []string) {
	for _, link := range e.Links {
		if !slices.Contains(types, link.Type) {
			types = append(types, link.Type)
		}
		if link.Type == DPP && !slices.Contains(types, ianaDPP) {
			types = append(types, ianaDPP)
		}
	}
	return types
}

func (e Entry) of(linkType string) (links []Link) {
	if linkType == ianaDPP {
		linkType = DPP
	}
	for _, link := range e.Links {
		if link.Type == linkType {
			links = append(links, link.Link)
		}
	}
	return links
}

// TypeName returns the full name of a link type, which may have the prefix gs1: or the
// namespace of the vocabulary of GS1 in earlier versions.
func TypeName(linkType string) string {
	for _, prefix := range []string{"gs1:", "https://gs1.org/voc/", "https://www.gs1.org/voc/"} {
		if name, ok := strings.CutPrefix(linkType, prefix); ok {
			return vocabulary + name
		}
	}
	return linkType
}

// Resolved returns the entry of the identifier in the request.
func (s Set) Resolved() Entry { return s[0] }

// Default returns the default link.
func (s Set) Default() Link { return s.Resolved().Links[0].Link }

// Select returns the links of a type that match the Accept header best: none if the type
// is not available, several if the header does not decide.
func (s Set) Select(linkType, accept string) []Link {
	linkType = TypeName(linkType)
	if linkType == defaultLink {
		return []Link{s.Default()}
	}
	for _, entry := range s {
		if links := entry.of(linkType); len(links) > 0 {
			return best(links, accept)
		}
	}
	return nil
}

// best returns the links of the media type that the client prefers, HTML if it has no
// preference.
func best(links []Link, accept string) []Link {
	var types []string
	for _, link := range links {
		types = append(types, link.Type)
	}
	wanted := Prefer(accept, types...)
	var chosen []Link
	for _, link := range links {
		if link.Type == wanted {
			chosen = append(chosen, link)
		}
	}
	return chosen
}

// acceptLimit is the number of bytes of a header that are read.
const acceptLimit = 2000

// Prefer returns the best of the media types for an Accept header (RFC 9110, section 12.5.1),
// or the first media type if the header accepts none of them.
func Prefer(accept string, types ...string) string {
	if slices.Contains(types, "") { // goautoneg panics for alternatives without a slash
		return types[0]
	}
	accept = strings.ToLower(accept[:min(len(accept), acceptLimit)]) // goautoneg compares letters as they are
	if chosen := goautoneg.Negotiate(accept, types); accept != "" && chosen != "" {
		return chosen
	}
	return types[0]
}

// Accepts reports whether an Accept header names the media type itself, and does not
// just cover it with a wildcard.
func Accepts(accept, mediaType string) bool {
	for part := range strings.SplitSeq(accept[:min(len(accept), acceptLimit)], ",") {
		if name, parameters, _ := strings.Cut(part, ";"); strings.EqualFold(strings.TrimSpace(name), mediaType) {
			_, quality, hasQuality := strings.Cut(strings.ReplaceAll(parameters, " ", ""), "q=")
			return !hasQuality || strings.Trim(quality, "0.") != ""
		}
	}
	return false
}
