package e2e

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestProgramsExplainThemselves runs each program with -h, -version and wrong arguments.
func TestProgramsExplainThemselves(t *testing.T) {
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", dir, deploy+"local", deploy+"events", deploy+"seed", deploy+"chaos", deploy+"bench")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, program := range []string{"local", "events", "seed", "chaos", "bench"} {
		for _, c := range []struct {
			args []string
			exit int
			text string
		}{
			{[]string{"-h"}, 0, "usage: " + program}, {[]string{"-version"}, 0, program + " "},
			{[]string{"again"}, 2, `argument "again" is unknown`}, {[]string{"-verbose"}, 2, "-verbose"}, {[]string{"reset", "now"}, 2, "reset now"},
		} {
			exit, text := runProgram(t, filepath.Join(dir, program), os.Environ(), c.args...)
			if exit != c.exit || !strings.Contains(text, c.text) {
				t.Errorf("%s %q: exit code %d, want %d and %q:\n%s", program, c.args, exit, c.exit, c.text, text)
			}
		}
	}
	// All ports that are taken are named at once. With other back ends, the program does not need all of them.
	env := append(slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "KAFKA_") || strings.HasPrefix(v, "S3_") || strings.HasPrefix(v, "SMTP_") || strings.HasPrefix(v, "MONGODB_")
	}), "DATA_DIR="+t.TempDir())
	var taken []string
	for _, variable := range []string{"AUTH_PORT", "PASSPORT_PORT", "DOCUMENT_PORT", "NOTIFICATION_PORT", "KAFKA_PORT", "S3_PORT", "MAIL_PORT"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
		env, taken = append(env, variable+"="+port), append(taken, variable+": cannot listen on port "+port)
	}
	exit, text := runProgram(t, filepath.Join(dir, "local"), env)
	for _, message := range taken {
		if exit != 1 || !strings.Contains(text, message) {
			t.Errorf("local on taken ports: exit code %d, %s is not in\n%s", exit, message, text)
		}
	}
}

const deploy = "github.com/battery-passport/suite/deploy/"

func runProgram(t *testing.T, path string, env []string, args ...string) (exit int, text string) {
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	cmd := exec.Command(path, args...)
	cmd.Env, cmd.Dir = env, t.TempDir()
	out, err := cmd.CombinedOutput()
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return e.ExitCode(), string(out)
	} else if err != nil {
		t.Fatal(err)
	}
	return 0, string(out)
}
