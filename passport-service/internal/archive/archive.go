// Package archive reads zip files of unknown origin, with limits of memory and of the unpacked size.
package archive

import (
	"archive/zip"
	"errors"
	"io"
	"strings"

	"github.com/battery-passport/suite/pkg/fault"
)

// Limits of an archive.
const (
	maxFiles     = 50_000
	maxDirectory = 8 << 20 // bytes of the names and sizes of the files
)

// Archive is a zip file.
type Archive struct {
	Files  []*zip.File          // without folders, in the order of the directory
	byName map[string]*zip.File // by the name in lower case
	budget int64                // bytes that may still be unpacked
}

func malformed(format string, args ...any) error {
	return fault.New(fault.Malformed, "the archive cannot be read: "+format, args...)
}

// Open opens an archive of size bytes. limit bounds its unpacked size. It fails with fault.Malformed.
func Open(r io.ReaderAt, size, limit int64) (*Archive, error) {
	z, isLong, err := Read(r, size, maxDirectory)
	switch {
	case isLong || err == nil && len(z.File) > maxFiles:
		return nil, malformed("it must not have more than %d files", maxFiles)
	case err != nil && !errors.Is(err, zip.ErrInsecurePath):
		return nil, malformed("it is not a zip file")
	}
	a := &Archive{byName: map[string]*zip.File{}, budget: Budget(size, limit)}
	for _, f := range z.File {
		name, ok := Name(f)
		if !ok || strings.HasPrefix(name, "/") || name == ".." || strings.HasPrefix(name, "../") {
			return nil, malformed("the file name %.100q is not allowed", f.Name)
		}
		if f.Name = name; !strings.HasSuffix(name, "/") {
			a.Files = append(a.Files, f)
			if key := strings.ToLower(name); a.byName[key] == nil {
				a.byName[key] = f
			}
		}
	}
	return a, nil
}

// Find returns the first file with a name, in upper or lower case, or nil.
func (a *Archive) Find(name string) *zip.File { return a.byName[strings.ToLower(name)] }

// Open opens a file of the archive. Reading fails with fault.TooLarge if the archive is too large when it is unpacked, and
// with fault.Malformed if it is damaged.
func (a *Archive) Open(f *zip.File) (io.ReadCloser, error) {
	r, err := f.Open()
	switch {
	case errors.Is(err, zip.ErrAlgorithm):
		return nil, malformed("the file %.100q is encrypted, or not packed with Deflate, which is the usual method", f.Name)
	case err != nil:
		return nil, malformed("the file %.100q is damaged", f.Name)
	}
	return Limit(r, &a.budget, "archive", malformed), nil
}

// Exceeded reports whether more than the limit has been unpacked.
func (a *Archive) Exceeded() bool { return a.budget < 0 }
