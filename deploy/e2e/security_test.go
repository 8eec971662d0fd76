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

// levels has the level of each requirement of ASVS 5.0.0, by section, one digit per
// requirement.
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

// expected returns the ids of the rows that docs/asvs.md must have.
func expected() map[string]string {
	ids := map[string]string{} // level by id; empty for ids without a level
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
	for i := 21; i <= 37; i++ {
		ids[fmt.Sprint(i)] = ""
	}
	return ids
}

// A claim is a row of the tables: a requirement, whether it is met, and the tests.
type claim struct {
	ids                       []string
	level, requirement, state string
	how, tests                string
	named, linked, broken     []string // of tests: test names, links, and invalid text
}

var (
	span    = regexp.MustCompile("`([^`]*)`")
	link    = regexp.MustCompile(`\[[^\]]*\]\(([^)]*)\)`)
	heading = regexp.MustCompile(`(?m)^##+ (.*)$`)
	name    = regexp.MustCompile(`^[a-z0-9/-]+\.(Test|Fuzz)[A-Z]\w*$`)
)

// claims returns the rows of the tables that have a column "tests", and format errors.
func claims(page string) (all []claim, errs []string) {
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
			errs = append(errs, fmt.Sprintf("%d cells under %d columns: %s", len(cells), len(columns), line))
		default:
			all = append(all, newClaim(columns, cells))
		}
	}
	return all, errs
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
			c.requirement = cells[i]
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
	if rest = strings.Trim(rest, ", "); rest != "" { // such as a placeholder
		c.broken = append(c.broken, rest)
	}
	return c
}

// errors returns the errors of a claim.
func (c claim) errors(tests map[string]bool) (all []string) {
	if c.requirement == "" || c.how == "" {
		all = append(all, "requirement or explanation is missing")
	}
	for _, text := range c.broken {
		all = append(all, fmt.Sprintf("%q is neither a test nor a link", text))
	}
	for _, test := range c.named {
		if !tests[test] {
			all = append(all, "not found: test "+test)
		}
	}
	switch proofs := len(c.named) + len(c.linked); c.state {
	case "met":
		if proofs == 0 {
			all = append(all, "is met, but has no test or link")
		}
	case "not met":
	case "does not apply":
		if proofs > 0 {
			all = append(all, "does not apply, but has a test or link")
		}
	default:
		all = append(all, fmt.Sprintf("state %q is unknown", c.state))
	}
	return all
}

// findTests returns all tests and fuzz targets of the workspace as folder.Name.
func findTests(t *testing.T) map[string]bool {
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
		for object := range parsed.Scope.Objects { // methods are not tests
			all[path.Dir(file)+"."+object] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// checkSecurityPage returns the errors in docs/asvs.md: each requirement must have one
// row with its level, and the tests and links of a row must exist.
func checkSecurityPage(page string, tests map[string]bool) []string {
	all, errs := claims(page)
	missing := expected()
	for _, c := range all {
		for _, text := range c.errors(tests) {
			errs = append(errs, fmt.Sprintf("%v: %s", c.ids, text))
		}
		for _, id := range c.ids {
			level, ok := missing[id]
			if !ok {
				errs = append(errs, id+" has two rows, or is not a requirement of level 1 or 2")
			} else if level != "" && !slices.Contains(strings.Split(c.level, ", "), level) {
				errs = append(errs, fmt.Sprintf("%s must have level %s, got %s", id, level, c.level))
			}
			delete(missing, id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(missing)) {
		errs = append(errs, "row of "+id+" is missing")
	}
	return append(errs, brokenLinks("docs", page)...)
}

func TestSecurityPageIsCorrect(t *testing.T) {
	for _, text := range checkSecurityPage(page(t, "docs/asvs.md"), findTests(t)) {
		t.Error(text)
	}
}

// TestSecurityPageErrorsAreFound inserts one error of each kind into the page.
func TestSecurityPageErrorsAreFound(t *testing.T) {
	page, tests := page(t, "docs/asvs.md"), findTests(t)
	before := len(checkSecurityPage(page, tests))
	for name, c := range map[string]struct{ old, new, want string }{
		"missing test":            {"deploy/e2e.TestTraceIsRefused", "deploy/e2e.TestTraceIsAnswered", "not found: test deploy/e2e.TestTraceIsAnswered"},
		"test in another package": {"deploy/e2e.TestTraceIsRefused", "deploy/chaos.TestTraceIsRefused", "not found: test deploy/chaos.TestTraceIsRefused"},
		"placeholder for a test":  {"`deploy/e2e.TestTraceIsRefused`", "pending: a test", `[13.4.4]: "pending: a test" is neither a test nor a link`},
		"met without tests":       {"`deploy/e2e.TestTraceIsRefused`", "", "[13.4.4]: is met, but has no test or link"},
		"unknown state":           {"| No TRACE method | met |", "| No TRACE method | nearly |", `[13.4.4]: state "nearly" is unknown`},
		"missing explanation":     {"| met | 405 |", "| met | |", "[13.4.4]: requirement or explanation is missing"},
		"duplicate id":            {"| 13.4.4 |", "| 13.4.5 |", "13.4.5 has two rows, or is not a requirement of level 1 or 2"},
		"missing id":              {"| 13.4.4 |", "| 13.4.5 |", "row of 13.4.4 is missing"},
		"wrong level":             {"| 13.4.4 | 2 |", "| 13.4.4 | 1 |", "13.4.4 must have level 2, got 1"},
		"missing cell":            {"| No TRACE method | met |", "| No TRACE method |", "5 cells under 6 columns"},
		"missing file":            {"../.dockerignore", "../.ignore", "link is broken: ../.ignore"},
		"missing heading":         {"](security.md#logins)", "](security.md#missing)", "link is broken: security.md#missing"},
	} {
		t.Run(name, func(t *testing.T) {
			changed := strings.Replace(page, c.old, c.new, 1)
			got := checkSecurityPage(changed, tests)
			if !slices.ContainsFunc(got, func(text string) bool { return strings.HasPrefix(text, c.want) || strings.HasSuffix(text, c.want) }) || len(got) == before {
				t.Errorf("errors %q, want %q", got, c.want)
			}
		})
	}
}

// TestTraceIsRefused checks that no service supports the method TRACE.
func TestTraceIsRefused(t *testing.T) {
	s := start(t, config(t))
	for path, c := range map[string]resttest.Client{
		"/api/auth/login": s.auth, "/api/passports": s.passport, "/api/documents": s.document, "/api/notifications": s.notification,
	} {
		if a := c.Do("TRACE "+path, "", "X-Secret", "trace-secret").Want(405, nil); strings.Contains(a.Text, "trace-secret") {
			t.Errorf("%s: %s", path, a.Text)
		}
	}
}
