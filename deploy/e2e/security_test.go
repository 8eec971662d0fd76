package e2e

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSecurityTable holds docs/security.md to what there is: every test that it
// names exists, and every row says what state it is in, and why.
func TestSecurityTable(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests := testsByPackage(t)
	named := regexp.MustCompile("`([a-z0-9]+)\\.((?:Test|Fuzz)\\w+)`")
	seen := map[string]bool{}
	rows := 0
	for n, line := range strings.Split(string(data), "\n") {
		cells := strings.Split(line, " | ")
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| ---") || strings.Contains(line, "held by") {
			continue
		}
		rows++
		held := named.FindAllStringSubmatch(line, -1)
		for _, m := range held {
			if !tests[m[1]][m[2]] {
				t.Errorf("line %d: there is no %s in a package %s", n+1, m[2], m[1])
			}
		}
		id := strings.TrimPrefix(cells[0], "| ")
		if seen[id] {
			t.Errorf("line %d: %s stands there twice", n+1, id)
		}
		seen[id] = true
		state := "met"
		if len(cells) == 5 {
			state = cells[3]
		}
		why := strings.TrimSuffix(cells[len(cells)-1], " |")
		switch {
		case state != "met" && state != "not met" && state != "does not apply":
			t.Errorf("line %d: %q is no state", n+1, state)
		case state == "met" && len(held) == 0:
			t.Errorf("line %d: no test holds %s", n+1, id)
		case strings.TrimSpace(why) == "":
			t.Errorf("line %d: %s is %s for no reason", n+1, id, state)
		}
	}
	if rows < 100 {
		t.Errorf("%d rows were read", rows)
	}
}

// testsByPackage returns the names of all tests, by the name of their folder.
func testsByPackage(t *testing.T) map[string]map[string]bool {
	t.Helper()
	found := map[string]map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		name := filepath.Base(filepath.Dir(path))
		if found[name] == nil {
			found[name] = map[string]bool{}
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				found[name][f.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
