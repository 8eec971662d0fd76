package e2e

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/rest/resttest"
)

// levels has a digit for each requirement of ASVS 5.0.0, by sections: the level
// from which on it is one.
var levels = map[string]string{
	"1.1": "22", "1.2": "1111122223", "1.3": "112222222223", "1.4": "222", "1.5": "123",
	"2.1": "122", "2.2": "112", "2.3": "12223", "2.4": "23",
	"3.1": "3", "3.2": "113", "3.3": "12223", "3.4": "11222233", "3.5": "11122333", "3.6": "3", "3.7": "22333",
	"4.1": "12233", "4.2": "23333", "4.3": "22", "4.4": "1222",
	"5.1": "2", "5.2": "112333", "5.3": "113", "5.4": "222",
	"6.1": "122", "6.2": "111111112222", "6.3": "11223333", "6.4": "112233", "6.5": "22222333", "6.6": "2223", "6.7": "33", "6.8": "2222",
	"7.1": "222", "7.2": "1111", "7.3": "22", "7.4": "11222", "7.5": "223", "7.6": "22",
	"8.1": "1233", "8.2": "1123", "8.3": "133", "8.4": "23",
	"9.1": "111", "9.2": "1222",
	"10.1": "22", "10.2": "223", "10.3": "22223", "10.4": "1111122222233333", "10.5": "22222", "10.6": "22", "10.7": "222",
	"11.1": "2233", "11.2": "22233", "11.3": "11233", "11.4": "1222", "11.5": "23", "11.6": "23", "11.7": "33",
	"12.1": "12233", "12.2": "11", "12.3": "22223",
	"13.1": "2333", "13.2": "222223", "13.3": "2233", "13.4": "1222233",
	"14.1": "22", "14.2": "12223333", "14.3": "122",
	"15.1": "12233", "15.2": "12233", "15.3": "1222222", "15.4": "3333",
	"16.1": "2", "16.2": "22222", "16.3": "2222", "16.4": "222", "16.5": "2223",
	"17.1": "23", "17.2": "22223333", "17.3": "22",
}

// expected are the ids that docs/security.md has a row for.
func expected() map[string]string {
	ids := map[string]string{} // to the level, where there is one
	for section, digits := range levels {
		for i, level := range digits {
			if level < '3' {
				ids[fmt.Sprint(section, ".", i+1)] = string(level)
			}
		}
	}
	for i := range 10 {
		ids[fmt.Sprintf("API%d", i+1)] = ""
	}
	for i := 21; i <= 36; i++ {
		ids[fmt.Sprint(i)] = ""
	}
	return ids
}

// A claim is a row of the tables: what somebody may ask of a requirement.
type claim struct {
	ids                   []string
	level, what, state    string
	how, tests            string
	named, linked, broken []string // of tests: what it names, links to, and what is neither
}

var (
	span    = regexp.MustCompile("`([^`]*)`")
	link    = regexp.MustCompile(`\[[^\]]*\]\(([^)]*)\)`)
	heading = regexp.MustCompile(`(?m)^##+ (.*)$`)
	name    = regexp.MustCompile(`^[a-z0-9/-]+\.(Test|Fuzz)[A-Z]\w*$`)
)

// claims reads the tables of the page that have a column for tests.
func claims(page string) (all []claim, wrong []string) {
	var columns []string
	for line := range strings.Lines(page) {
		if !strings.HasPrefix(line, "|") {
			columns = nil
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case columns == nil:
			columns = cells
		case !slices.Contains(columns, "tests") || strings.HasPrefix(cells[0], "-"):
		case len(cells) != len(columns):
			wrong = append(wrong, fmt.Sprintf("%d cells under %d columns: %s", len(cells), len(columns), line))
		default:
			all = append(all, newClaim(columns, cells))
		}
	}
	return all, wrong
}

func newClaim(columns, cells []string) (c claim) {
	for i, column := range columns {
		switch column {
		case "id":
			c.ids = strings.Split(cells[i], ", ")
		case "level":
			c.level = cells[i]
		case "state":
			c.state = cells[i]
		case "requirement":
			c.what = cells[i]
		case "how":
			c.how = cells[i]
		case "tests":
			c.tests = cells[i]
		}
	}
	rest := c.tests
	for _, m := range span.FindAllStringSubmatch(c.tests, -1) {
		rest = strings.Replace(rest, m[0], "", 1)
		if name.MatchString(m[1]) {
			c.named = append(c.named, m[1])
		} else {
			c.broken = append(c.broken, m[1])
		}
	}
	for _, m := range link.FindAllStringSubmatch(rest, -1) {
		rest = strings.Replace(rest, m[0], "", 1)
		c.linked = append(c.linked, m[1])
	}
	if rest = strings.Trim(rest, ", "); rest != "" { // such as what is still to be filled in
		c.broken = append(c.broken, rest)
	}
	return c
}

// wrong tells what a claim lacks, or says too much.
func (c claim) wrong(tests map[string]bool) (all []string) {
	if c.what == "" || c.how == "" {
		all = append(all, "says not what is asked, or not how it is met")
	}
	for _, text := range c.broken {
		all = append(all, fmt.Sprintf("%q is neither a test nor a link", text))
	}
	for _, test := range c.named {
		if !tests[test] {
			all = append(all, "there is no test "+test)
		}
	}
	switch proofs := len(c.named) + len(c.linked); c.state {
	case "met":
		if proofs == 0 {
			all = append(all, "is met, and nothing holds it")
		}
	case "not met":
	case "does not apply":
		if proofs > 0 {
			all = append(all, "does not apply, and is tested")
		}
	default:
		all = append(all, fmt.Sprintf("its state is %q", c.state))
	}
	return all
}

