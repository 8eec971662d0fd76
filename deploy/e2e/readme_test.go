package e2e

import (
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/deploy/stack"
	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/boot"
)

func readme(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestReadmeRunsAsPasted pastes its lines into a shell.
func TestReadmeRunsAsPasted(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "sed"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("there is no %s", tool)
		}
	}
	s := start(t, config(t))
	var script strings.Builder
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(readme(t), -1) {
		script.WriteString(block[1])
	}
	lines := strings.Split(strings.TrimSpace(script.String()), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "curl -s ") { // one that answers on a line of its own, with its status
			lines[i] = "curl -w '\\n%{http_code}\\n' " + strings.TrimPrefix(line, "curl ")
		}
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-eu")
	cmd.Dir = "../.."
	cmd.Stdin = strings.NewReader(strings.NewReplacer("http://127.0.0.1:4000", s.auth.URL, "http://127.0.0.1:5000", s.passport.URL).Replace(strings.Join(lines, "\n")))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var statuses []string
	for line := range strings.SplitSeq(string(out), "\n") {
		if len(line) == 3 {
			statuses = append(statuses, line)
		}
	}
	want := "201 201 200 200 200 412 200 200 200 200 200 204"
	if got := strings.Join(statuses, " "); got != want {
		t.Errorf("the lines answer %s, want %s\n%s", got, want, out)
	}
}

// TestReadmeNamesEveryVariable, and only those that are read.
func TestReadmeNamesEveryVariable(t *testing.T) {
	text := readme(t)
	_, table, ok := strings.Cut(text, "## Settings")
	table, _, _ = strings.Cut(table, "`make run` takes")
	if !ok {
		t.Fatal("there is no table of settings")
	}
	named := map[string]bool{}
	for line := range strings.SplitSeq(table, "\n") {
		first, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		for _, m := range regexp.MustCompile("`([A-Z_]+)`").FindAllStringSubmatch(first, -1) {
			named[m[1]] = true
		}
	}
	for _, cfg := range []any{new(boot.Log), new(authd.Config), new(passportd.Config), new(stack.Config)} {
		for _, f := range boot.Variables(cfg) {
			name := f.Tag.Get("envconfig")
			if !strings.Contains(table, "`"+name+"`") {
				t.Errorf("%s of %v is not in the README", name, reflect.TypeOf(cfg))
			}
			if f.Tag.Get("desc") == "" {
				t.Errorf("%s has no description", name)
			}
			delete(named, name)
		}
	}
	for name := range named {
		t.Errorf("nobody reads %s", name)
	}
}
