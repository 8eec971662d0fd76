package documentd_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/document-service/documentd"
	"github.com/battery-passport/suite/document-service/internal/document"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

const passportID = "01930000-0000-7000-8000-00000000000a"

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// fetch downloads from a link without a token.
func fetch(t *testing.T, url string) resttest.Response {
	t.Helper()
	return resttest.Client{T: t}.Do("GET "+url, "")
}

func TestDocumentLifecycle(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		user, path := s.as(auth.Operator, "A"), "/api/documents/"
		res := s.post(user, field{name: "description", value: "Prüfbericht"}, field{name: "isPublic", value: "True"},
			file("Müll.pdf", "application/pdf", pdf), field{name: "passportId", value: strings.ToUpper(passportID)}, field{name: "kind", value: "test-report"})
		var d documentResponse
		res.Want(201, &d)
		path += d.DocID
		want := documentResponse{
			DocID: d.DocID, FileName: "Müll.pdf", OriginalName: "Müll.pdf", FileType: "application/pdf", SHA256: hashOf(pdf), FileSize: int64(len(pdf)),
			Description: "Prüfbericht", IsPublic: true, PassportID: passportID, Kind: "test-report", AccessClass: "public", Status: "ready", UploadedBy: "operator@A", Organisation: "A",
			CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt,
		}
		if diff := cmp.Diff(want, d); diff != "" || res.Header.Get("Location") != path || d.CreatedAt.IsZero() {
			t.Errorf("uploaded (-want +got)\n%s%v", diff, res.Header)
		}

		// Anyone can use the link until it expires.
		var got documentResponse
		s.Call("GET "+path, user, nil).Want(200, &got)
		var link struct {
			DownloadURL, FileName string
			ExpiresAt             time.Time
			ExpiresIn             int
		}
		s.Call("GET "+path+"/download", user, nil).Want(200, &link)
		if link.FileName != "Müll.pdf" || link.ExpiresIn != 60 || time.Until(link.ExpiresAt) > time.Minute || time.Until(link.ExpiresAt) < 50*time.Second {
			t.Errorf("link %+v, want Müll.pdf for 60 seconds", link)
		}
		for _, url := range []string{got.DownloadURL, link.DownloadURL} {
			a := fetch(t, url).Want(200, nil)
			if a.Text != pdf || a.Header.Get("Content-Type") != "application/pdf" || a.Header.Get("Content-Disposition") != "attachment; filename*=utf-8''M%C3%BCll.pdf" {
				t.Errorf("GET %s = %q %v", url, a.Text, a.Header)
			}
		}

		// The details can be changed.
		var put documentResponse
		s.Call("PUT "+path, user, `{"fileName":"../Bericht","description":"","isPublic":"false","passportId":"","kind":"other","accessClass":"authority"}`).Want(200, &put)
		want.FileName, want.Description, want.IsPublic, want.PassportID, want.Kind, want.AccessClass, want.UpdatedAt = "Bericht.pdf", "", false, "", "other", "authority", put.UpdatedAt
		want.UpdatedBy = "operator@A"
		if diff := cmp.Diff(want, put); diff != "" || put.UpdatedAt.Before(d.UpdatedAt) {
			t.Errorf("after PUT (-want +got)\n%s", diff)
		}
		s.Call("PUT "+path, user, `{"isPublic":true}`).Want(200, &put)
		if !put.IsPublic || put.AccessClass != "public" || put.FileName != "Bericht.pdf" {
			t.Errorf("after PUT of isPublic as a boolean: %+v", put)
		}
		unchanged := put.UpdatedAt
		if s.Call("PUT "+path, user, `{}`).Want(200, &put); put.UpdatedAt != unchanged {
			t.Errorf("a PUT without changes changed updatedAt")
		}

		s.Call("DELETE "+path, user, nil).Want(204, nil)
		for _, route := range []string{"GET " + path, "GET " + path + "/download", "GET " + path + "/content", "PUT " + path, "DELETE " + path} {
			s.Call(route, user, `{}`).WantProblem(404)
		}
		if a := fetch(t, link.DownloadURL); a.Status != 404 {
			t.Errorf("link of the deleted document = %d, want 404", a.Status)
		}
		if objects, uploads := s.bucket.keys(t); len(objects)+len(uploads) > 0 {
			t.Errorf("left in the bucket: objects %v, uploads %v", objects, uploads)
		}
		wantEvents(t, s, d.DocID, "document.uploaded 2", "document.updated 3", "document.updated 4", "document.deleted 5")
	})
}

// open opens the database of the service like a second process.
func (s *service) open(t *testing.T) (*store.Collection[document.Document], *store.Collection[document.KeyPrefix]) {
	t.Helper()
	db, err := connect.Open(t.Context(), s.cfg.Store, documentd.Name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(t.Context()) })
	return store.Open(db, document.DocumentSchema()), store.Open(db, document.KeyPrefixSchema())
}

