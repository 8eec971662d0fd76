package httpapi_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/document-service/internal/document"
	"github.com/battery-passport/suite/document-service/internal/filetype"
	"github.com/battery-passport/suite/document-service/internal/httpapi"
	"github.com/battery-passport/suite/document-service/internal/ownership"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// memory is an object storage in memory.
type memory struct {
	mu      sync.Mutex
	objects map[string][]byte
}

func (m *memory) Put(_ context.Context, key, _ string, body io.Reader) error {
	data, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.objects[key] = data
	return nil
}

func (m *memory) get(key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.objects[key]
	if !ok {
		return nil, fault.New(fault.NotFound, "object %s does not exist", key)
	}
	return data, nil
}

func (m *memory) Size(_ context.Context, key string) (int64, error) {
	data, err := m.get(key)
	return int64(len(data)), err
}

func (m *memory) Open(_ context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	data, err := m.get(key)
	if err != nil {
		return nil, err
	}
	if data = data[offset:]; length >= 0 {
		data = data[:length]
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

func (m *memory) Remove(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, key)
	return nil
}

func (m *memory) Link(context.Context, string, string, string, time.Duration) (string, error) {
	return "", errors.ErrUnsupported
}

func (m *memory) List(_ context.Context, prefix, after string, _ time.Time, f func(string) error) error {
	m.mu.Lock()
	keys := slices.Sorted(maps.Keys(m.objects))
	m.mu.Unlock()
	for _, key := range keys {
		if strings.HasPrefix(key, prefix) && key > after {
			if err := f(key); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *memory) AbortUploads(context.Context, string, time.Time) error { return nil }

// newAPI returns an API with object storage in memory, and an Authorization header.
func newAPI(f *testing.F) (*rest.API, *memory, string) {
	db, err := connect.Open(f.Context(), connect.Config{Dir: f.TempDir()}, "fuzz")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { db.Close(context.Background()) })
	secret := strings.Repeat("s", 32)
	verifier, err := token.NewLocalVerifier(secret, nil, nil, nil)
	if err != nil {
		f.Fatal(err)
	}
	signed, err := token.Key{Secret: []byte(secret)}.Sign(token.NewClaims(auth.Principal{UserID: "ann", Role: auth.User}, time.Now(), 24*time.Hour))
	if err != nil {
		f.Fatal(err)
	}
	stored, quiet := &memory{objects: map[string][]byte{}}, slog.New(slog.DiscardHandler)
	api := rest.New(rest.Options{Document: rest.Document{Title: "x"}, Log: quiet, User: auth.UserID})
	(&httpapi.API{Verifier: verifier, Documents: &document.Service{
		Documents: store.Open(db, document.DocumentSchema()), KeyPrefixes: store.Open(db, document.KeyPrefixSchema()),
		Usages: store.Open(db, document.UsageSchema()), Owners: &ownership.Service{Passports: store.Open(db, ownership.PassportSchema()), Organisations: store.Open(db, ownership.OrganisationSchema())}, Objects: stored, DetectType: filetype.Detect,
		MaxBytes: 64 << 10, SweepAfter: time.Hour, Now: time.Now, NewID: uuid.NewString, Log: quiet,
	}}).Register(api)
	return api, stored, "Bearer " + signed
}

// FuzzUpload sends arbitrary bytes as a form. Either the upload is refused and nothing
// is stored, or the download returns the same bytes with a valid Content-Disposition.
func FuzzUpload(f *testing.F) {
	const head = "--b\r\nContent-Disposition: form-data; name=file; filename="
	for _, body := range []string{
		head + "\"a.txt\"\r\n\r\nabc\r\n--b--\r\n",
		head + "\"a.txt\"\r\n\r\nabc",
		head + "\"..\\..\\a\x00b.txt\"\r\nContent-Type: text/plain\r\n\r\nabc\r\n--b--\r\n",
		head + "\"a.pdf\"; filename*=UTF-8''%0D%0AX%3A%20y.pdf\r\n\r\n%PDF-1.7\r\n--b--\r\n",
		"--b\r\nContent-Disposition: form-data; name=kind\r\n\r\ntest-report\r\n" + head + "a\r\n\r\nabc\r\n--b\r\nContent-Disposition: form-data; name=isPublic\r\n\r\ntrue\r\n--b--",
		"--b\r\nContent-Disposition: form-data; name=passportId\r\n\r\n{\"$ne\":\"\"}\r\n" + head + "a\r\n\r\nabc\r\n--b--",
		"--b\r\nContent-Disposition: form-data; name=\"a~/\x01\"\r\n\r\nx\r\n--b--\r\n",
		head + "a\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=41=\r\n--b--\r\n", "--b\r\n\r\n\r\n--b--", "--b--", "",
	} {
		f.Add("multipart/form-data; boundary=b", []byte(body))
	}
	f.Add("multipart/form-data", []byte(""))
	f.Add("multipart/form-data; boundary=\"\"", []byte("--\r\n"))
	api, stored, authorization := newAPI(f)
	send := func(method, path, contentType string, body []byte) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, bytes.NewReader(body))
		r.Header.Set("Authorization", authorization)
		r.Header.Set("Content-Type", contentType)
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		return w
	}
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		a := send("POST", "/api/documents/upload", contentType, body)
		if a.Code != 201 {
			if a.Code < 400 || a.Code >= 500 || len(stored.objects) != 0 {
				t.Fatalf("upload = %d with %d objects: %s", a.Code, len(stored.objects), a.Body)
			}
			return
		}
		var d httpapi.Document
		if err := json.Unmarshal(a.Body.Bytes(), &d); err != nil {
			t.Fatal(err)
		}
		path := "/api/documents/" + d.DocID
		content := send("GET", path+"/content", "", nil)
		sum := sha256.Sum256(content.Body.Bytes())
		if content.Code != 200 || !bytes.Contains(body, content.Body.Bytes()) || hex.EncodeToString(sum[:]) != d.SHA256 {
			t.Errorf("download = %d %q of %+v", content.Code, content.Body, d)
		}
		if disposition := content.Header().Get("Content-Disposition"); disposition != rest.Attachment(d.FileName) || strings.ContainsFunc(disposition, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("file name %q: Content-Disposition is %q", d.FileName, disposition)
		}
		if gone := send("DELETE", path, "", nil); gone.Code != 204 || len(stored.objects) != 0 {
			t.Errorf("delete = %d with %d objects left", gone.Code, len(stored.objects))
		}
	})
}
