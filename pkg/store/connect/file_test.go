package connect_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/store/connect"
)

// TestConnectionStringInAFile: a file that is missing or wrong is named, without its content.
func TestConnectionStringInAFile(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct{ path, want string }{
		"missing": {filepath.Join(dir, "missing"), "MONGODB_URI_FILE"}, "not a URI": {file("wrong", "secret"), "MONGODB_URI_FILE"},
		"valid": {file("uri", "mongodb://ann:secret@127.0.0.1:1/db\n"), ""},
	} {
		db, err := connect.Open(t.Context(), connect.Config{File: c.path}, "service")
		if (err != nil) != (c.want != "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if err == nil {
			db.Close(t.Context())
		}
	}
	if err := (connect.Config{URI: "mongodb://127.0.0.1", File: "x"}).Validate(); err == nil || !strings.Contains(err.Error(), "MONGODB_URI_FILE") {
		t.Errorf("both settings: %v", err)
	}
}
