package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// watched is how tests see that goroutines end.
var watched = regexp.MustCompile(`goleak\.VerifyTestMain\(|storetest\.Main\(`)

// unwatched are packages that start goroutines, whose tests do not look whether
// one is left, and why.
var unwatched = map[string]string{
	"deploy/chaos": "a broker and an S3 server of others run in its tests, and leave some at their end",
	"deploy/e2e":   "the same; the packages that those tests are about have tests of their own that look",
}

// leaky says that a package, or its tests, start goroutines, and that none of the
// tests looks whether one is left.
func leaky(p pkg) error {
	name := strings.TrimPrefix(p.ImportPath, house)
	tests := slices.Concat(p.TestGoFiles, p.XTestGoFiles)
	if len(tests) == 0 || unwatched[name] != "" {
		return nil
	}
	for _, file := range slices.Concat(p.GoFiles, tests) {
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, file), nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if !starts(parsed) {
			continue
		}
		if seen, err := looks(p.Dir, tests); err != nil || seen {
			return err
		}
		return fmt.Errorf("%s starts goroutines: have its tests call goleak.VerifyTestMain", name)
	}
	return nil
}

// starts tells whether a file starts a goroutine: by itself, in a group, or when
// a context or a time is over.
func starts(file *ast.File) (found bool) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			found = true
		case *ast.CallExpr:
			called, ok := n.Fun.(*ast.SelectorExpr)
			found = found || ok && (called.Sel.Name == "Go" || called.Sel.Name == "AfterFunc")
		}
		return !found
	})
	return found
}

// looks tells whether one of the tests sees that goroutines end.
func looks(dir string, tests []string) (bool, error) {
	for _, file := range tests {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil || watched.Match(text) {
			return err == nil, err
		}
	}
	return false, nil
}
