// Package resttest helps to test HTTP APIs.
package resttest

import (
	"flag"
	"os"
	"strings"
	"testing"
)

// Update is the flag -update, which writes the golden files.
var Update = flag.Bool("update", false, "write the golden files")

// CheckGolden compares got with a golden file. With -update, it writes the file.
func CheckGolden(t *testing.T, got []byte, path string) {
	t.Helper()
	if *Update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	have, expected := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i, line := range have {
		if i >= len(expected) || line != expected[i] {
			t.Fatalf("%s differs at line %d: %q; run the test with -update and review the change", path, i+1, line)
		}
	}
	if len(have) != len(expected) {
		t.Fatalf("%s has %d lines, want %d; run the test with -update and review the change", path, len(expected), len(have))
	}
}
