package main

import (
	"errors"
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

// leakChecks are the calls by which tests look for goroutines that are left.
var leakChecks = regexp.MustCompile(`goleak\.VerifyTestMain\(|storetest\.Main\(`)

// unchecked packages run a broker and an S3 server in their tests, which leave
// goroutines of their own. What they test has leak checks.
var unchecked = []string{"deploy/chaos", "deploy/e2e", "deploy/events/tail"}

// checkSource reports a package that starts goroutines, itself or in its tests,
// when no test looks for leaks, and decisions of pkg/rest by the prefix of a path.
func checkSource(p *pkg) error {
	tests := slices.Concat(p.TestGoFiles, p.XTestGoFiles)
	leaks := len(tests) > 0 && !slices.Contains(unchecked, p.name())
	for _, file := range tests {
		text, err := os.ReadFile(filepath.Join(p.Dir, file))
		if err != nil {
			return err
		}
		leaks = leaks && !leakChecks.Match(text)
	}
	var errs []error
	for _, name := range slices.Concat(p.GoFiles, tests) {
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if leaks && startsGoroutine(n) {
				leaks = false // once is enough
				errs = append(errs, fmt.Errorf("%s starts goroutines: its tests must call goleak.VerifyTestMain", p.name()))
			}
			if p.name() == "pkg/rest" && slices.Contains(p.GoFiles, name) && looksAtPrefix(n) {
				errs = append(errs, fmt.Errorf("%s/%s decides by the prefix of a path: use the policy of the route", p.name(), name))
			}
			return true
		})
	}
	return errors.Join(errs...)
}

// startsGoroutine reports whether n starts a goroutine: by a go statement, in a
// group, or after a context or a time.
func startsGoroutine(n ast.Node) bool {
	if _, ok := n.(*ast.GoStmt); ok {
		return true
	}
	name, _ := called(n)
	return name == "Go" || name == "AfterFunc"
}

// looksAtPrefix reports whether n calls HasPrefix or the like on a path.
func looksAtPrefix(n ast.Node) bool {
	name, args := called(n)
	return slices.Contains([]string{"HasPrefix", "CutPrefix", "TrimPrefix"}, name) && strings.HasSuffix(strings.ToLower(text(args[0])), "path")
}

// called returns the name and the arguments of the method or function of another
// package that n calls, if it calls one.
func called(n ast.Node) (name string, args []ast.Expr) {
	if call, ok := n.(*ast.CallExpr); ok {
		return text(call.Fun), call.Args
	}
	return "", nil
}

// text returns the last name of an expression.
func text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.Ident:
		return e.Name
	}
	return ""
}