// wantEvents compares the waiting events of a document, each given as type and
// sequence. Without a broker they stay in the outbox.
func wantEvents(t *testing.T, s *service, id string, want ...string) {
	t.Helper()
	documents, _ := s.open(t)
	waiting := storetest.WaitingEvents(t, documents.Outbox(), id)
	got := []string{}
	for _, e := range waiting {
		got = append(got, fmt.Sprint(e.Type, " ", e.Sequence))
		if e.Key != id || e.Source != "/document-service" || !strings.Contains(string(e.Data), `"docId":"`+id+`"`) {
			t.Errorf("event %+v", e)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got)\n%s", diff)
	}
}

// TestPublicEndpoint checks that links use S3_PUBLIC_ENDPOINT while the service itself
// uses S3_ENDPOINT.
func TestPublicEndpoint(t *testing.T) {
	bucket := newBucket(t)
	_, public := storetest.NewProxy(t, bucket.Endpoint)
	s := startWith(t, authtest.New(t), bucket, connect.Config{Dir: t.TempDir()}, func(cfg *documentd.Config) { cfg.S3.PublicEndpoint = public + "/" })
	user := s.as(auth.User, "")
	d := s.upload(user, file("a.pdf", "", pdf))
	s.Call("GET /api/documents/"+d.DocID, user, nil).Want(200, &d)
	if a := fetch(t, d.DownloadURL); !strings.HasPrefix(d.DownloadURL, public+"/"+bucket.Bucket+"/") || a.Text != pdf {
		t.Errorf("GET %s = %d %s", d.DownloadURL, a.Status, a.Text)
	}
	tampered := strings.Replace(d.DownloadURL, "X-Amz-Expires=60", "X-Amz-Expires=600", 1)
	if a := fetch(t, tampered); a.Status != 403 {
		t.Errorf("tampered link = %d, want 403", a.Status)
	}
	resttest.CloseIdle() // otherwise the proxy waits for an open connection
}

func TestContent(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	user := s.as(auth.User, "")
	text := strings.Repeat("0123456789", 100)
	d := s.upload(user, file("a b.txt", "text/plain", text))
	route, tag := "GET /api/documents/"+d.DocID+"/content", `"`+hashOf(text)+`"`
	for name, c := range map[string]struct {
		headers      []string
		status       int
		body, range_ string
	}{
		"whole":                 {nil, 200, text, ""},
		"first":                 {[]string{"Range", "bytes=0-9"}, 206, "0123456789", "bytes 0-9/1000"},
		"middle":                {[]string{"Range", "bytes=15-17"}, 206, "567", "bytes 15-17/1000"},
		"last":                  {[]string{"Range", "bytes=-3"}, 206, "789", "bytes 997-999/1000"},
		"from":                  {[]string{"Range", "bytes=998-"}, 206, "89", "bytes 998-999/1000"},
		"range past the end":    {[]string{"Range", "bytes=998-5000"}, 206, "89", "bytes 998-999/1000"},
		"several ranges":        {[]string{"Range", "bytes=0-1,5-6"}, 200, text, ""},
		"unit in upper case":    {[]string{"Range", "BYTES=0-9"}, 206, "0123456789", "bytes 0-9/1000"},
		"unknown unit":          {[]string{"Range", "items=0-3"}, 200, text, ""},
		"no unit":               {[]string{"Range", "0-3"}, 200, text, ""},
		"If-Range matches":      {[]string{"Range", "bytes=0-1", "If-Range", tag}, 206, "01", "bytes 0-1/1000"},
		"If-Range differs":      {[]string{"Range", "bytes=0-1", "If-Range", `"x"`}, 200, text, ""},
		"If-None-Match matches": {[]string{"If-None-Match", `"x", ` + tag}, 304, "", ""},
		"If-None-Match differs": {[]string{"If-None-Match", `"x"`}, 200, text, ""},
		"If-Match differs":      {[]string{"If-Match", `"x"`}, 412, "", ""},
		"If-Match matches":      {[]string{"If-Match", tag}, 200, text, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.On(t).Call(route, user, nil, c.headers...)
			if a.Status != c.status || a.Header.Get("Content-Range") != c.range_ || c.status < 400 && (a.Text != c.body || a.Header.Get("ETag") != tag) {
				t.Errorf("%v = %d %q %v", c.headers, a.Status, a.Text, a.Header)
			}
		})
	}
	a := s.Call(route, user, nil)
	for name, want := range map[string]string{
		"Content-Type": "text/plain; charset=utf-8", "Content-Length": "1000", "Content-Disposition": `attachment; filename="a b.txt"`, "X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": "sandbox; default-src 'none'; base-uri 'none'; frame-ancestors 'none'", "Cache-Control": "private, no-cache", "Accept-Ranges": "bytes",
	} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	beyond := s.Call(route, user, nil, "Range", "bytes=1000-")
	beyond.WantProblem(416, "header:Range range")
	if beyond.Header.Get("Content-Range") != "bytes */1000" || beyond.Header.Get("Content-Disposition") != "" {
		t.Errorf("range after the end: headers %v", beyond.Header)
	}
	s.Call(route, user, nil, "If-Match", "W/"+tag).WantProblem(412, "header:If-Match weak")
	if head := s.Call(strings.Replace(route, "GET", http.MethodHead, 1), user, nil).Want(200, nil); head.Text != "" || head.Header.Get("Content-Length") != "1000" {
		t.Errorf("HEAD = %q %v", head.Text, head.Header)
	}
}
