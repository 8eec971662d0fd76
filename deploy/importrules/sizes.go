package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
)

const (
	maxFile     = 300 // lines of a file without tests
	maxFunction = 40  // lines of a function outside tests
)

// part is a file or a function outside tests.
type part struct {
	name       string
	lines, max int
}

// measure returns the lines of a package's code and tests, and its parts.
func measure(p *pkg) (code, tests int, parts []part, err error) {
	set := token.NewFileSet()
	for _, name := range slices.Concat(p.GoFiles, p.TestGoFiles, p.XTestGoFiles) {
		parsed, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return 0, 0, nil, err
		}
		lines := set.File(parsed.FileStart).LineCount()
		if strings.HasSuffix(name, "_test.go") {
			tests += lines
			continue
		}
		code += lines
		parts = append(parts, part{p.name() + "/" + name, lines, maxFile})
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				lines := set.Position(f.End()).Line - set.Position(f.Pos()).Line + 1
				parts = append(parts, part{p.name() + "/" + name + ":" + f.Name.Name, lines, maxFunction})
			}
		}
	}
	return code, tests, parts, nil
}

// tooLong returns the parts of a package that are longer than they may be.
func tooLong(parts []part) []part {
	return slices.DeleteFunc(slices.Clone(parts), func(p part) bool { return p.lines <= p.max })
}

// longest returns the lines of the longest part with the given maximum.
func longest(parts []part, max int) (lines int) {
	for _, p := range parts {
		if p.max == max && p.lines > lines {
			lines = p.lines
		}
	}
	return lines
}

// printSizes prints a table of all packages with sums per module, and what is
// too long. The budget of pkg counts neither drivers nor helpers of tests.
func printSizes(out io.Writer, packages []pkg) error {
	drivers := []string{"pkg/event/kafka", "pkg/store/mongo", "pkg/store/sqlite"}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "code\ttests\tlongest file\tlongest function\t package\n")
	sums, long, budget := map[string][2]int{}, []part{}, 0
	for _, p := range packages {
		code, tests, parts, err := measure(&p)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%d\t%d\t%d\t%d\t %s\n", code, tests, longest(parts, maxFile), longest(parts, maxFunction), p.name())
		sum := sums[module(p.name())]
		sums[module(p.name())] = [2]int{sum[0] + code, sum[1] + tests}
		if module(p.name()) == "pkg" && !slices.Contains(drivers, p.name()) && !strings.HasSuffix(p.name(), "test") {
			budget += code
		}
		long = append(long, tooLong(parts)...)
	}
	for _, name := range []string{"auth-service", "passport-service", "document-service", "notification-service", "pkg", "deploy"} {
		fmt.Fprintf(w, "%d\t%d\t\t\t %s, all\n", sums[name][0], sums[name][1], name)
	}
	fmt.Fprintf(w, "%d\t\t\t\t pkg without drivers and test helpers\n", budget)
	for _, p := range long {
		fmt.Fprintf(w, "%d\t\t\t\t too long: %s\n", p.lines, p.name)
	}
	return w.Flush()
}
