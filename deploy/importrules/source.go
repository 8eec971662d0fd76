package main

import (
	"bytes"
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

const (
	maxFile     = 300 // lines of a file without tests
	maxFunction = 40  // lines of a function outside tests
)

// leakChecks matches the calls that check for goroutine leaks.
var leakChecks = regexp.MustCompile(`goleak\.VerifyTestMain\(|storetest\.Main\(`)

// cutsPrefix matches the functions that compare the prefix of a string.
var cutsPrefix = regexp.MustCompile(`^(Has|Cut|Trim)Prefix$`)

// unchecked packages need no leak check: their tests run a broker and an S3 server, which
// leak goroutines.
var unchecked = []string{"deploy/chaos", "deploy/e2e", "deploy/events/tail"}

// checkSource returns an error for each file and function outside tests that is too long,
// for each comparison of a path prefix in pkg/rest, and if the package or its tests start
// goroutines without a leak check.
func checkSource(p *pkg) (errs []error) {
	tests := slices.Concat(p.TestGoFiles, p.XTestGoFiles)
	starts, checked := false, len(tests) == 0 || slices.Contains(unchecked, p.name())
	set := token.NewFileSet()
	for _, name := range slices.Concat(p.GoFiles, tests) {
		parsed, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return []error{err}
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			function, argument := called(n)
			_, goes := n.(*ast.GoStmt)
			starts = starts || goes || function == "Go" || function == "AfterFunc"
			if f, ok := n.(*ast.FuncDecl); ok && slices.Contains(p.GoFiles, name) {
				if n := set.Position(f.End()).Line - set.Position(f.Pos()).Line + 1; n > maxFunction {
					errs = append(errs, fmt.Errorf("%s/%s: %s must have at most %d lines, has %d", p.name(), name, f.Name.Name, maxFunction, n))
				}
			}
			if p.name() == "pkg/rest" && slices.Contains(p.GoFiles, name) && cutsPrefix.MatchString(function) && strings.HasSuffix(strings.ToLower(argument), "path") {
				errs = append(errs, fmt.Errorf("%s/%s must not decide by the prefix of a path: use the route policy", p.name(), name))
			}
			return true
		})
		if n := lines(p.Dir, []string{name}); n > maxFile && slices.Contains(p.GoFiles, name) {
			errs = append(errs, fmt.Errorf("%s/%s must have at most %d lines, has %d", p.name(), name, maxFile, n))
		}
		checked = checked || slices.Contains(tests, name) && leakChecks.Match(text(p.Dir, name))
	}
	if starts && !checked {
		errs = append(errs, fmt.Errorf("%s starts goroutines: its tests must call goleak.VerifyTestMain", p.name()))
	}
	return errs
}

// text returns the content of a file that go list has listed.
func text(dir, name string) []byte {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		panic(err)
	}
	return data
}

// lines returns the total number of lines of files.
func lines(dir string, names []string) (sum int) {
	for _, name := range names {
		sum += bytes.Count(text(dir, name), []byte("\n"))
	}
	return sum
}

// called returns the names of the function that n calls and of its first argument.
func called(n ast.Node) (name, argument string) {
	if call, ok := n.(*ast.CallExpr); ok && len(call.Args) > 0 {
		return lastName(call.Fun), lastName(call.Args[0])
	}
	return "", ""
}

// lastName returns the last identifier of an expression, such as Path in r.URL.Path.
func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.Ident:
		return e.Name
	}
	return ""
}
