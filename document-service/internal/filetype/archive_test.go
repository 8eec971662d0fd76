package filetype_test

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"runtime"
	"testing"

	"github.com/battery-passport/suite/document-service/internal/filetype"
)

// TestSharedContentIsUnpackedOnce detects the type of a ZIP file in which 1,000 lists of
// content types point at one packed text, which has 4 MiB. Detect allocates little.
func TestSharedContentIsUnpackedOnce(t *testing.T) {
	const entries, limit = 1000, 4 << 20
	head := sharedContent(t, entries, bytes.Repeat([]byte(" "), 4<<20))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := filetype.Detect(head)
	runtime.ReadMemStats(&after)
	if want := "application/zip"; got != want {
		t.Errorf("type %s, want %s", got, want)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > limit {
		t.Errorf("%d bytes were allocated, want at most %d", used, limit)
	}
}

// TestMacrosInSharedContent checks that the first list of content types is still read.
func TestMacrosInSharedContent(t *testing.T) {
	head := sharedContent(t, 10, []byte(`<Override ContentType="application/vnd.ms-word.document.macroEnabled.main+xml"/>`))
	if got, want := filetype.Detect(head), "application/vnd.ms-word.document.macroEnabled.12"; got != want {
		t.Errorf("type %s, want %s", got, want)
	}
}

// sharedContent returns the begin of a ZIP file with entries whose extra fields end where the
// packed text begins, so that it is the content of all of them.
func sharedContent(t *testing.T, entries int, text []byte) []byte {
	t.Helper()
	const name, size = "[Content_Types].xml", 30 + len("[Content_Types].xml")
	var b bytes.Buffer
	for i := range entries {
		header := make([]byte, 30, size)
		copy(header, "PK\x03\x04")
		binary.LittleEndian.PutUint16(header[8:], 8) // deflate
		binary.LittleEndian.PutUint16(header[26:], uint16(len(name)))
		binary.LittleEndian.PutUint16(header[28:], uint16((entries-1-i)*size))
		b.Write(append(header, name...))
	}
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
