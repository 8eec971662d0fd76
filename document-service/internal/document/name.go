package document

import (
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxName      = 255 // bytes, what file systems take
	maxExtension = 16  // bytes that are taken for one, not for the end of a sentence
)

// cleanName returns a name that is safe on any file system and shows as what it
// is: without folders, control and format characters (among them those that
// turn the direction of text), and what Windows refuses. It is empty when
// nothing is left.
func cleanName(name string) string {
	name = strings.ToValidUTF8(name, "_")
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp):
			return -1
		case strings.ContainsRune(`<>:"|?*`, r):
			return '_'
		case unicode.IsSpace(r):
			return ' '
		}
		return r
	}, name)
	name = strings.Trim(name, " .")
	return strings.Trim(shorten(name, extension(name), maxName), " .")
}

// extension returns the end of a name from its last dot on, or nothing.
func extension(name string) string {
	if e := path.Ext(name); len(e) < len(name) && len(e) <= maxExtension {
		return e
	}
	return ""
}

// shorten cuts a name to a size in bytes, before its extension and between two
// characters.
func shorten(name, extension string, size int) string {
	if len(name) <= size {
		return name
	}
	name = name[:size-len(extension)]
	for !utf8.ValidString(name) { // it was valid, so at most one character is cut
		name = name[:len(name)-1]
	}
	return name + extension
}

// A fileType is a media type that may be uploaded.
type fileType struct {
	extensions []string // that its files have; the first is given to one that has another
	as         []string // what else the bytes may look like
}

// types are what may be uploaded: PDF, images, text and office documents.
var types = map[string]fileType{
	"application/pdf": {extensions: []string{".pdf"}},
	"image/jpeg":      {extensions: []string{".jpg", ".jpeg", ".jpe", ".jfif"}},
	"image/png":       {extensions: []string{".png"}},
	"image/gif":       {extensions: []string{".gif"}},
	"text/plain":      {extensions: []string{".txt", ".text", ".csv", ".tsv", ".md", ".log"}, as: []string{"text/csv", "text/tab-separated-values"}},
	// The directory that tells what is in an OLE file may be at its end.
	"application/msword":       {extensions: []string{".doc", ".dot"}, as: []string{ole}},
	"application/vnd.ms-excel": {extensions: []string{".xls", ".xlt"}, as: []string{ole}},
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document": {extensions: []string{".docx"}},
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":       {extensions: []string{".xlsx"}},
}

const ole = "application/x-ole-storage"

// typeOf returns the type of a file whose bytes look like found, and which is
// said to be declared: nothing, where the client does not say. It is empty when
// the two do not agree or may not be uploaded.
func typeOf(found, declared string) string {
	if _, ok := types[found]; ok && (declared == "" || declared == found) {
		return found
	}
	for name, t := range types {
		if slices.Contains(t.as, found) && (declared == name || declared == "" && found != ole) {
			return name
		}
	}
	return ""
}

// fit returns the name with an extension of the type, if it has another: the
// program that opens a file goes by that. A name without one is opened by none.
func (t fileType) fit(name string) string {
	e := extension(name)
	if e == "" || slices.Contains(t.extensions, strings.ToLower(e)) {
		return name
	}
	return shorten(name+t.extensions[0], t.extensions[0], maxName)
}
