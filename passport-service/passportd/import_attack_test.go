package passportd_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/waittest"
)

// manyRows returns n rows of small drafts.
func manyRows(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(draft(fmt.Sprintf("https://a.example/battery/%d", i)) + "\n")
	}
	return b.String()
}

func TestImportRefusesBadFiles(t *testing.T) {
	s := startConfigured(t, passportd.Config{Store: connect.Config{Dir: t.TempDir()}, MaxImportBytes: 100_000, MaxImportRows: 20}, authtest.New(t))
	operator := s.as(auth.Operator, "a")
	for name, c := range map[string]struct {
		query, mediaType, file string
		status                 int
		problem                []string
	}{
		"no type":        {"", "", "{}", 415, []string{"header:Content-Type enum"}},
		"unknown type":   {"", "text/html", "{}", 415, []string{"header:Content-Type enum"}},
		"unknown format": {"?format=xml", ndjson, "{}", 422, []string{"query:format enum"}},
		"UTF-16":         {"", ndjson, "\xff\xfe{\x00}\x00", 400, nil},
		"form":           {"?format=csv", "multipart/form-data; boundary=b", "--b", 415, []string{"header:Content-Type enum"}},
		"array of lines": {"", ndjson, "[\n" + draft("https://a.example/1") + "\n]", 400, nil},
		"packed lines":   {"", ndjson, "\x1f\x8b\x08", 400, nil},
		"credential":     {"?format=untp-0.6", "application/json", "eyJhbGciOiJFUzI1NiJ9.e30.c2ln", 400, nil},
		"empty array":    {"", "application/json", " ", 400, nil},
		"no array":       {"", "application/json", `"x"`, 400, []string{" syntax"}},
		"too large":      {"", ndjson, manyRows(2000), 413, nil},
		"unknown value":  {"?onExisting=replace", ndjson, "{}", 422, []string{"query:onExisting enum"}},
	} {
		t.Run(name, func(t *testing.T) {
			s.Call("POST /api/passports/import"+c.query, operator, c.file, "Content-Type", c.mediaType).WantProblem(c.status, c.problem...)
		})
	}
	s.Call("POST /api/passports/import", s.as(auth.Operator, ""), "{}", "Content-Type", ndjson).WantProblem(403)
	s.Call("POST /api/passports/import", s.as(auth.User, "a"), "{}", "Content-Type", ndjson).WantProblem(403)

	for name, c := range map[string]struct {
		mediaType, file, last, code string
		encoding                    string
	}{
		"syntax error in an array": {"application/json", "[" + draft("https://a.example/1") + ",{]", "1 created v1 draft", "malformed", ""},
		"open array":               {"application/json", "[" + draft("https://a.example/2"), "1 created v1 draft", "malformed", ""},
		"text after the array":     {"application/json", "[" + draft("https://a.example/3") + "]]", "1 created v1 draft", "malformed", ""},
		"lines as an array":        {"application/json", draft("https://a.example/4") + "\n" + draft("https://a.example/5"), "1 created v1 draft", "malformed", ""},
		"too many rows":            {ndjson, manyRows(21), "20 created v1 draft", "too-large", ""},
		"cut gzip":                 {ndjson, string(packed(t, manyRows(500))[:100]), "", "malformed", "gzip"},
	} {
		headers := []string{"Content-Type", c.mediaType}
		if c.encoding != "" {
			headers = append(headers, "Content-Encoding", c.encoding)
		}
		lines, sum := parseImport(t, s.Call("POST /api/passports/import", operator, c.file, headers...).Want(200, nil).Text)
		if all := strings.Split(brief(lines), "; "); all[len(all)-1] != c.last || sum.Complete || sum.Error == nil || sum.Error.Code != c.code {
			t.Errorf("%s: got %s, %+v %v, want %s", name, all[len(all)-1], sum, sum.Error, c.code)
		}
	}
	lines, _ := s.importFile(operator, "", ndjson, `{"data":{"generalInformation":{"batteryModel":"`+strings.Repeat("x", 3<<20)[:90_000]+`"}}}`)
	if got := brief(lines); !strings.HasPrefix(got, "1 invalid") {
		t.Errorf("long row: %s", got)
	}
}