// writtenTests returns the names of all tests and fuzz targets of the workspace,
// each after the folder it is in.
func writtenTests(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	err := fs.WalkDir(os.DirFS(root), ".", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && file != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return fs.SkipDir
		case !strings.HasSuffix(file, "_test.go"):
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, 0)
		if err != nil {
			return err
		}
		for object := range parsed.Scope.Objects { // methods are none
			all[path.Dir(file)+"."+object] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// untrue tells what is wrong with docs/security.md: each requirement has one row
// with its level, and what a row names is there.
func untrue(page string, tests map[string]bool) []string {
	all, wrong := claims(page)
	missing := expected()
	for _, c := range all {
		for _, text := range c.wrong(tests) {
			wrong = append(wrong, fmt.Sprintf("%v: %s", c.ids, text))
		}
		for _, id := range c.ids {
			level, ok := missing[id]
			if !ok {
				wrong = append(wrong, id+" stands twice, or is none of levels 1 and 2")
			} else if level != "" && !slices.Contains(strings.Split(c.level, ", "), level) {
				wrong = append(wrong, fmt.Sprintf("%s is of level %s, not %s", id, level, c.level))
			}
			delete(missing, id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(missing)) {
		wrong = append(wrong, id+" has no row")
	}
	return append(wrong, nowhere(page)...)
}

// nowhere tells which links of docs/security.md lead to no file, or to none of
// its headings.
func nowhere(page string) (wrong []string) {
	headings := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(page, -1) {
		headings[strings.ReplaceAll(strings.ToLower(m[1]), " ", "-")] = true
	}
	for _, m := range link.FindAllStringSubmatch(page, -1) {
		file, place, _ := strings.Cut(m[1], "#")
		_, err := os.Stat(filepath.Join(root, "docs", filepath.FromSlash(file)))
		if !strings.Contains(m[1], "://") && (err != nil || file == "" && !headings[place]) {
			wrong = append(wrong, "a link leads nowhere: "+m[1])
		}
	}
	return wrong
}

func securityPage(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestSecurityIsAsStated(t *testing.T) {
	for _, text := range untrue(securityPage(t), writtenTests(t)) {
		t.Error(text)
	}
}

// TestUntrueSecurityIsFound makes the page say what is not so.
func TestUntrueSecurityIsFound(t *testing.T) {
	page, tests := securityPage(t), writtenTests(t)
	before := len(untrue(page, tests))
	for name, c := range map[string]struct{ old, new, want string }{
		"a test that is not there":   {"deploy/e2e.TestTraceIsRefused", "deploy/e2e.TestTraceIsAnswered", "there is no test deploy/e2e.TestTraceIsAnswered"},
		"a test in another package":  {"deploy/e2e.TestTraceIsRefused", "deploy/chaos.TestTraceIsRefused", "there is no test deploy/chaos.TestTraceIsRefused"},
		"a test still to be written": {"`deploy/e2e.TestTraceIsRefused`", "pending: a test", `[13.4.4]: "pending: a test" is neither a test nor a link`},
		"nothing that holds it":      {"`deploy/e2e.TestTraceIsRefused`", "", "[13.4.4]: is met, and nothing holds it"},
		"a state that is none":       {"| no TRACE | met |", "| no TRACE | nearly |", `[13.4.4]: its state is "nearly"`},
		"no word of how":             {"| met | 405 |", "| met | |", "[13.4.4]: says not what is asked, or not how it is met"},
		"an id twice":                {"| 13.4.4 |", "| 13.4.5 |", "13.4.5 stands twice, or is none of levels 1 and 2"},
		"an id too few":              {"| 13.4.4 |", "| 13.4.5 |", "13.4.4 has no row"},
		"another level":              {"| 13.4.4 | 2 |", "| 13.4.4 | 1 |", "13.4.4 is of level 2, not 1"},
		"a cell too few":             {"| no TRACE | met |", "| no TRACE |", "5 cells under 6 columns"},
		"a file that is not there":   {"../.dockerignore", "../.ignore", "a link leads nowhere: ../.ignore"},
		"a heading that is not":      {"](#what-is-kept)", "](#what-is-lost)", "a link leads nowhere: #what-is-lost"},
	} {
		t.Run(name, func(t *testing.T) {
			changed := strings.Replace(page, c.old, c.new, 1)
			got := untrue(changed, tests)
			if !slices.ContainsFunc(got, func(text string) bool { return strings.HasPrefix(text, c.want) || strings.HasSuffix(text, c.want) }) || len(got) == before {
				t.Errorf("found %q, not %q", got, c.want)
			}
		})
	}
}

// TestTraceIsRefused: no service sends back what a request held.
func TestTraceIsRefused(t *testing.T) {
	s := start(t, config(t))
	for path, c := range map[string]resttest.Client{
		"/api/auth/login": s.auth, "/api/passports": s.passport, "/api/documents": s.document, "/api/notifications": s.notification,
	} {
		if a := c.Do("TRACE "+path, "", "X-Secret", "told-to-nobody").Want(405, nil); strings.Contains(a.Text, "told-to-nobody") {
			t.Errorf("%s: %s", path, a.Text)
		}
	}
}
