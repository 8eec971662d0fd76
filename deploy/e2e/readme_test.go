package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// root is the folder of the project, which stays when a suite changes the
// working directory.
var root = func() string {
	dir, err := filepath.Abs("../..")
	if err != nil {
		panic(err)
	}
	return dir
}()

func page(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestReadmeAndWalkthroughRunAsPrinted runs the shell commands of both pages, in
// order, in one shell.
func TestReadmeAndWalkthroughRunAsPrinted(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "sed"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	cfg := config(t)
	cfg.Passport.Now = nil // the system clock, so that text files sort by time
	s := start(t, cfg)
	addresses := strings.NewReplacer(
		"http://127.0.0.1:4000", s.auth.URL, "http://127.0.0.1:5000", s.passport.URL,
		"http://127.0.0.1:5100", s.document.URL, "http://127.0.0.1:5200", s.notification.URL,
		"data/mail", s.stack.MailDir, "data/notifications", s.stack.NotificationDir,
	)
	cmd := exec.CommandContext(t.Context(), "bash", "-eu")
	cmd.Dir = root
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	shell, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(page(t, "README.md")+page(t, "docs/walkthrough.md"), -1) {
		if strings.Contains(block[1], "data/mail") { // notifications are asynchronous
			s.waitForFile(s.stack.MailDir, "Welcome to Battery Passport System")
			s.waitForFile(s.stack.NotificationDir, "Event Type: user.registered")
		}
		for line := range strings.Lines(block[1]) {
			if strings.HasPrefix(line, "curl -s ") { // print the status on a line of its own
				line = "curl -w '\\n%{http_code}\\n' " + strings.TrimPrefix(line, "curl ")
			}
			if _, err := addresses.WriteString(shell, line); err != nil {
				t.Errorf("%v, at %s", err, line) // bash has exited; its output has the reason
			}
		}
	}
	shell.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, out.Bytes())
	}
	var statuses []string
	for line := range strings.SplitSeq(out.String(), "\n") {
		if _, err := strconv.Atoi(line); len(line) == 3 && err == nil {
			statuses = append(statuses, line)
		}
	}
	want := "201 200 200 200 412 200 200 200 200 422 200 200 200 200 200 200 200 206 200 200 200 201 200 200 200 204 204 200 410 204 200"
	if got := strings.Join(statuses, " "); got != want {
		t.Errorf("got statuses %s, want %s\n%s", got, want, out.Bytes())
	}
	for _, want := range []string{"%PDF-1.4", "Notification Log - ", "Event Type: user.registered", ".eml"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output does not contain %q\n%s", want, out.Bytes())
		}
	}
}

// TestBannerPrintsQuickStart requires make run to print the commands of the
// README's quick start.
func TestBannerPrintsQuickStart(t *testing.T) {
	banner, err := os.ReadFile(filepath.Join(root, "deploy", "local", "banner.go"))
	if err != nil {
		t.Fatal(err)
	}
	printed := strings.NewReplacer("%[2]s", "http://127.0.0.1:4000", "%[3]s", "http://127.0.0.1:5000").Replace(string(banner))
	_, first, _ := strings.Cut(page(t, "README.md"), "```sh\n")
	first, _, _ = strings.Cut(first, "```")
	for line := range strings.Lines(first) {
		if !strings.Contains(printed, "  "+line) {
			t.Errorf("make run does not print %s", line)
		}
	}
}
