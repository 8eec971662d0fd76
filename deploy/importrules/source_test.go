package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckSource checks an invalid and a valid file for each rule.
func TestCheckSource(t *testing.T) {
	statements := func(n int) string { return "func f() {\n" + strings.Repeat("\tprintln()\n", n) + "}\n" }
	comments := func(n int) string { return strings.Repeat("// x\n", n) }
	const check = "func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }\n"
	for name, c := range map[string]struct {
		pkg, code, test string
		want            string
	}{
		"a function of 40 lines":            {"pkg/store", statements(38), "", ""},
		"a function of 41 lines":            {"pkg/store", statements(39), "", "pkg/store/x.go: f must have at most 40 lines, has 41"},
		"a method of 41 lines":              {"pkg/store", strings.Replace(statements(39), "f()", "(T) m()", 1), "", "pkg/store/x.go: m must have at most 40 lines, has 41"},
		"a long test":                       {"pkg/store", "", statements(100) + comments(300), ""},
		"a file of 300 lines":               {"pkg/store", comments(299), "", ""},
		"a file of 301 lines":               {"pkg/store", comments(300), "", "pkg/store/x.go must have at most 300 lines, has 301"},
		"a goroutine":                       {"pkg/store", "func f() { go f() }\n", "func g() {}\n", "pkg/store starts goroutines: its tests must call goleak.VerifyTestMain"},
		"a goroutine of a group in a test":  {"pkg/store", "", "func f() { wg.Go(f) }\n", "pkg/store starts goroutines: its tests must call goleak.VerifyTestMain"},
		"a goroutine and a check for leaks": {"pkg/store", "func f() { go f() }\n", check, ""},
		"a goroutine and no tests":          {"pkg/store", "func f() { go f() }\n", "", ""},
		"the prefix of a path":              {"pkg/rest", "var _ = strings.HasPrefix(r.URL.Path, x)\n", "", "pkg/rest/x.go must not decide by the prefix of a path: use the route policy"},
		"the prefix of a path in a test":    {"pkg/rest", "", "var _ = strings.HasPrefix(r.URL.Path, x)\n", ""},
		"the prefix of another text":        {"pkg/rest", "var _ = strings.HasPrefix(tag, x)\n", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := &pkg{ImportPath: project + c.pkg, Dir: t.TempDir()}
			write := func(name, text string) []string {
				if text == "" {
					return nil
				}
				if err := os.WriteFile(filepath.Join(p.Dir, name), []byte("package x\n"+text), 0o600); err != nil {
					t.Fatal(err)
				}
				return []string{name}
			}
			p.GoFiles, p.TestGoFiles = write("x.go", c.code), write("x_test.go", c.test)
			if got := strings.TrimSuffix(fmt.Sprint(errors.Join(checkSource(p)...)), "<nil>"); got != c.want {
				t.Errorf("checkSource = %q, want %q", got, c.want)
			}
		})
	}
}
