package document

import (
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxName      = 255 // bytes, the limit of common file systems
	maxExtension = 16  // bytes; a longer text after the last dot is not an extension
)

// cleanName returns a name that is safe on every file system: without folders,
// without control and format characters (such as those that change the direction
// of text), and without the characters that Windows forbids. The result may be empty.
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

// extension returns the extension of a name with its dot, or "".
func extension(name string) string {
	if e := path.Ext(name); len(e) < len(name) && len(e) <= maxExtension {
		return e
	}
	return ""
}

// shorten cuts a name to size bytes. It cuts before the extension and never within
// a character.
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

// A fileType describes a media type that may be uploaded.
type fileType struct {
	extensions []string // the allowed extensions; the first is the default
	detectedAs []string // other results of the type detection for such files
}

// allowedTypes are the media types that may be uploaded.
var allowedTypes = map[string]fileType{
	"application/pdf": {extensions: []string{".pdf"}},
	"image/jpeg":      {extensions: []string{".jpg", ".jpeg", ".jpe", ".jfif"}},
	"image/png":       {extensions: []string{".png"}},
	"image/gif":       {extensions: []string{".gif"}},
	"text/plain":      {extensions: []string{".txt", ".text", ".csv", ".tsv", ".md", ".markdown", ".log"}, detectedAs: []string{"text/csv", "text/tab-separated-values"}},
	// The directory of an OLE file may be at its end, so its head does not show the exact type.
	"application/msword": {extensions: []string{".doc", ".dot"}, detectedAs: []string{ole}},
	excel:                {extensions: []string{".xls", ".xlt"}, detectedAs: []string{ole}},
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document": {extensions: []string{".docx"}},
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":       {extensions: []string{".xlsx"}},
}

const (
	ole   = "application/x-ole-storage"
	excel = "application/vnd.ms-excel"
)

// aliases maps other names that clients declare to the allowed types. The content does
// not show which format of text a file has, so all text is stored as text/plain.
var aliases = map[string]string{
	"application/x-pdf": "application/pdf", "application/acrobat": "application/pdf", "text/pdf": "application/pdf",
	"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/jfif": "image/jpeg", "image/x-png": "image/png",
	"application/x-msword": "application/msword", "application/doc": "application/msword",
	"application/excel": excel, "application/x-excel": excel, "application/x-msexcel": excel, "application/xls": excel,
	"text/csv": "text/plain", "text/x-csv": "text/plain", "application/csv": "text/plain", "application/x-csv": "text/plain",
	"text/comma-separated-values": "text/plain", "text/x-comma-separated-values": "text/plain", "text/tab-separated-values": "text/plain",
	"text/markdown": "text/plain", "text/x-markdown": "text/plain", "text/x-log": "text/plain",
}

// uploadType returns the media type of a file from its detected type and the type
// declared by the client, which may be empty. It returns "" when the types differ
// or the type is not allowed.
func uploadType(found, declared string) string {
	if t, ok := aliases[declared]; ok {
		declared = t
	}
	if declared == excel && found != ole && found != excel {
		declared = "text/plain" // browsers on Windows declare CSV files as Excel
	}
	if _, ok := allowedTypes[found]; ok && (declared == "" || declared == found) {
		return found
	}
	for name, t := range allowedTypes {
		if slices.Contains(t.detectedAs, found) && (declared == name || declared == "" && found != ole) {
			return name
		}
	}
	return ""
}

// addExtension appends the default extension of the type when the name has an
// extension of another type, because programs open a file by its extension. A name
// without an extension is not changed.
func (t fileType) addExtension(name string) string {
	e := extension(name)
	if e == "" || slices.Contains(t.extensions, strings.ToLower(e)) {
		return name
	}
	return shorten(name+t.extensions[0], t.extensions[0], maxName)
}
