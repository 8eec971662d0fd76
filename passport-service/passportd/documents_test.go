package passportd_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/battery-passport/suite/passport-service/passportd"
)

// TestPageWithoutTheDocumentService lets a document-service fail, hang and recover: the page
// says that the documents are unknown, and is complete otherwise. A list is cached for
// a minute, an error for some seconds. Concurrent readers of a page cause one request.
func TestPageWithoutTheDocumentService(t *testing.T) {
	const unknown, complete = "The documents cannot be shown at the moment", `id="performanceAndDurability"`
	var requests, status, ahead atomic.Int64
	release, asked := make(chan struct{}), make(chan struct{}, 100)
	documents := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		switch s := status.Load(); s {
		case 0:
			asked <- struct{}{}
			select {
			case <-release:
			case <-r.Context().Done():
				return
			}
			fallthrough
		case 200:
			w.Header().Set("ETag", `"1"`)
			w.Write([]byte(`{"items":[{"fileName":"a.pdf","kind":"of a later version","fileSize":1234567,"contentUrl":"/api/public/documents/1/content"}]}`))
		default:
			w.WriteHeader(int(s))
		}
	}))
	defer documents.Close()
	s, p, _ := startScanWith(t, passportd.Config{
		Direct: true, CacheBytes: 8 << 20, DocumentURL: documents.URL, DocumentPublicURL: "https://documents.example/",
		DocumentTimeout: 5 * time.Second, // one request hangs
		Now:             func() time.Time { return sampleClock().Add(time.Duration(ahead.Load())) },
	})
	check := func(text string, count int64) {
		t.Helper()
		res, body := s.get("GET", "/p/"+p.ID+"?lang=en", "Accept", browser)
		if res.StatusCode != 200 || !strings.Contains(body, text) || !strings.Contains(body, complete) {
			t.Errorf("got %d without %q", res.StatusCode, text)
		}
		if (text == unknown) != (res.Header.Get("Cache-Control") == "no-cache") {
			t.Errorf("Cache-Control: %s", res.Header.Get("Cache-Control"))
		}
		if n := requests.Swap(0); n != count {
			t.Errorf("%q: %d requests, want %d", text, n, count)
		}
	}
	status.Store(503)
	check(unknown, 1)
	check(unknown, 0)
	ahead.Add(int64(6 * time.Second))
	status.Store(0)
	begin := time.Now()
	check(unknown, 1)
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("a page without its documents took %v", took)
	}
	<-asked
	ahead.Add(int64(6 * time.Second))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { s.get("GET", "/p/"+p.ID+"?lang=en", "Accept", browser) })
	}
	<-asked
	status.Store(200)
	close(release)
	wg.Wait()
	if n := requests.Swap(0); n != 1 {
		t.Errorf("20 readers caused %d requests, want 1", n)
	}
	check(`<a href="https://documents.example/api/public/documents/1/content">Other document</a><p class="soft"><bdi>a.pdf</bdi> ·&nbsp;1.2`, 0)
	status.Store(503)
	check("a.pdf", 0) // from the cache
}
