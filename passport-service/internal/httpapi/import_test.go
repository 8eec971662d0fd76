package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/auth"
)

// TestPanicEndsOneImport makes a goroutine panic that reads or writes rows. The import ends with a
// line that says so, the log has the stack, and the same file can be sent again.
func TestPanicEndsOneImport(t *testing.T) {
	for function, query := range map[string]string{"exchange.(*Job).readRow": "", "passport.(*Importer).importRows": "", "passport.inParallel": "?publish=true"} {
		s := newTestService(t, nil)
		var file strings.Builder
		const rows = 150
		for i := range rows {
			fmt.Fprintf(&file, `{"data":{"generalInformation":{"batteryIdentifier":"https://a.example/%d"}}}`+"\n", i)
		}
		send := func() (last string) {
			t.Helper()
			got := s.do("POST /api/passports/import"+query, auth.Operator, file.String(), "Content-Type", "application/x-ndjson")
			lines := strings.Split(strings.TrimSpace(got), "\n")
			return lines[len(lines)-1]
		}
		s.panics.Store(function)
		if last := send(); !strings.Contains(last, `"complete":false`) || !strings.Contains(last, `"code":"internal"`) {
			t.Errorf("%s: last line %s, want it to say that an error occurred", function, last)
		}
		if log := s.log.String(); !strings.Contains(log, `"level":"ERROR"`) || !strings.Contains(log, "panic: broken clock") || !strings.Contains(log, function) {
			t.Errorf("%s: the log has no error with the stack: %s", function, log)
		}
		s.panics.Store("")
		http.DefaultClient.CloseIdleConnections() // the service closes them when it has not read the whole file
		if last := send(); !strings.Contains(last, fmt.Sprintf(`"rows":%d,`, rows)) || !strings.Contains(last, `"invalid":0,"conflict":0,`) || !strings.Contains(last, `"complete":true`) {
			t.Errorf("%s, again: last line %s, want all rows to be written", function, last)
		}
	}
}
