package documentd_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/battery-passport/suite/document-service/documentd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// body is a large PDF that is made up while it is sent.
type body struct {
	size   int64
	sent   int64
	before func(sent int64) // called before more is sent
}

func newBody(size int64, before func(sent int64)) *body { return &body{size: size, before: before} }

func (b *body) Read(p []byte) (int, error) {
	if b.sent == b.size {
		return 0, io.EOF
	}
	b.before(b.sent)
	n := int(min(int64(len(p)), b.size-b.sent))
	for i := range p[:n] {
		p[i] = byte((b.sent + int64(i)) * 31 >> 3)
	}
	if b.sent == 0 {
		copy(p, pdf)
	}
	b.sent += int64(n)
	return n, nil
}

// formOf is a form with a file.
func formOf(file io.Reader) io.Reader {
	const head = "--b\r\nContent-Disposition: form-data; name=file; filename=large.pdf\r\nContent-Type: application/pdf\r\n\r\n"
	return io.MultiReader(strings.NewReader(head), file, strings.NewReader("\r\n--b--\r\n"))
}

// send uploads a file, as clients do that do not know its length.
func (s *service) send(t *testing.T, token string, file io.Reader) resttest.Response {
	t.Helper()
	return s.On(t).DoReader(upload, formOf(file), "Authorization", "Bearer "+token, "Content-Type", "multipart/form-data; boundary=b")
}

const (
	largeFiles = 4
	largeSize  = 200 << 20
	maxHeap    = 96 // MiB, as GOMEMLIMIT is set in the image
)

// collection is a line of the garbage collector: the heap at its begin, at its
// end, and what of it is in use, in MiB.
var collection = regexp.MustCompile(`(\d+)->(\d+)->(\d+) MB, \d+ MB goal`)

// TestHeapOfLargeFiles uploads and downloads four files of 200 MiB at once, and
// four that have a byte too much and tell of no length, to a service in a process
// of its own, whose collector tells of its heap: what is in use, and what it grows
// to before it is collected.
func TestHeapOfLargeFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("moves 1.6 GiB")
	}
	c := startChild(t, connect.Config{Dir: t.TempDir()}, func(cfg *documentd.Config) { cfg.MaxBytes = largeSize }, "GODEBUG=gctrace=1", fmt.Sprintf("GOMEMLIMIT=%dMiB", maxHeap))
	var live, peak int
	var read sync.WaitGroup
	read.Go(func() {
		for lines := bufio.NewScanner(c.stderr); lines.Scan(); {
			if m := collection.FindStringSubmatch(lines.Text()); m != nil {
				atEnd, _ := strconv.Atoi(m[2])
				used, _ := strconv.Atoi(m[3])
				peak, live = max(peak, atEnd), max(live, used)
			}
		}
	})
	begin := time.Now()
	c.Call("GET /readyz", "", nil).Want(200, nil)
	var moving sync.WaitGroup
	for i := range largeFiles {
		maker := c.as(auth.User, fmt.Sprint(i)) // one alone has half of the places
		moving.Go(func() {
			sum := sha256.New()
			var d answer
			c.send(t, maker, io.TeeReader(newBody(largeSize, func(int64) {}), sum)).Want(201, &d)
			want := hex.EncodeToString(sum.Sum(nil))
			if d.SHA256 != want || d.FileSize != largeSize {
				t.Errorf("uploaded %+v", d)
			}
			if got := sumOf(t, c.service, maker, d.DocID); got != want {
				t.Errorf("came back with the sum %s, want %s", got, want)
			}
		})
	}
	moving.Wait()
	took := time.Since(begin)
	for i := range largeFiles {
		maker := c.as(auth.User, fmt.Sprint(i))
		moving.Go(func() { c.send(t, maker, newBody(largeSize+1, func(int64) {})).Want(413, nil) })
	}
	moving.Wait()
	wantOnly(t, c.service, largeFiles)
	c.kill()
	read.Wait()
	t.Logf("%d MiB each way in %v; heap in use %d MiB at most, %d MiB with what was not collected", largeFiles*largeSize>>20, took, live, peak)
	if live == 0 || peak > maxHeap {
		t.Errorf("heap of %d MiB, want at most %d", peak, maxHeap)
	}
}

// sumOf downloads a document and returns its SHA-256.
func sumOf(t *testing.T, s *service, token, id string) string {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/api/documents/"+id+"/content", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, res.Body); err != nil {
		t.Error(fmt.Errorf("download: %w", err))
	}
	return hex.EncodeToString(sum.Sum(nil))
}
