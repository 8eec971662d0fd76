package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/waittest"
)

// TestImportCommand imports a file with an error, mends it, imports it again, and follows
// the events and the notification.
func TestImportCommand(t *testing.T) {
	s := start(t, config(t))
	admin := s.admin()
	operator := s.newAccount(admin, "operator", "maker")
	file := filepath.Join(t.TempDir(), "batteries.csv")
	write := func(second string) {
		text := fmt.Sprintf("generalInformation.batteryIdentifier;generalInformation.batteryMass\nhttps://maker.example/1;450,5\nhttps://maker.example/2;%s\n", second)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		second, flags, want string
		rejected            bool
	}{
		{"450 kg", "-dry-run", "2 rows: 1 created, 0 updated, 0 unchanged, 1 invalid", true},
		{"450 kg", "-publish", "row 3 invalid https://maker.example/2\n  batteryMass must be a number in kg, greater than 0, with up to 3 decimal places, got \"450 kg\"\n2 rows: 1 created, 0 updated, 0 unchanged, 1 invalid", true},
		{"450", "-on-existing=update", "2 rows: 1 created, 0 updated, 1 unchanged, 0 invalid", false},
		{"451", "-on-existing=update", "2 rows: 0 created, 1 updated, 1 unchanged, 0 invalid", false},
	} {
		write(step.second)
		cmd := exec.CommandContext(t.Context(), "go", "run", "./deploy/import", step.flags, file)
		cmd.Dir, cmd.Env = root, append(os.Environ(), "AUTH_SERVICE_URL="+s.auth.URL, "PASSPORT_SERVICE_URL="+s.passport.URL, "IMPORT_EMAIL="+operator.User.Email, "IMPORT_PASSWORD="+password)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if !strings.Contains(string(out), step.want) || (err != nil) != step.rejected {
			t.Errorf("%s: got %q, %v, want %q\n%s", step.flags, out, err, step.want, &stderr)
		}
	}
	waittest.Until(s.t, "a notification for each import that wrote", func() bool {
		var page struct{ Items []notification }
		s.notification.Call("GET /api/notifications?limit=100", operator.Token, nil).Want(200, &page)
		count := map[string]int{}
		for _, n := range page.Items {
			count[n.EventType]++
		}
		if count["passport.created"]+count["passport.updated"] > 0 {
			t.Errorf("notifications %v, want none for single rows", count)
		}
		return count["passport.importFinished"] == 3
	})
	document := filepath.Join(t.TempDir(), "document.json")
	if err := os.WriteFile(document, []byte(`{"GeneralProductInformation":{"productIdentifier":"https://maker.example/3","batteryMass":7}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	model := exec.CommandContext(t.Context(), "go", "run", "./deploy/import", "-format", "batterypass-1.2", document)
	model.Dir, model.Env = root, append(os.Environ(), "AUTH_SERVICE_URL="+s.auth.URL, "PASSPORT_SERVICE_URL="+s.passport.URL, "IMPORT_EMAIL="+operator.User.Email, "IMPORT_PASSWORD="+password)
	if out, err := model.CombinedOutput(); err != nil || !strings.Contains(string(out), "1 row: 1 created") {
		t.Errorf("document of another data model: %s, %v", out, err)
	}
	missing := exec.CommandContext(t.Context(), "go", "run", "./deploy/import", "none.txt")
	missing.Dir = root
	if out, err := missing.CombinedOutput(); err == nil || !strings.Contains(string(out), "must end in .ndjson") {
		t.Errorf("unknown extension: %s, %v", out, err)
	}
}
