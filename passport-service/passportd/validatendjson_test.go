package passportd_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// resultLine is a line of an NDJSON response.
type resultLine struct {
	Line    int
	Result  *report
	Problem *rest.Problem
}

// TestNDJSONReportsEveryLine sends 1000 lines. One is malformed, one empty, one too long
// and one a draft without data.
func TestNDJSONReportsEveryLine(t *testing.T) {
	s := startAt(t, connect.Config{Dir: t.TempDir()}, sampleClock)
	operator := s.as(auth.Operator, "A")
	var good json.RawMessage
	if err := json.Unmarshal([]byte(sample(t, "ev-nmc-minimum-2027.json")), &good); err != nil {
		t.Fatal(err)
	}
	compact, _ := json.Marshal(good)
	lines := slices.Repeat([]string{string(compact)}, 1000)
	lines[499] = `{"data":{"generalInformation":`
	lines[500] = ``
	lines[501] = `{"data":{"generalInformation":{"batteryCategory":"EV"` + strings.Repeat(" ", 1<<20) + `}}}`
	lines[502] = `{"data":{}}`
	a := s.Call("POST /api/passports/validate", operator, strings.Join(lines, "\n"), "Content-Type", "application/x-ndjson")
	if a.Want(200, nil); a.Header.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("got header %v, want application/x-ndjson", a.Header)
	}
	results := strings.Split(strings.TrimSuffix(a.Text, "\n"), "\n")
	if len(results) != 999 {
		t.Fatalf("got %d results, want 999", len(results))
	}
	for i, text := range results {
		number := i + 1
		if i >= 500 {
			number++ // the empty line has no result
		}
		var l resultLine
		if err := json.Unmarshal([]byte(text), &l); err != nil || l.Line != number || (l.Result == nil) == (l.Problem == nil) {
			t.Fatalf("result %d: %v in %s", i, err, text)
		}
		switch number {
		case 500:
			if l.Problem == nil || l.Problem.Status != 400 || l.Problem.Errors[0].Path != "/data/generalInformation" {
				t.Errorf("malformed line: got %s", text)
			}
		case 502:
			if l.Problem == nil || l.Problem.Status != 413 {
				t.Errorf("line that is too long: got %s", text)
			}
		case 503:
			if l.Result == nil || l.Result.Complete {
				t.Errorf("draft without data: got %s", text)
			}
		default:
			if l.Result == nil || !l.Result.Complete {
				t.Fatalf("line %d: got %s", number, text)
			}
		}
	}
	empty := s.Call("POST /api/passports/validate", operator, "", "Content-Type", "application/x-ndjson")
	if empty.Want(200, nil); empty.Text != "" {
		t.Errorf("body without lines: got %q", empty.Text)
	}
}

// TestNDJSONResultsAreStreamed reads each result before it sends the next line.
func TestNDJSONResultsAreStreamed(t *testing.T) {
	s := startAt(t, connect.Config{Dir: t.TempDir()}, sampleClock)
	s.Call("GET /api/passports", s.as(auth.Operator, "A"), nil).Want(200, nil) // wait until the service is ready
	r, w := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/api/passports/validate", r)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	req.Header.Set("Authorization", "Bearer "+s.as(auth.Operator, "A"))
	go fmt.Fprintln(w, `{"data":{}}`)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	results := bufio.NewScanner(res.Body)
	for n := 1; n <= 5; n++ {
		if !results.Scan() || !strings.HasPrefix(results.Text(), fmt.Sprintf(`{"line":%d,`, n)) {
			t.Fatalf("result %d: got %q, %v", n, results.Text(), results.Err())
		}
		fmt.Fprintln(w, `{"data":{}}`)
	}
	w.Close()
	for results.Scan() {
	}
}
