package e2e

import (
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// brokenLinks returns an error for each link of a page in a folder to a missing file or
// heading.
func brokenLinks(folder, page string) (errs []string) {
	for _, m := range link.FindAllStringSubmatch(page, -1) {
		target, place, _ := strings.Cut(m[1], "#")
		if strings.Contains(target, ":") {
			continue
		}
		text, file := page, filepath.Join(root, folder, filepath.FromSlash(target))
		if target != "" && place != "" {
			data, _ := os.ReadFile(file)
			text = string(data)
		}
		if _, err := os.Stat(file); err != nil || place != "" && !hasHeading(text, place) {
			errs = append(errs, "link is broken: "+m[1])
		}
	}
	return errs
}

// hasHeading reports whether a page has a heading to which the link #place leads.
func hasHeading(page, place string) bool {
	for _, m := range heading.FindAllStringSubmatch(page, -1) {
		if strings.ReplaceAll(strings.ToLower(m[1]), " ", "-") == place {
			return true
		}
	}
	return false
}

// TestLinksOfPages checks the links between the pages for readers.
func TestLinksOfPages(t *testing.T) {
	for _, folder := range []string{".", "docs", "docs/formats", "passport-service/samples"} {
		files, err := filepath.Glob(filepath.Join(root, folder, "*.md"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s has no pages: %v", folder, err)
		}
		for _, file := range files {
			name := path.Join(folder, filepath.Base(file))
			for _, text := range brokenLinks(folder, page(t, name)) {
				t.Errorf("%s: %s", name, text)
			}
		}
	}
}
