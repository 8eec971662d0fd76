package documentd_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/battery-passport/suite/document-service/documentd"
	"github.com/battery-passport/suite/document-service/internal/s3store"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/tlstest"
)

// withoutKeys has the service find no key, neither set nor in the chain, but
// what the environment adds.
func withoutKeys(t *testing.T, environment map[string]string) func(*documentd.Config) {
	return func(cfg *documentd.Config) {
		cfg.S3.KeyID, cfg.S3.Secret = "", ""
		for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"} {
			t.Setenv(name, "")
		}
		for _, name := range []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} {
			t.Setenv(name, filepath.Join(t.TempDir(), "none"))
		}
		for name, value := range environment {
			t.Setenv(name, value)
		}
	}
}

// try uploads a file once, whatever comes of it.
func (s *service) try(token string) resttest.Response {
	s.T.Helper()
	body, contentType := form(file("a.pdf", "", pdf))
	return s.Do(upload, body, "Authorization", "Bearer "+token, "Content-Type", contentType)
}

// mute returns the address of a server that takes connections and says nothing,
// as that of the machine's role may do where there is none.
func mute(t *testing.T) string {
	t.Helper()
	silent := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-silent:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(silent) })
	return s.URL
}

// TestStorageWithoutCredentials starts the service where no credentials are. It
// answers soon, and says why.
func TestStorageWithoutCredentials(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(broken, []byte("[default]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = nobody\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, environment := range map[string]map[string]string{
		"the machine has no role":    {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://" + resttest.UnusedAddress(t)},
		"the machine says nothing":   {"AWS_EC2_METADATA_SERVICE_ENDPOINT": mute(t)},
		"nothing may be asked":       {"AWS_EC2_METADATA_DISABLED": "true"},
		"a file that cannot be used": {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": broken},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, connect.Config{Dir: t.TempDir()}, withoutKeys(t, environment))
			const why = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set"
			s.Call("GET /api/documents", s.as(auth.Admin, ""), nil).Want(200, nil)
			if ready := s.Do("GET /readyz", "").Want(200, nil); !strings.Contains(ready.Text, `"detail":"`+why) {
				t.Errorf("readyz = %s", ready.Text)
			}
			begin := time.Now()
			a := s.try(s.as(auth.User, ""))
			if a.WantProblem(503); !strings.Contains(a.Text, why) {
				t.Errorf("upload = %s", a.Text)
			}
			if took := time.Since(begin); took > 2*time.Second { // which is when /readyz would not wait for its reason
				t.Errorf("upload took %s", took)
			}
		})
	}
}

// role gives out keys as the platform of a container does.
type role struct {
	mu    sync.Mutex
	keys  map[string]string
	valid time.Duration
	asked int
}

func (r *role) give(keyID, secret string, valid time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys, r.valid = map[string]string{"AccessKeyId": keyID, "SecretAccessKey": secret}, valid
}

func (r *role) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	r.keys["Expiration"] = time.Now().Add(r.valid).UTC().Format(time.RFC3339)
	_ = json.NewEncoder(w).Encode(r.keys)
}

// TestCredentialsOfTheContainer has no key set, and a platform that gives one
// which soon ends, then one that S3 does not know, and then one that stays.
func TestCredentialsOfTheContainer(t *testing.T) {
	keyID, secret := os.Getenv(keyEnv), os.Getenv(secretEnv)
	platform := &role{}
	platform.give(keyID, secret, 30*time.Second) // which is soon
	server := httptest.NewServer(platform)
	defer server.Close()
	s := start(t, connect.Config{Dir: t.TempDir()}, withoutKeys(t, map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": server.URL}))
	maker := s.as(auth.User, "")
	s.upload(maker, file("a.pdf", "", pdf))

	platform.give("another", secret, 30*time.Second)
	if a := s.try(maker); !strings.Contains(a.Text, "the object storage refuses") {
		t.Errorf("upload with an unknown key = %s", a.Text)
	}
	platform.give(keyID, secret, time.Hour)
	s.upload(maker, file("a.pdf", "", pdf))
	platform.mu.Lock()
	before := platform.asked
	platform.mu.Unlock()
	s.upload(maker, file("a.pdf", "", pdf))
	platform.mu.Lock()
	defer platform.mu.Unlock()
	if platform.asked != before {
		t.Error("a key that is valid for an hour is asked for again")
	}
}

// TestStorageByTLS puts TLS of an authority of our own in front of S3.
func TestStorageByTLS(t *testing.T) {
	authority := tlstest.NewAuthority(t)
	plain := strings.TrimPrefix(os.Getenv(endpointEnv), "http://")
	by := func(caFile string) func(*documentd.Config) {
		return func(cfg *documentd.Config) {
			cfg.S3.Endpoint, cfg.S3.CAFile = "https://"+tlstest.Proxy(t, authority.ServerConfig(t), plain), caFile
		}
	}
	t.Run("its file", func(t *testing.T) {
		s := start(t, connect.Config{Dir: t.TempDir()}, by(authority.File))
		maker := s.as(auth.User, "")
		d := s.upload(maker, file("a.pdf", "", pdf))
		if got := s.Do("GET /api/documents/"+d.DocID+"/content", "", "Authorization", "Bearer "+maker).Want(200, nil); got.Text != pdf {
			t.Errorf("download = %q", got.Text)
		}
	})
	for name, caFile := range map[string]string{"the system's": "", "another": tlstest.NewAuthority(t).File} {
		t.Run(name, func(t *testing.T) {
			s := start(t, connect.Config{Dir: t.TempDir()}, by(caFile))
			if ready := s.Do("GET /readyz", "").Want(200, nil); !strings.Contains(ready.Text, "S3_CA_FILE") {
				t.Errorf("readyz = %s", ready.Text)
			}
			s.try(s.as(auth.User, "")).WantProblem(503)
		})
	}
	t.Run("a file that is gone", func(t *testing.T) {
		if _, err := s3store.Open(s3store.Config{CAFile: "gone.pem"}); err == nil || !strings.Contains(err.Error(), "S3_CA_FILE") {
			t.Errorf("Open = %v", err)
		}
	})
}

// TestTemporaryKey sends the session token of a key: the storage knows it not.
func TestTemporaryKey(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()}, func(cfg *documentd.Config) { cfg.S3.Session = "of a session" })
	a := s.try(s.as(auth.User, ""))
	if a.WantProblem(503); !strings.Contains(a.Text, "the object storage refuses the key") {
		t.Errorf("upload = %s", a.Text)
	}
}
