//go:build linux

package passportd_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/waittest"
)

// fileLimitEnv limits the size of each file of a child process, in bytes, as a full disk does.
const fileLimitEnv = "PASSPORTD_TEST_FILE_LIMIT"

func init() {
	if n, err := strconv.ParseUint(os.Getenv(fileLimitEnv), 10, 64); err == nil {
		signal.Ignore(syscall.SIGXFSZ) // a write above the limit then fails
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: n}); err != nil {
			panic(err)
		}
	}
}

// limited starts a service whose files cannot be larger than a number of bytes.
func limited(t *testing.T, issuer *authtest.Issuer, cfg connect.Config, lease time.Duration, bytes int) *service {
	t.Helper()
	url, kill := resttest.StartChild(t, childEnv, map[string]any{
		"Store": cfg, "Auth": map[string]string{"URL": issuer.URL}, "ImportLease": lease, "ImportOutage": time.Second,
	}, nil, fmt.Sprint(fileLimitEnv, "=", bytes))
	return &service{Client: resttest.Client{T: t, URL: url}, issuer: issuer, stop: kill, db: cfg}
}

// sendFirst sends a whole file, and reads the response after the import has ended.
func sendFirst(t *testing.T, s *service, token, file string) (lines []importLine, sum importSummary) {
	t.Helper()
	conn := openImport(t, s, token, len(file), "")
	if _, err := io.WriteString(conn, file); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	waittest.Until(t, "the next import begins", func() bool { // 409 until the import has ended
		return s.Call("POST /api/passports/import", token, "", "Content-Type", ndjson).Status == 200
	})
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return parseImport(t, string(text))
}

// TestImportOnFullDisk fills the disk with a workbook, and with the answers that a client does not read.
// The client learns the reason, and the same file can be sent again when there is space.
func TestImportOnFullDisk(t *testing.T) {
	const limit = 2 << 20
	issuer, cfg := authtest.New(t), connect.Config{Dir: t.TempDir()}
	s := limited(t, issuer, cfg, 0, limit)
	operator := s.as(auth.Operator, "a")
	res := s.Do("POST /api/passports/import", strings.Repeat("x", limit+1), "Authorization", "Bearer "+operator, "Content-Type", xlsxFile)
	if res.WantProblem(503); !strings.Contains(res.Text, "no space for the file") {
		t.Errorf("workbook: %s", res.Text)
	}
	file := manyRows(50) + strings.Repeat(`{"a":1,"b":1,"c":1,"d":1}`+"\n", 20_000) // an answer has 600 bytes
	lines, sum := sendFirst(t, s, operator, file)
	if sum.Complete || sum.Error == nil || sum.Error.Code != "unavailable" || !strings.Contains(sum.Error.Message, "no space for the response") {
		t.Errorf("full disk: %+v %v", sum, sum.Error)
	}
	if sum.Created != 50 || len(lines) < 3000 || int64(len(lines)) > sum.Rows {
		t.Errorf("%d lines, %+v, want those before the disk was full", len(lines), sum)
	}
	s.stop()
	s = startConfigured(t, passportd.Config{Store: cfg, ImportLease: time.Millisecond}, issuer)
	if _, sum = s.importFile(operator, "", ndjson, file); !sum.Complete || sum.Unchanged != 50 || sum.Invalid != 20_000 {
		t.Errorf("again: %+v %v", sum, sum.Error)
	}
}

// TestImportWhileStoreFails fills the disk of the database. The import ends with the reason, and the
// same file writes only the rest when there is space.
func TestImportWhileStoreFails(t *testing.T) {
	const rows = 6000
	issuer, cfg := authtest.New(t), connect.Config{Dir: t.TempDir()}
	s := limited(t, issuer, cfg, time.Millisecond, 3<<20)
	operator := s.as(auth.Operator, "a")
	file := manyRows(rows)
	_, sum := s.importFile(operator, "", ndjson, file)
	if sum.Complete || sum.Error == nil || sum.Error.Code != "unavailable" || sum.Created == 0 || sum.Created != sum.Rows {
		t.Fatalf("full disk: %+v %v", sum, sum.Error)
	}
	s.stop()
	s = startConfigured(t, passportd.Config{Store: cfg, ImportLease: time.Millisecond}, issuer)
	_, again := s.importFile(operator, "", ndjson, file)
	if !again.Complete || again.Created+again.Unchanged != rows || again.Unchanged < sum.Created {
		t.Errorf("again: %+v %v, want the rest of %d rows after %d", again, again.Error, rows, sum.Created)
	}
	s.stop()
	checkDrafts(t, cfg, rows)
}
