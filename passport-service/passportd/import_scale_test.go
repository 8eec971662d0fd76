//go:build linux

package passportd_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

var importRows = flag.Int("rows", 3_000, "rows of TestImportNeedsConstantMemory; 100000 for the figures in docs/performance.md")

// maxImportMemory is how much more memory than an idle service an import may need.
const maxImportMemory = 64 << 20

// rowReader produces rows of complete passports, so that the test does not hold the file.
type rowReader struct {
	buffer  bytes.Buffer
	row     string
	next, n int
}

func (r *rowReader) Read(p []byte) (int, error) {
	for ; r.buffer.Len() < len(p) && r.next < r.n; r.next++ {
		r.buffer.WriteString(strings.ReplaceAll(r.row, "V4E10077", fmt.Sprintf("V%07d", r.next)) + "\n")
	}
	return r.buffer.Read(p)
}

// childWithPid starts a service and returns its URL and process id.
func childWithPid(t *testing.T, issuer *authtest.Issuer, cfg connect.Config) (url string, pid int, kill func()) {
	t.Helper()
	var stderr syncBuffer
	url, kill = resttest.StartChild(t, childEnv, map[string]any{"Store": cfg, "Auth": map[string]string{"URL": issuer.URL}}, &stderr)
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		n, err := strconv.Atoi(e.Name())
		if status := procStatus(n); err == nil && strings.Contains(status, fmt.Sprintf("PPid:\t%d\n", os.Getpid())) {
			pid = max(pid, n)
		}
	}
	return url, pid, kill
}

type syncBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func procStatus(pid int) string {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return string(data)
}

// memory returns a value of /proc/PID/status in bytes.
func memory(t *testing.T, pid int, name string) int {
	t.Helper()
	m := regexp.MustCompile(name + `:\s+(\d+) kB`).FindStringSubmatch(procStatus(pid))
	if m == nil {
		t.Fatalf("%s of process %d is unknown", name, pid)
	}
	n, _ := strconv.Atoi(m[1])
	return n << 10
}

// cpuTime returns the CPU time of a process.
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(data), ") ")
	fields, ticks := strings.Fields(text), 0
	for _, field := range fields[11:13] { // user and system, in 1/100 s
		n, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// exportRate returns how many passports an export has, and how many of them it writes per second.
func exportRate(t *testing.T, s *service, token string) (rows int, rate float64) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/api/passports/export?format=ndjson", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	began := time.Now()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := lineCounter(0)
	if _, err := io.Copy(&lines, res.Body); err != nil {
		t.Fatal(err)
	}
	return int(lines), float64(lines) / time.Since(began).Seconds()
}

// lineCounter counts the lines that are written to it.
type lineCounter int

func (l *lineCounter) Write(p []byte) (int, error) {
	*l += lineCounter(bytes.Count(p, []byte("\n")))
	return len(p), nil
}

// TestImportNeedsConstantMemory imports rows into a service in a process of its own. With
// -rows 100000 -v it prints the figures of docs/performance.md.
func TestImportNeedsConstantMemory(t *testing.T) { storetest.EachDriver(t, testImportMemory) }

func testImportMemory(t *testing.T, db connect.Config) {
	if hasRaceDetector() {
		t.Skip("the race detector needs several times the memory")
	}
	issuer := authtest.New(t)
	token := issuer.Token(t, auth.Principal{UserID: "ann", Role: auth.Operator, Organisation: "a"})
	row := regexp.MustCompile(`"batteryPassportIdentifier":"[^"]*",`).ReplaceAllString(compact(t, "lmt-ebike.json"), "")
	url, pid, kill := childWithPid(t, issuer, db)
	s := &service{Client: resttest.Client{T: t, URL: url}}
	first, err := s.post(t.Context(), "/api/passports/import", token, &rowReader{row: row, next: 0, n: 200})
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, first.Body)
	first.Body.Close()
	idle, cpu, began := memory(t, pid, "VmRSS"), cpuTime(t, pid), time.Now()
	res, err := s.post(t.Context(), "/api/passports/import", token, &rowReader{row: row, next: 1000, n: 1000 + *importRows})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	tail := &lastLine{}
	if _, err := io.Copy(tail, res.Body); err != nil {
		t.Fatal(err)
	}
	took, peak, cpu := time.Since(began), memory(t, pid, "VmHWM"), cpuTime(t, pid)-cpu
	if _, sum := parseImport(t, tail.line()); int(sum.Created) != *importRows || !sum.Complete {
		t.Errorf("import of %d rows: %+v", *importRows, sum)
	}
	if peak-idle > maxImportMemory {
		t.Errorf("peak %d MiB, idle %d MiB, want at most %d MiB more", peak>>20, idle>>20, maxImportMemory>>20)
	}
	exported, exportRate := exportRate(t, s, token)
	if exported != *importRows+200 {
		t.Errorf("export of %d passports, want %d", exported, *importRows+200)
	}
	before := cpuTime(t, pid)
	single, rate := singleCreates(t, url, token, row), float64(*importRows)/took.Seconds()
	singleCPU := cpuTime(t, pid) - before
	kill()
	t.Logf("%d rows of %d bytes in %v: %.0f rows/s, %.2f ms of CPU per row; idle %d MiB, peak %d MiB; single creates: %.0f/s, %.2f ms; export: %.0f/s",
		*importRows, len(row), took, rate, float64(cpu.Milliseconds())/float64(*importRows), idle>>20, peak>>20, single, float64(singleCPU.Milliseconds())/singles, exportRate)
}

const singles = 1000

// singleCreates returns how many passports 8 clients create per second.
func singleCreates(t *testing.T, url, token, row string) float64 {
	t.Helper()
	const n = singles
	began := time.Now()
	var clients sync.WaitGroup
	for client := range 8 {
		clients.Go(func() {
			for i := client; i < n; i += 8 {
				body := strings.ReplaceAll(row, "V4E10077", fmt.Sprintf("W%07d", i))
				req, err := http.NewRequestWithContext(context.Background(), "POST", url+"/api/passports", strings.NewReader(body))
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("Content-Type", "application/json")
				req.Header.Set("Authorization", "Bearer "+token)
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				io.Copy(io.Discard, res.Body)
				res.Body.Close()
				if res.StatusCode != http.StatusCreated {
					t.Errorf("create: %d", res.StatusCode)
					return
				}
			}
		})
	}
	clients.Wait()
	return n / time.Since(began).Seconds()
}

// lastLine holds the end of a text.
type lastLine struct{ tail []byte }

func (l *lastLine) Write(p []byte) (int, error) {
	l.tail = append(l.tail, p...)
	if n := len(l.tail) - 4096; n > 0 {
		l.tail = l.tail[n:]
	}
	return len(p), nil
}

func (l *lastLine) line() string {
	text := strings.TrimSpace(string(l.tail))
	return text[strings.LastIndexByte(text, '\n')+1:]
}
