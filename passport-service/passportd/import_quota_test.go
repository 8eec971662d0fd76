package passportd_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// TestImportStaysWithinTheQuota imports rows that exceed a quota. A dry run refuses the same rows,
// with the same texts, and uses nothing of the quota. The organisation has the passport S before,
// with two versions.
func TestImportStaysWithinTheQuota(t *testing.T) {
	const quota = " /data:quota"
	row := func(name string, mass int) string {
		return fmt.Sprintf(`{"data":{"generalInformation":{"batteryIdentifier":"https://a.example/%s","batteryMass":%d}}}`+"\n", name, mass)
	}
	size := int64(len(row("S", 1)) - len(`{"data":}`+"\n"))
	long := fmt.Sprintf(`{"data":{"generalInformation":{"batteryIdentifier":"https://a.example/L","manufacturingPlace":%q}}}`+"\n", strings.Repeat("x", 100))
	for name, c := range map[string]struct {
		quotas            passportd.Config
		file, want, again string // again: after the import
	}{
		"passports": {passportd.Config{OrgPassports: 3}, row("A", 1) + row("B", 1) + row("B", 1) + row("C", 1) + row("C", 1) + row("A", 1) + row("S", 3),
			"1 created v1 draft; 2 created v1 draft; 3 unchanged v1 draft; 4 conflict" + quota + "; 5 conflict" + quota + "; 6 unchanged v1 draft; 7 updated v3 draft",
			"1 unchanged v1 draft; 2 unchanged v1 draft; 3 unchanged v1 draft; 4 conflict" + quota + "; 5 conflict" + quota + "; 6 unchanged v1 draft; 7 unchanged v3 draft"},
		"versions": {passportd.Config{OrgVersions: 4}, row("A", 1) + row("A", 2) + row("A", 3) + row("B", 1),
			"1 created v1 draft; 2 updated v2 draft; 3 conflict v2 draft" + quota + "; 4 conflict" + quota, ""},
		"published version": {passportd.Config{OrgVersions: 5}, compact(t, "lmt-ebike.json") + "\n" + row("A", 1) + row("B", 1) + row("S", 3),
			"1 created v2 active; 2 created v1 draft; 3 conflict" + quota + "; 4 conflict v2 draft" + quota,
			"1 unchanged v2 active; 2 unchanged v1 draft; 3 conflict" + quota + "; 4 conflict v2 draft" + quota},
		"version of a passport": {passportd.Config{OrgVersions: 2}, row("S", 2) + row("S", 3) + row("A", 1),
			"1 unchanged v2 draft; 2 conflict v2 draft" + quota + "; 3 conflict" + quota,
			"1 unchanged v2 draft; 2 conflict v2 draft" + quota + "; 3 conflict" + quota},
		"bytes": {passportd.Config{OrgBytes: 4*size + 50}, row("A", 1) + long + row("B", 1) + row("C", 1),
			"1 created v1 draft; 2 conflict" + quota + "; 3 created v1 draft; 4 conflict" + quota, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.quotas.Store = connect.Config{Dir: t.TempDir()}
			c.quotas.Now = sampleClock
			s := startConfigured(t, c.quotas, authtest.New(t))
			operator := s.as(auth.Operator, "a")
			s.importFile(operator, "?onExisting=update", ndjson, row("S", 1)+row("S", 2))
			texts := map[string]bool{}
			type run struct{ query, want string }
			runs := []run{{"&dryRun=true", c.want}, {"&dryRun=true", c.want}, {"", c.want}}
			if c.again != "" {
				runs = append(runs, run{"&dryRun=true", c.again}, run{"", c.again})
			}
			for i, r := range runs {
				lines, _ := s.importFile(operator, "?publish=true&onExisting=update"+r.query, ndjson, c.file)
				if got := brief(lines); got != r.want {
					t.Errorf("%d %s: got %s, want %s", i, r.query, got, r.want)
				}
				for _, l := range lines {
					for _, d := range l.Errors {
						texts[d.Message] = true
					}
				}
			}
			for text := range texts {
				if !strings.HasPrefix(text, "exceeds the quota: the organisation has ") {
					t.Errorf("got %q, want the used part of the quota", text)
				}
			}
		})
	}
}
