package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// starts is how a goroutine begins, and watched how tests see that it ends.
var (
	starts  = regexp.MustCompile(`(?m)^\s*go [\w.]+\(|^\s*go func\(|\.Go\(func\(`)
	watched = regexp.MustCompile(`goleak\.VerifyTestMain\(|storetest\.Main\(`)
)

// leaky says that a package starts goroutines and has tests, none of which look
// whether one is left. The programs of deploy run the servers of others.
func leaky(p pkg) error {
	name := strings.TrimPrefix(p.ImportPath, house)
	tests := slices.Concat(p.TestGoFiles, p.XTestGoFiles)
	if len(tests) == 0 || strings.HasPrefix(name, "deploy/") {
		return nil
	}
	started, err := holds(p.Dir, p.GoFiles, starts)
	if err != nil || !started {
		return err
	}
	if seen, err := holds(p.Dir, tests, watched); err != nil || seen {
		return err
	}
	return fmt.Errorf("%s starts goroutines: have its tests call goleak.VerifyTestMain", name)
}

// holds tells whether one of the files has what is looked for.
func holds(dir string, files []string, what *regexp.Regexp) (bool, error) {
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			return false, err
		}
		if what.Match(text) {
			return true, nil
		}
	}
	return false, nil
}