func packed(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// post sends a body as it comes, without a deadline.
func (s *service) post(ctx context.Context, path, token string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, "POST", s.URL+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", ndjson)
	req.Header.Set("Authorization", "Bearer "+token)
	return http.DefaultClient.Do(req)
}

// TestOneImportPerAccount keeps an import open: rows are answered before the file ends,
// a second import is refused, and a client that disconnects ends the first.
func TestOneImportPerAccount(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	operator := s.as(auth.Operator, "a")
	ctx, cancel := context.WithCancel(t.Context())
	body, file := io.Pipe()
	go io.WriteString(file, draft("https://a.example/1")+"\n")
	res, err := s.post(ctx, "/api/passports/import", operator, body)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	line, err := bufio.NewReader(res.Body).ReadString('\n')
	if err != nil || !strings.Contains(line, `"created"`) {
		t.Fatalf("first line %q, %v, want the result of the first row while the file is open", line, err)
	}
	s.Call("POST /api/passports/import", operator, "", "Content-Type", ndjson).WantProblem(409)
	s.importFile(s.as(auth.Operator, "b"), "", ndjson, draft("https://b.example/1"))
	cancel()
	file.Close()
	waittest.Until(t, "the next import begins", func() bool {
		return s.Call("POST /api/passports/import", operator, "", "Content-Type", ndjson).Status == 200
	})
}

// TestOneWorkbookPerAccount checks rights and other imports of the account before a workbook is
// copied to the disk.
func TestOneWorkbookPerAccount(t *testing.T) {
	const lease = 3 * time.Second
	s := startConfigured(t, passportd.Config{Store: connect.Config{Dir: t.TempDir()}, ImportLease: lease}, authtest.New(t))
	post := func(token string) (net.Conn, *bufio.Reader) {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		fmt.Fprintf(conn, "POST /api/passports/import HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", token, xlsxFile, 1<<20)
		return conn, bufio.NewReader(conn) // the workbook is not sent
	}
	_, answer := post(s.as(auth.User, "a"))
	res, err := http.ReadResponse(answer, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.Body.Close(); res.StatusCode != 403 {
		t.Errorf("workbook of a user: %d, want 403 before it is sent", res.StatusCode)
	}
	operator := s.as(auth.Operator, "a")
	first, answer := post(operator)
	second := func() int {
		return s.Call("POST /api/passports/import", operator, "", "Content-Type", ndjson).Status
	}
	waittest.Until(t, "the second import is refused", func() bool {
		if second() == 409 {
			return true
		}
		first.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if _, err := answer.Peek(1); err == nil { // the second import was earlier
			first, answer = post(operator)
		}
		return false
	})
	for end := time.Now().Add(lease + lease/2); time.Now().Before(end); {
		if status := second(); status != 409 {
			t.Fatalf("second import while a workbook is copied: %d, want 409", status)
		}
	}
	first.Close()
	waittest.Until(t, "the second import begins", func() bool { return second() == 200 })
	s.Call("POST /api/passports/import", operator, "no workbook", "Content-Type", xlsxFile).WantProblem(400)
	if status := second(); status != 200 {
		t.Errorf("import after a file that was refused: %d, want 200", status)
	}
}

// TestImportAnswersClientThatSendsFirst sends a file whose response is larger than the
// buffers of the connection, and reads it after the whole file is sent.
func TestImportAnswersClientThatSendsFirst(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	const rows = 30_000
	file := strings.Repeat(`{"a":1,"b":1,"c":1,"d":1}`+"\n", rows) // a result has 600 bytes
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(2 * waittest.Limit))
	fmt.Fprintf(conn, "POST /api/passports/import HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", s.as(auth.Operator, "a"), ndjson, len(file))
	if _, err := io.WriteString(conn, file); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if lines, sum := parseImport(t, string(text)); len(lines) != rows || sum.Invalid != rows || !sum.Complete {
		t.Errorf("%d lines, %+v", len(lines), sum)
	}
}
