package registry_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/format"
	"github.com/battery-passport/suite/passport-service/internal/format/aasx"
	"github.com/battery-passport/suite/passport-service/internal/format/registry"
	"github.com/battery-passport/suite/passport-service/samples"
)

// TestJudgesAcceptDocuments writes all samples in all formats, and has third-party validators check them.
func TestJudgesAcceptDocuments(t *testing.T) {
	judges := os.Getenv("FORMAT_JUDGES")
	if judges == "" {
		t.Skip("FORMAT_JUDGES is not set: make formats sets it")
	}
	formats, err := registry.Embedded(registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	folder, missing := t.TempDir(), t.TempDir()
	header := format.Header{Status: "active", UpdatedAt: time.Date(2027, 2, 18, 9, 0, 0, 0, time.UTC)}
	for name, f := range formats {
		for sample, data := range allSamples(t) {
			document, _, err := f.Encode(data, header)
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(folder, name), sample, document)
			reported, err := json.Marshal(f.Missing(document))
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(missing, name), sample, reported)
			if name != "idta-02035" {
				continue
			}
			if document, err = aasx.Pack(document); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(folder, "aasx"), strings.Replace(sample, ".json", ".aasx", 1), document)
		}
	}
	output, err := exec.Command(filepath.Join(judges, "bin/python"), "../../../../deploy/formats/judge.py", folder, missing).CombinedOutput()
	t.Logf("%s", output)
	if err != nil {
		t.Error(err)
	}
}

func write(t *testing.T, folder, name string, content []byte) {
	t.Helper()
	err := os.MkdirAll(folder, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, name), content, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func allSamples(t *testing.T) map[string][]byte {
	t.Helper()
	names, err := fs.Glob(samples.FS, "[eil]*-*.json") // readme-sample.json is incomplete
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for _, name := range names {
		text, err := fs.ReadFile(samples.FS, name)
		var body struct{ Data json.RawMessage }
		if err == nil && json.Unmarshal(text, &body) == nil && body.Data != nil {
			all[name] = body.Data
		}
	}
	return all
}
