package filetype

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"io"
	"regexp"
)

// maxContentTypes is the number of bytes that are unpacked from the list of content types of
// an office document.
const maxContentTypes = 256 << 10

// macroEnabled matches the content type of an office document with macros.
var macroEnabled = regexp.MustCompile(`application/(vnd\.ms-[a-z]+\.[a-z]+\.macroEnabled)`)

// archive returns the type of a ZIP file for which package mimetype found a type. It also
// knows office documents with macros, and packages of the Asset Administration Shell. It
// unpacks only the first list of content types, because many entries may share packed content.
func archive(head []byte, found string) string {
	signature := []byte("PK\x03\x04")
	unpacked := false
	for at := bytes.Index(head, signature); at >= 0; {
		name, content, method := entry(head[at:])
		if bytes.HasPrefix(name, []byte("aasx/")) && found == "application/zip" {
			return "application/aas+zip"
		}
		if string(name) == "[Content_Types].xml" && !unpacked {
			unpacked = true
			if m := macroEnabled.FindSubmatch(unpack(content, method)); m != nil {
				return "application/" + string(m[1]) + ".12"
			}
		}
		next := bytes.Index(head[at+len(signature):], signature)
		if next < 0 {
			break
		}
		at += len(signature) + next
	}
	return found
}

// entry returns the name and the packed content, to the end of data, of the entry of a ZIP
// file that begins with data, or nothing if data is too short.
func entry(data []byte) (name, content []byte, method uint16) {
	const header = 30
	if len(data) < header {
		return nil, nil, 0
	}
	start := header + int(binary.LittleEndian.Uint16(data[26:]))
	content = data[min(len(data), start+int(binary.LittleEndian.Uint16(data[28:]))):]
	return data[header:min(len(data), start)], content, binary.LittleEndian.Uint16(data[8:])
}

// unpack returns at most maxContentTypes bytes of the content of an entry.
func unpack(content []byte, method uint16) []byte {
	if method != 8 { // stored
		return content[:min(len(content), maxContentTypes)]
	}
	text, _ := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(content)), maxContentTypes)) // the text before an error is enough
	return text
}
