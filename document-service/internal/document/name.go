package document

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxName      = 255  // bytes, the limit of common file systems
	maxSentName  = 1024 // bytes, as the longest names of NTFS
	maxExtension = 16   // bytes; a longer text after the last dot is not an extension
)

// sentName returns a name as the client sent it, without folders, control characters and
// characters that change the direction of text. The result may be empty.
func sentName(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control) {
			return -1
		}
		return r
	}, withoutFolders(name))
	if strings.Trim(name, " .") == "" {
		return ""
	}
	return shorten(name, extension(name), maxSentName)
}

// withoutFolders returns the last part of a name that is a path, in valid UTF-8.
func withoutFolders(name string) string {
	name = strings.ToValidUTF8(name, "_")
	return name[strings.LastIndexAny(name, `/\`)+1:]
}

// joiners are ZWNJ and ZWJ, which belong to the orthography of Persian and of Indic languages,
// and to emoji.
const joiners = "\u200c\u200d"

// cleanName returns a name that is safe on every file system: without folders,
// without control and format characters (such as those that change the direction
// of text) except joiners within a word, and without the characters that Windows forbids. The
// result may be empty.
func cleanName(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune(joiners, r):
			return r
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp):
			return -1
		case strings.ContainsRune(`<>:"|?*`, r):
			return '_'
		case unicode.IsSpace(r):
			return ' '
		}
		return r
	}, withoutFolders(name))
	name = strings.Trim(trimJoiners(name), " .")
	if deviceName.MatchString(name) {
		name = "_" + name
	}
	return strings.Trim(shorten(name, extension(name), maxName), " .")
}

// trimJoiners removes the joiners that are not between two other characters of a word.
func trimJoiners(name string) string {
	const around = joiners + " ." // not part of a word
	runes := []rune(name)
	kept := make([]rune, 0, len(runes))
	for i, r := range runes {
		if strings.ContainsRune(joiners, r) && (len(kept) == 0 || i+1 == len(runes) || strings.ContainsRune(around, kept[len(kept)-1]) || strings.ContainsRune(around, runes[i+1])) {
			continue
		}
		kept = append(kept, r)
	}
	return string(kept)
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
	return strings.TrimRight(name, joiners) + extension
}

// addExtension appends the default extension of the type unless the name has an
// extension of the type, because programs open a file by its extension. The extensions
// of each type are an allow list: systems run files with many others, and some of those
// are long, such as .SettingContent-ms.
func (t fileType) addExtension(name string) string {
	if e := path.Ext(name); e != name && slices.Contains(t.extensions, strings.ToLower(e)) {
		return name
	}
	return shorten(name+t.extensions[0], t.extensions[0], maxName)
}

// deviceName matches names that Windows opens as a device, whatever their extension.
var deviceName = regexp.MustCompile(`^(?i:con|prn|aux|nul|conin\$|conout\$|clock\$|(com|lpt)[0-9¹²³])\s*(\.|$)`)

// DownloadName returns the file name for a download, including that of documents of earlier
// releases.
func (d *Document) DownloadName() string {
	t, ok := fileTypes[d.Type]
	if name := cleanName(d.FileName); ok && name != "" {
		return t.addExtension(name)
	}
	return d.FileName
}
