package archive_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/archive"
	"github.com/battery-passport/suite/pkg/fault"
)

func write(t *testing.T, files int, name func(int) string, content io.Reader) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := range files {
		method := zip.Deflate
		if content == nil {
			method = zip.Store
		}
		w, err := z.CreateHeader(&zip.FileHeader{Name: name(i), Method: method})
		if err == nil && content != nil {
			_, err = io.Copy(w, content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func open(data []byte, limit int64) (*archive.Archive, error) {
	return archive.Open(bytes.NewReader(data), int64(len(data)), limit)
}

func TestRefusedArchives(t *testing.T) {
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"no zip":        {[]byte("hello"), "not a zip file"},
		"empty":         {nil, "not a zip file"},
		"parent":        {write(t, 1, func(int) string { return "../a.json" }, nil), "not allowed"},
		"inner parent":  {write(t, 1, func(int) string { return "a/../../b.json" }, nil), "not allowed"},
		"backslash":     {write(t, 1, func(int) string { return `..\a.json` }, nil), "not allowed"},
		"many files":    {write(t, 50_001, func(i int) string { return fmt.Sprint(i) }, nil), "more than 50000 files"},
		"long names":    {write(t, 200, func(i int) string { return fmt.Sprint(strings.Repeat("a", 60_000), i) }, nil), "more than 50000 files"},
		"no end":        {write(t, 1, func(int) string { return "a" }, nil)[:20], "not a zip file"},
		"two root dirs": {write(t, 1, func(int) string { return "//a" }, nil), "not allowed"},
	} {
		if _, err := open(c.data, 1<<30); !fault.Is(err, fault.Malformed) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

// TestNames opens files with the names that some programs write.
func TestNames(t *testing.T) {
	for name, want := range map[string]string{"a/b.json": "a/b.json", `a\b.json`: "a/b.json", "./a.json": "a.json", "/a.json": "a.json"} {
		a, err := open(write(t, 1, func(int) string { return name }, nil), 1<<30)
		if err != nil || a.Find(want) == nil {
			t.Errorf("%s: %v, want a file %s", name, err, want)
		}
	}
	for _, name := range []string{"./", `a\`} {
		if a, err := open(write(t, 1, func(int) string { return name }, nil), 1<<30); err != nil || len(a.Files) > 0 {
			t.Errorf("%s: %v, want a folder", name, err)
		}
	}
}

// zeros are n zero bytes.
type zeros struct{ n int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.n <= 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.n)
	clear(p[:n])
	z.n -= n
	return int(n), nil
}

// TestBombs unpacks archives of zeros. Reading must end at the limit, or at 200 times the size of the archive and 32 MiB.
func TestBombs(t *testing.T) {
	data := write(t, 1, func(int) string { return "a" }, &zeros{200 << 20})
	for _, limit := range []int64{1 << 20, 1 << 40} {
		a, err := open(data, limit)
		if err != nil {
			t.Fatal(err)
		}
		r, err := a.Open(a.Find("A"))
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, r)
		if most := min(limit, 32<<20+200*int64(len(data))); n > most || limit == 1<<20 && !fault.Is(err, fault.TooLarge) || a.Exceeded() != (err != nil) {
			t.Errorf("limit %d: unpacked %d bytes, want at most %d; %v", limit, n, most, err)
		}
	}
}
