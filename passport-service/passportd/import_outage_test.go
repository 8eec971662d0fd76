package passportd_test

import (
	"bufio"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// TestImportWaitsForTheStore takes the database away while rows arrive.
func TestImportWaitsForTheStore(t *testing.T) {
	proxy, uri := storetest.NewProxy(t, storetest.MongoURI(t))
	s := start(t, connect.Config{URI: uri})
	operator := s.as(auth.Operator, "a")
	body, file := io.Pipe()
	rows := strings.SplitAfter(manyRows(400), "\n")
	answered := make(chan string, len(rows)+1)
	go func() {
		defer close(answered)
		res, err := s.post(t.Context(), "/api/passports/import", operator, body)
		if err != nil {
			t.Error(err)
			return
		}
		defer res.Body.Close()
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			answered <- lines.Text()
		}
	}()
	io.WriteString(file, rows[0])
	text := <-answered + "\n"
	proxy.SetDown(true)
	io.WriteString(file, strings.Join(rows[1:], ""))
	file.Close()
	time.AfterFunc(time.Second, func() { proxy.SetDown(false) })
	for line := range answered {
		text += line + "\n"
	}
	if _, sum := parseImport(t, text); !sum.Complete || sum.Created != 400 {
		t.Errorf("got %+v %v, want all rows created", sum, sum.Error)
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
