// Importrules checks the imports between packages, the length of files and functions,
// that pkg/rest does not decide by URL prefix, and that tests check for goroutine leaks.
// With -sizes it prints the number of lines of each package instead.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"maps"
	"os/exec"
	"slices"
	"strings"
)

const project = "github.com/battery-passport/suite/"

// pkg is a package of the workspace, as printed by go list.
type pkg struct {
	ImportPath, Dir                    string
	Imports, Deps                      []string
	GoFiles, TestGoFiles, XTestGoFiles []string
}

func (p *pkg) name() string { return strings.TrimPrefix(p.ImportPath, project) }

func main() {
	log.SetFlags(0)
	sizes := flag.Bool("sizes", false, "print the lines of each package and module")
	flag.Parse()
	packages, err := list()
	if err != nil {
		log.Fatal(err)
	}
	if *sizes {
		printSizes(packages)
		return
	}
	var errs []error
	for _, p := range packages {
		errs = append(append(errs, checkImports(&p)...), checkSource(&p)...)
	}
	if err := errors.Join(errs...); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("importrules: %d packages checked\n", len(packages))
}

// list returns the packages of the workspace.
func list() (packages []pkg, err error) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Dir,Imports,Deps,GoFiles,TestGoFiles,XTestGoFiles", "work").Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			return nil, err
		}
		packages = append(packages, p)
	}
	return packages, nil
}

// printSizes prints the number of lines of all packages and modules. The sum for the
// size limit of pkg excludes drivers and test helpers.
func printSizes(packages []pkg) {
	fmt.Println("  code   tests  package")
	code, tests := map[string]int{}, map[string]int{}
	for _, p := range packages {
		sums := []string{p.name(), module(p.name()) + ", total"}
		if module(p.name()) == "pkg" && !slices.Contains([]string{"pkg/event/kafka", "pkg/store/mongo", "pkg/store/sqlite"}, p.name()) && !strings.HasSuffix(p.name(), "test") {
			sums = append(sums, "pkg, without drivers and test helpers")
		}
		for _, sum := range sums {
			code[sum] += lines(p.Dir, p.GoFiles)
			tests[sum] += lines(p.Dir, append(p.TestGoFiles, p.XTestGoFiles...))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(code)) {
		fmt.Printf("%6d  %6d  %s\n", code[name], tests[name], name)
	}
}
