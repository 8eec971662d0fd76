package passportd_test

import (
	"bufio"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// importDuring imports a file, and calls down after the answer to its first row.
func importDuring(t *testing.T, s *service, token, file string, down func()) importSummary {
	t.Helper()
	body, sent := io.Pipe()
	rows := strings.SplitAfter(file, "\n")
	go io.WriteString(sent, rows[0])
	res, err := s.post(t.Context(), "/api/passports/import", token, body)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answers, text := bufio.NewScanner(res.Body), ""
	for n := 0; answers.Scan(); n++ {
		if n == 0 {
			down()
			go func() {
				io.WriteString(sent, strings.Join(rows[1:], ""))
				sent.Close()
			}()
		}
		text += answers.Text() + "\n"
	}
	_, sum := parseImport(t, text)
	return sum
}

// TestImportWaitsForTheStore takes the database away while rows arrive.
func TestImportWaitsForTheStore(t *testing.T) {
	proxy, uri := storetest.NewProxy(t, storetest.MongoURI(t))
	s := start(t, connect.Config{URI: uri})
	sum := importDuring(t, s, s.as(auth.Operator, "a"), manyRows(400), func() {
		proxy.SetDown(true)
		time.AfterFunc(time.Second, func() { proxy.SetDown(false) })
	})
	if !sum.Complete || sum.Created != 400 {
		t.Errorf("got %+v %v, want all rows created", sum, sum.Error)
	}
}

// TestImportEndsWithoutTheStore takes the database away for longer than an import waits. The import ends with the reason,
// and the same file writes only the rest: each row once, with its event.
func TestImportEndsWithoutTheStore(t *testing.T) {
	const rows = 400
	proxy, uri := storetest.NewProxy(t, storetest.MongoURI(t))
	cfg := connect.Config{URI: uri}
	s := startConfigured(t, passportd.Config{Store: cfg, ImportLease: time.Millisecond, ImportOutage: time.Millisecond}, authtest.New(t))
	operator, file := s.as(auth.Operator, "a"), manyRows(rows)
	sum := importDuring(t, s, operator, file, func() { proxy.SetDown(true) })
	if sum.Complete || sum.Error == nil || sum.Error.Code != "unavailable" || sum.Created != sum.Rows || sum.Created == rows {
		t.Errorf("outage: %+v %v", sum, sum.Error)
	}
	proxy.SetDown(false)
	s.Call("GET /api/passports", operator, nil).Want(200, nil) // repeats the request until the service has a connection again
	_, again := s.importFile(operator, "", ndjson, file)
	if !again.Complete || again.Created+again.Unchanged != rows || again.Unchanged < sum.Created {
		t.Errorf("again: %+v %v, want the rest of %d rows after %d", again, again.Error, rows, sum.Created)
	}
	s.stop()
	checkDrafts(t, cfg, rows)
}

// checkDrafts checks that an import has stored n drafts: one version and one event each.
func checkDrafts(t *testing.T, cfg connect.Config, n int) {
	t.Helper()
	all := outcome(t, cfg)
	if len(all) != n {
		t.Errorf("%d passports, want %d", len(all), n)
	}
	for battery, effects := range all {
		if !strings.HasPrefix(effects, "1draft") || !strings.HasSuffix(effects, " passport.created1") || strings.Count(effects, " ") != 1 {
			t.Fatalf("%s: %s, want a version and its event", battery, effects)
		}
	}
}

// TestImportWithoutDisk sends a workbook while no temporary file can be created. Other
// formats need none.
func TestImportWithoutDisk(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	operator := s.as(auth.Operator, "a")
	t.Setenv("TMPDIR", "/nonexistent")
	res := s.Do("POST /api/passports/import", "x", "Authorization", "Bearer "+operator, "Content-Type", xlsxFile)
	if res.WantProblem(503); !strings.Contains(res.Text, "no space for the file") {
		t.Errorf("workbook: %s", res.Text)
	}
	s.Do("GET /api/passports/export?format=xlsx", "", "Authorization", "Bearer "+operator).WantProblem(503)
	if _, sum := s.importFile(operator, "", ndjson, manyRows(1)); sum.Created != 1 {
		t.Errorf("ndjson: %+v", sum)
	}
}
