package archive

import (
	"archive/zip"
	"io"
	"math"
	"path"
	"strings"

	"github.com/battery-passport/suite/pkg/fault"
)

const (
	maxRatio = 200      // unpacked bytes for each packed byte,
	free     = 32 << 20 // in addition
)

// Read reads the directory of a zip file of size bytes into memory. isLong reports that the
// directory has more than maxDirectory bytes.
func Read(r io.ReaderAt, size, maxDirectory int64) (z *zip.Reader, isLong bool, err error) {
	directory := &directoryReader{r, maxDirectory}
	z, err = zip.NewReader(directory, size)
	isLong = directory.left < 0
	directory.left = math.MaxInt64 // the files have a limit of their own
	return z, isLong, err
}

// directoryReader fails when a number of bytes has been read.
type directoryReader struct {
	io.ReaderAt
	left int64
}

func (d *directoryReader) ReadAt(p []byte, at int64) (int, error) {
	if d.left -= int64(len(p)); d.left < 0 {
		return 0, io.ErrUnexpectedEOF
	}
	return d.ReaderAt.ReadAt(p, at)
}

// Name returns the name of a file with slashes, as some programs of Windows write backslashes, and without / or ./ at the
// start. ok is false if the name is not in its shortest form. The name may still begin with "..".
func Name(f *zip.File) (name string, ok bool) {
	name = strings.TrimPrefix(strings.ReplaceAll(f.Name, `\`, "/"), "/")
	if rest := strings.TrimPrefix(name, "./"); rest != "" {
		name = rest
	}
	return name, path.Clean(name) == strings.TrimSuffix(name, "/")
}

// Budget returns how many bytes may be unpacked from a zip file of size bytes, at most limit.
func Budget(size, limit int64) int64 { return min(limit, free+maxRatio*size) }

// Limit returns a reader of an unpacked file that takes the bytes from a budget. It fails with
// fault.TooLarge when the budget is used up, and with malformed if the file is damaged. Errors
// call the zip file what.
func Limit(r io.ReadCloser, budget *int64, what string, malformed func(string, ...any) error) io.ReadCloser {
	return &limited{r, budget, what, malformed}
}

type limited struct {
	io.ReadCloser
	budget    *int64
	what      string
	malformed func(string, ...any) error
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.ReadCloser.Read(p)
	if *l.budget -= int64(n); *l.budget < 0 {
		return 0, fault.New(fault.TooLarge, "the %s is too large when it is unpacked", l.what)
	}
	if err != nil && err != io.EOF {
		err = l.malformed("it is damaged")
	}
	return n, err
}
