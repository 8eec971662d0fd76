package passportd_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/passport-service/internal/exchange"
	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

var importKills = flag.Int("kills", 3, "how often TestKilledImportIsCompleted kills the service")

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
	waitFor(t, func() bool {
		return s.Call("POST /api/passports/import", operator, "", "Content-Type", ndjson).Status == 200
	})
}

// TestOneWorkbookPerAccount checks rights and other imports of the account before a workbook is
// copied to the disk.
func TestOneWorkbookPerAccount(t *testing.T) {
	const lease = time.Second
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
	waitFor(t, func() bool {
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
	waitFor(t, func() bool { return second() == 200 })
	s.Call("POST /api/passports/import", operator, "no workbook", "Content-Type", xlsxFile).WantProblem(400)
	if status := second(); status != 200 {
		t.Errorf("import after a file that was refused: %d, want 200", status)
	}
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not done after 10 s")
		}
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
	conn.SetDeadline(time.Now().Add(time.Minute))
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

// TestTwoImportsOfOneFile imports the same file from two accounts at once.
func TestTwoImportsOfOneFile(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := start(t, db)
		file, done := manyRows(300), make(chan importSummary)
		for _, user := range []string{"ann", "bob"} {
			token := s.issuer.Token(t, auth.Principal{UserID: user, Role: auth.Operator, Organisation: "a"})
			go func() {
				_, sum := s.importFile(token, "", ndjson, file)
				done <- sum
			}()
		}
		a, b := <-done, <-done
		if a.Created+b.Created != 300 || a.Unchanged+b.Unchanged != 300 {
			t.Errorf("got %+v and %+v, want each passport created once", a, b)
		}
	})
}

// outcome returns the effects of an import on a store: data hashes of versions and types of events,
// by battery identifier.
func outcome(t *testing.T, cfg connect.Config) map[string]string {
	t.Helper()
	db, err := connect.Open(t.Context(), cfg, passportd.Name)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	passports, versions := store.Open(db, passport.Schema()), store.Open(db, passport.VersionSchema())
	all := map[string]string{}
	for row, err := range passports.All(t.Context(), store.Query{Scopes: []string{store.All}, Limit: store.MaxLimit}) {
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprint(row.Version, row.Doc.Head.State)
		if row.Doc.Head.Number == 1 {
			text += row.Doc.Head.DataHash
		}
		old, err := versions.List(t.Context(), store.Query{Scopes: []string{row.ID}, Limit: 9})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range old.Rows {
			text += fmt.Sprint(" ", v.Doc.Number, v.Doc.DataHash)
		}
		for _, e := range storetest.WaitingEvents(t, passports.Outbox(), row.ID) {
			var payload struct{ ImportID string }
			if err := json.Unmarshal(e.Data, &payload); err != nil || payload.ImportID == "" {
				t.Errorf("event %s has no importId, %v", e.Data, err)
			}
			text += fmt.Sprint(" ", e.Type, e.Sequence)
		}
		if all[row.Doc.BatteryIdentifier] != "" {
			t.Errorf("%s has two passports", row.Doc.BatteryIdentifier)
		}
		all[row.Doc.BatteryIdentifier] = text
	}
	return all
}

// TestKilledImportIsCompleted kills the service while it imports and publishes a file, and
// sends the file again, until an import is complete. The result must be the same as that of
// an import that was not interrupted.
func TestKilledImportIsCompleted(t *testing.T) {
	issuer := authtest.New(t)
	token := issuer.Token(t, auth.Principal{UserID: "ann", Role: auth.Operator, Organisation: "a"})
	complete := regexp.MustCompile(`"batteryPassportIdentifier":"[^"]*",`).ReplaceAllString(compact(t, "lmt-ebike.json"), "")
	var file strings.Builder
	rows := max(400, 50**importKills)
	for i := range rows {
		if i%2 == 0 {
			file.WriteString(draft(fmt.Sprintf("https://a.example/battery/%d", i)) + "\n")
			continue
		}
		file.WriteString(strings.ReplaceAll(complete, "V4E10077", fmt.Sprintf("V4E%05d", i)) + "\n")
	}
	const path = "/api/passports/import?publish=true"
	all := strings.SplitAfter(file.String(), "\n")
	reference := startWithIssuer(t, connect.Config{Dir: t.TempDir()}, issuer)
	lines, sum := reference.importFile(token, "?publish=true", ndjson, file.String())
	if int(sum.Published) != rows/2 || int(sum.Created) != rows {
		t.Fatalf("reference: %+v %s", sum, brief(lines[:2]))
	}
	reference.stop()
	want := outcome(t, reference.db)

	random := rand.New(rand.NewPCG(18, 0))
	cfg := connect.Config{Dir: t.TempDir()}
	for k := range *importKills {
		answers := rows*k/(*importKills) + random.IntN(rows / *importKills - 25)
		url, kill := resttest.StartChild(t, childEnv, map[string]any{"Store": cfg, "Auth": map[string]string{"URL": issuer.URL}, "ImportLease": time.Millisecond}, nil)
		s := &service{Client: reference.Client}
		s.URL = url
		body, sent := io.Pipe() // so that the service is not far ahead of the answers
		go io.WriteString(sent, strings.Join(all[:min(rows, answers+20)], ""))
		res, err := s.post(t.Context(), path, token, body)
		if err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReader(res.Body)
		for range answers + 1 {
			if _, err := in.ReadString('\n'); err != nil {
				break
			}
		}
		kill()
		sent.Close()
		res.Body.Close()
	}
	last := startConfigured(t, passportd.Config{Store: cfg, ImportLease: time.Millisecond}, issuer)
	_, sum = last.importFile(token, "?publish=true", ndjson, file.String())
	last.stop()
	if !sum.Complete || sum.Created == 0 || sum.Unchanged == 0 || sum.Conflict+sum.Invalid > 0 {
		t.Errorf("last import: %+v, want it to write the rest of the rows", sum)
	}
	got := outcome(t, cfg)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("after %d kills, %d of %d passports (-want +got)\n%.3000s", *importKills, len(got), len(want), diff)
	}
	t.Logf("the last import: %+v; %d passports", sum, len(slices.Collect(maps.Keys(got))))
	checkFinished(t, cfg, "ann", rows)
}

// checkFinished checks the events of the imports of a user: one for each import that was
// killed, with the rows that it had counted, and one for the last one.
func checkFinished(t *testing.T, cfg connect.Config, user string, rows int) {
	t.Helper()
	db, err := connect.Open(t.Context(), cfg, passportd.Name)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	events := storetest.WaitingEvents(t, store.Open(db, exchange.Schema()).Outbox(), user)
	counted, ids := 0, map[string]bool{}
	for i, e := range events {
		var sum importSummary
		if err := json.Unmarshal(e.Data, &sum); err != nil || sum.Complete != (i == *importKills) || sum.Complete && int(sum.Rows) != rows {
			t.Errorf("event %d of imports: %s, %v", i, e.Data, err)
		}
		ids[sum.ImportID] = true
		counted += int(sum.Created)
	}
	if want := *importKills + 1; len(events) != want || len(ids) != want || counted == 0 {
		t.Errorf("%d events of %d imports that created %d passports, want %d", len(events), len(ids), counted, want)
	}
}
