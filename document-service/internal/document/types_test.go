package document

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of types in docs/api.md")

// TestTypesAreDocumented compares the table of media types in docs/api.md.
func TestTypesAreDocumented(t *testing.T) {
	const path, begin, end = "../../../docs/api.md", "<!-- types -->\n", "<!-- end of types -->\n"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(text), begin)
	got, after, _ := strings.Cut(rest, end)
	var b strings.Builder
	b.WriteString("| stored as | | extensions | by default |\n| --- | --- | --- | --- |\n")
	for _, name := range slices.Sorted(maps.Keys(fileTypes)) {
		t, allowed := fileTypes[name], "yes"
		if t.optional {
			allowed = "no"
		}
		fmt.Fprintf(&b, "| `%s` | %s | `%s` | %s |\n", name, t.name, strings.Join(t.extensions, "` `"), allowed)
	}
	if got == b.String() {
		return
	}
	if !*update {
		t.Fatalf("%s is out of date: run this test with -update", path)
	}
	if err := os.WriteFile(path, []byte(before+begin+b.String()+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
