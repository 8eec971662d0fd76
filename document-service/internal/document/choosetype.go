package document

import (
	"bytes"
	"fmt"
	"maps"
	"mime"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

// Types are the media types that may be uploaded. Nil means the default ones.
type Types []string

// DefaultTypes is the entry of a list for ParseTypes that means the default types.
const DefaultTypes = "default"

// ParseTypes returns the types in a list of names from fileTypes and DefaultTypes; an empty
// list means the default types. It fails if a name is unknown. HTML, programs and documents
// with macros are unknown types.
func ParseTypes(list []string) (Types, error) {
	var all Types
	for _, name := range list {
		if name = strings.ToLower(strings.TrimSpace(name)); name == DefaultTypes {
			all = append(all, Types(nil).sorted()...)
		} else if _, ok := fileTypes[name]; ok {
			all = append(all, name)
		} else {
			return nil, fmt.Errorf("must contain media types of docs/api.md or %s, got %q", DefaultTypes, name)
		}
	}
	return all, nil
}

func (t Types) has(name string) bool {
	known, ok := fileTypes[name]
	if t == nil {
		return ok && !known.optional
	}
	return slices.Contains(t, name)
}

// sorted returns the names of the types.
func (t Types) sorted() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(fileTypes)), func(name string) bool { return !t.has(name) })
}

// String returns the names of the types for people, such as "AASX, AVIF, CSV".
func (t Types) String() string {
	var names []string
	for _, name := range t.sorted() {
		names = append(names, fileTypes[name].name)
	}
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	return strings.Join(names, ", ")
}

// choose returns the media type of a file that begins with head: the detected type, or for
// text, whose content does not show the format, the type of the name or the declared one. It
// fails with fault.Unsupported if the type is not allowed, or if the file is declared as a
// type of another family.
func (t Types) choose(found, declared, name string, head []byte) (string, error) {
	declared, _, err := mime.ParseMediaType(declared)
	if err != nil {
		declared = "" // the client does not know
	}
	ext := strings.ToLower(path.Ext(name))
	found, declared = canonical(markup(found, ext, head)), canonical(declared)
	chosen := found
	switch {
	case slices.Contains(textTypes, found):
		chosen = t.chooseText(found, declared, ext, head)
	case found == ole:
		chosen = chooseOLE(declared, ext)
	}
	switch {
	case t.has(chosen):
	case chosen == unknown:
		return "", unsupported(fmt.Sprintf("the type of the file was not recognised; the allowed types are %s", t))
	default:
		return "", unsupported(fmt.Sprintf("was detected as %s; the allowed types are %s", chosen, t))
	}
	if family := familyOf(declared); family != "" && !slices.Contains(fileTypes[chosen].families, family) && !(declared == excel && fileTypes[chosen].families[0] == textual) {
		return "", unsupported(fmt.Sprintf("was detected as %s, but is declared as %s: declare the type of the content, or none", chosen, declared))
	}
	return chosen, nil
}

func unsupported(message string) error {
	return fault.New(fault.Unsupported, "the file is not of an allowed type").With(fault.Detail{Path: "/file", Code: "type", Message: message})
}

func canonical(name string) string {
	if alias, ok := aliases[name]; ok {
		return alias
	}
	return name
}

// familyOf returns the family of a declared type, or "" if the type says nothing about the
// content.
func familyOf(declared string) string {
	if known, ok := fileTypes[declared]; ok {
		return known.families[0]
	}
	switch prefix, _, _ := strings.Cut(declared, "/"); prefix {
	case "text", "image", "video":
		return prefix
	case "model":
		return cad
	case "audio", "font":
		return prefix
	}
	return "" // application/octet-stream, application/force-download and others
}

// chooseText returns the type of a text: that of the extension, the declared or the detected
// one, whichever is allowed and agrees with the content.
func (t Types) chooseText(found, declared, ext string, head []byte) string {
	if declared == excel { // browsers on Windows declare CSV files as Excel
		declared = csv
	}
	named := slices.IndexFunc(textTypes, func(name string) bool { return slices.Contains(fileTypes[name].extensions, ext) })
	candidates := []string{declared, found, plainText}
	if named >= 0 {
		candidates = slices.Insert(candidates, 0, textTypes[named])
	}
	for _, c := range candidates {
		if slices.Contains(textTypes, c) && t.has(c) && agrees(c, found, head) {
			return c
		}
	}
	return found
}

var mailHeader = regexp.MustCompile(`^[!-9;-~]+: `)

// agrees reports whether a text with the detected type found can have a type.
func agrees(mediaType, found string, head []byte) bool {
	text := trimmed(head)
	switch mediaType {
	case jsonText:
		return found == jsonText || bytes.HasPrefix(text, []byte("{")) || bytes.HasPrefix(text, []byte("[")) || len(head) < headSize && wire.Value(text).IsValid()
	case xmlText:
		return found == xmlText || bytes.HasPrefix(text, []byte("<"))
	case eml:
		return found == eml || mailHeader.Match(text)
	}
	return true
}

// chooseOLE returns the type of an office document in the format before 2007.
func chooseOLE(declared, ext string) string {
	types := []string{word, excel, slides}
	for _, name := range types {
		if slices.Contains(fileTypes[name].extensions, ext) {
			return name
		}
	}
	if slices.Contains(types, declared) {
		return declared
	}
	return ole
}
