// Package tempfile stores data that does not fit into memory in temporary files.
package tempfile

import (
	"fmt"
	"io"
	"os"

	"github.com/battery-passport/suite/pkg/fault"
)

// File is a temporary file, which is removed when it is closed. Write fails with fault.Unavailable if
// the disk is full. The other methods are those of os.File; Failure converts their errors.
type File struct{ *os.File }

// Create creates a temporary file in TMPDIR. It fails with fault.Unavailable if the disk is
// full.
func Create() (File, error) {
	f, err := os.CreateTemp("", "battery-passport-")
	if err != nil {
		return File{}, Failure(err)
	}
	os.Remove(f.Name()) // if it fails, the file remains until the system removes it
	return File{f}, nil
}

// Copy copies data to a temporary file, and returns their size in bytes. It fails with
// fault.Unavailable if the disk is full, and with the errors of r.
func Copy(r io.Reader) (File, int64, error) {
	f, err := Create()
	if err != nil {
		return File{}, 0, err
	}
	size, err := io.Copy(writer{f}, r)
	if err != nil {
		f.Close()
	}
	return f, size, err
}

// Write implements io.Writer.
func (f File) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	if err != nil {
		err = Failure(err)
	}
	return n, err
}

// writer hides the other methods of a file, with which io.Copy would not use Write.
type writer struct{ io.Writer }

// Failure converts an error of a temporary file to an error for the client.
func Failure(err error) error {
	return fault.New(fault.Unavailable, "the service has no space for the file at the moment").Because(fmt.Errorf("temporary file: %w", err))
}
