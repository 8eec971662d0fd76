// Importrules checks which package imports which, that no decision of the HTTP
// shell depends on a path, and that tests look for goroutines left. With -sizes
// it prints the size of each package instead.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"strings"
)

const project = "github.com/battery-passport/suite/"

// pkg is a package of the workspace, as go list describes it.
type pkg struct {
	ImportPath, Dir                    string
	Imports, Deps                      []string
	GoFiles, TestGoFiles, XTestGoFiles []string
}

func (p *pkg) name() string { return strings.TrimPrefix(p.ImportPath, project) }

func main() {
	log.SetFlags(0)
	sizes := flag.Bool("sizes", false, "print the lines of each package, its longest file and its longest function")
	flag.Parse()
	packages, err := list()
	if err == nil && *sizes {
		err = printSizes(os.Stdout, packages)
	} else if err == nil {
		err = check(packages)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func check(packages []pkg) error {
	var errs []error
	for _, p := range packages {
		errs = append(errs, checkImports(&p), checkSource(&p))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	fmt.Printf("importrules: %d packages checked\n", len(packages))
	return nil
}

// list returns the packages of the workspace.
func list() ([]pkg, error) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Imports,Deps,GoFiles,TestGoFiles,XTestGoFiles", "work")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var packages []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			return nil, err
		}
		packages = append(packages, p)
	}
	return packages, nil
}
