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

// body is a large PDF that is generated while it is sent.
type body struct {
	size   int64
	sent   int64
	before func(sent int64) // called before each read
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

// formOf returns a form with a file.
func formOf(file io.Reader) io.Reader {
	const head = "--b\r\nContent-Disposition: form-data; name=file; filename=large.pdf\r\nContent-Type: application/pdf\r\n\r\n"
	return io.MultiReader(strings.NewReader(head), file, strings.NewReader("\r\n--b--\r\n"))
}

// send uploads a file without Content-Length, as with chunked transfer encoding.
func (s *service) send(t *testing.T, token string, file io.Reader) resttest.Response {
	t.Helper()
	return s.On(t).DoReader(upload, formOf(file), "Authorization", "Bearer "+token, "Content-Type", "multipart/form-data; boundary=b")
}

const (
	largeFiles = 4
	largeSize  = 64 << 20
	smallFiles = 64
	maxHeap    = 96 // MiB, as GOMEMLIMIT is set in the image
	idleHeap   = 12 // MiB of the service without requests
	perUpload  = 6  // MiB, as in the description of MAX_UPLOADS
)

// collection matches a gctrace line: the heap at the start and at the end of the
// collection and the live heap, in MiB.
var collection = regexp.MustCompile(`(\d+)->(\d+)->(\d+) MB, \d+ MB goal`)

// TestLargeFilesNeedLittleMemory concurrently uploads 64 small files, then uploads and
// downloads four files of 64 MiB, and four files that are one byte too large. The service
// runs in a separate process whose garbage collector logs the size of its heap. Its live
// heap must stay within the memory that the description of MAX_UPLOADS states.
func TestLargeFilesNeedLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("transfers 0.8 GiB")
	}
	c := startChild(t, connect.Config{Dir: t.TempDir()}, func(cfg *documentd.Config) { cfg.MaxBytes, cfg.MaxUploads = largeSize, 2*smallFiles }, "GODEBUG=gctrace=1", "GOGC=20", fmt.Sprintf("GOMEMLIMIT=%dMiB", maxHeap))
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
	c.sendSmallFiles(t)
	for i := range largeFiles {
		user := c.as(auth.User, fmt.Sprint(i)) // one user may run only half of the uploads
		moving.Go(func() {
			sum := sha256.New()
			var d documentResponse
			c.send(t, user, io.TeeReader(newBody(largeSize, func(int64) {}), sum)).Want(201, &d)
			want := hex.EncodeToString(sum.Sum(nil))
			if d.SHA256 != want || d.FileSize != largeSize {
				t.Errorf("uploaded %+v, want SHA-256 %s and %d bytes", d, want, largeSize)
			}
			if got := sumOf(t, c.service, user, d.DocID); got != want {
				t.Errorf("download has SHA-256 %s, want %s", got, want)
			}
		})
	}
	moving.Wait()
	took := time.Since(begin)
	for i := range largeFiles {
		user := c.as(auth.User, fmt.Sprint(i))
		moving.Go(func() { c.send(t, user, newBody(largeSize+1, func(int64) {})).Want(413, nil) })
	}
	moving.Wait()
	wantOnly(t, c.service, largeFiles+smallFiles)
	c.kill()
	read.Wait()
	t.Logf("%d MiB in each direction in %v; largest live heap %d MiB, largest heap %d MiB", largeFiles*largeSize>>20, took, live, peak)
	if limit := idleHeap + largeFiles*perUpload; live == 0 || live > limit || peak > maxHeap {
		t.Errorf("largest live heap is %d MiB and largest heap %d MiB, want at most %d and %d", live, peak, limit, maxHeap)
	}
}

// sendSmallFiles uploads small files. At one moment, half of each file is sent.
func (s *service) sendSmallFiles(t *testing.T) {
	var half, done sync.WaitGroup
	half.Add(smallFiles)
	for i := range smallFiles {
		user := s.as(auth.Operator, fmt.Sprint(i))
		reached := sync.OnceFunc(half.Done)
		done.Go(func() {
			s.send(t, user, newBody(128<<10, func(sent int64) {
				if sent >= 64<<10 {
					reached()
					half.Wait()
				}
			})).Want(201, nil)
		})
	}
	done.Wait()
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
