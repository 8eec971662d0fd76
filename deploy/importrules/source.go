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

// leakChecks are the calls by which tests look for goroutines that are left.
var leakChecks = regexp.MustCompile(`goleak\.VerifyTestMain\(|storetest\.Main\(`)

// cutsPrefix matches the functions that look at how a text begins.
var cutsPrefix = regexp.MustCompile(`^(Has|Cut|Trim)Prefix$`)

// unchecked packages run a broker and an S3 server in their tests, which leave
// goroutines of their own. What they test has leak checks.
var unchecked = []string{"deploy/chaos", "deploy/e2e", "deploy/events/tail"}

// checkSource reports files and functions outside tests that are too long,
// decisions of pkg/rest by the prefix of a path, and a package that starts
// goroutines, itself or in its tests, when no test looks for leaks.
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
				errs = append(errs, fmt.Errorf("%s/%s decides by the prefix of a path: use the policy of the route", p.name(), name))
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

// text returns a file that go list has named.
func text(dir, name string) []byte {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		panic(err)
	}
	return data
}

// lines returns the lines of all files together.
func lines(dir string, names []string) (sum int) {
	for _, name := range names {
		sum += bytes.Count(text(dir, name), []byte("\n"))
	}
	return sum
}

// called returns the name of the function that n calls, and its first argument.
func called(n ast.Node) (name, argument string) {
	if call, ok := n.(*ast.CallExpr); ok && len(call.Args) > 0 {
		return lastName(call.Fun), lastName(call.Args[0])
	}
	return "", ""
}

// lastName returns the last name of an expression, such as Path of r.URL.Path.
func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.Ident:
		return e.Name
	}
	return ""
}
