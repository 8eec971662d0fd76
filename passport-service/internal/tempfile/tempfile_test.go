package tempfile_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/battery-passport/suite/passport-service/internal/tempfile"
	"github.com/battery-passport/suite/pkg/fault"
)

// TestCopy copies data, which can be read until the file is closed. The folder is empty all the time.
func TestCopy(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	const want = "some data"
	f, size, err := tempfile.Copy(strings.NewReader(want))
	if err != nil || size != int64(len(want)) {
		t.Fatalf("Copy = %d, %v, want %d", size, err, len(want))
	}
	defer f.Close()
	if got, err := io.ReadAll(io.NewSectionReader(f, 0, size)); err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	broken := errors.New("connection reset")
	if _, _, err := tempfile.Copy(io.MultiReader(strings.NewReader(want), iotest.ErrReader(broken))); !errors.Is(err, broken) || fault.Is(err, fault.Unavailable) {
		t.Errorf("Copy = %v, want the error of the reader", err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("%v, %v remain in the folder", files, err)
	}
}

// TestWithoutSpace writes to a device that is always full, and creates files in a folder that does not exist.
func TestWithoutSpace(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("needs /dev/full: ", err)
	}
	f := tempfile.File{File: full}
	defer f.Close()
	n, err := f.Write([]byte("x"))
	if !fault.Is(err, fault.Unavailable) || !errors.Is(err, syscall.ENOSPC) || n > 0 {
		t.Errorf("Write = %d, %v, want an error about the space", n, err)
	}
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "none"))
	if _, err := tempfile.Create(); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Create = %v, want an error about the space", err)
	}
	if _, _, err := tempfile.Copy(strings.NewReader("x")); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Copy = %v, want an error about the space", err)
	}
}
