package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestTwoInstallations runs the script that installs validators twice at the same time, with programs that log
// their calls. The first installation ends when both runs have started.
func TestTwoInstallations(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"python3": "case $1 in\n-c) touch \"$DIR/started.$PPID\" ;;\n-m) mkdir -p \"$4/bin\" && cp \"$DIR/pip\" \"$4/bin/\" ;;\nesac\n",
		"pip":     "echo installed >>\"$DIR/log\"\nwhile [ \"$(ls \"$DIR\" | grep -c started)\" -lt 2 ]; do :; done\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	var runs sync.WaitGroup
	for range 2 {
		runs.Go(func() {
			c := exec.CommandContext(t.Context(), filepath.Join(root, "deploy/formats/install"))
			c.Env = append(os.Environ(), "DIR="+dir, "PATH="+dir+":"+os.Getenv("PATH"), "FORMAT_JUDGES="+filepath.Join(dir, "judges"))
			if out, err := c.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	runs.Wait()
	log, err := os.ReadFile(filepath.Join(dir, "log"))
	if got := strings.Count(string(log), "installed"); err != nil || got != 1 {
		t.Errorf("%d installations, %v, want 1", got, err)
	}
}
