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
	"github.com/battery-passport/suite/pkg/waittest"
)

// withoutKeys configures no S3 key and clears all sources of the AWS credential chain,
// then sets the given environment variables.
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

// try uploads a file and returns the response without checking it.
func (s *service) try(token string) resttest.Response {
	s.T.Helper()
	body, contentType := form(file("a.pdf", "", pdf))
	return s.Do(upload, body, "Authorization", "Bearer "+token, "Content-Type", contentType)
}

// silentServer returns the URL of a server that accepts requests but never responds,
// like the address of the instance metadata outside AWS.
func silentServer(t *testing.T) string {
	t.Helper()
	done := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-done:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(done) })
	return s.URL
}

// TestStorageWithoutCredentials checks that uploads fail quickly and with the reason
// when no credentials are found.
func TestStorageWithoutCredentials(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(broken, []byte("[default]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = nobody\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, environment := range map[string]map[string]string{
		"metadata service refuses connections": {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://" + resttest.UnusedAddress(t)},
		"metadata service does not respond":    {"AWS_EC2_METADATA_SERVICE_ENDPOINT": silentServer(t)},
		"metadata service is disabled":         {"AWS_EC2_METADATA_DISABLED": "true"},
		"configuration file is not valid":      {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": broken},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, connect.Config{Dir: t.TempDir()}, withoutKeys(t, environment))
			const reason = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set"
			s.Call("GET /api/documents", s.as(auth.Admin, ""), nil).Want(200, nil)
			waittest.Until(t, "/readyz has the reason", func() bool {
				return strings.Contains(s.Do("GET /readyz", "").Want(200, nil).Text, `"detail":"`+reason)
			})
			begin := time.Now()
			a := s.try(s.as(auth.User, ""))
			if a.WantProblem(503); !strings.Contains(a.Text, reason) {
				t.Errorf("upload = %s", a.Text)
			}
			if took := time.Since(begin); took > 4*time.Second { // with a wait for the reason, it would take 5
				t.Errorf("upload took %s", took)
			}
		})
	}
}

// role serves credentials like a container platform.
type role struct {
	mu       sync.Mutex
	keys     map[string]string
	valid    time.Duration
	requests int
}

func (r *role) set(keyID, secret string, valid time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys, r.valid = map[string]string{"AccessKeyId": keyID, "SecretAccessKey": secret}, valid
}

func (r *role) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	r.keys["Expiration"] = time.Now().Add(r.valid).UTC().Format(time.RFC3339)
	_ = json.NewEncoder(w).Encode(r.keys)
}

// TestContainerCredentials checks that the service uses the credentials of the
// container platform, renews them before they expire and caches them until then.
func TestContainerCredentials(t *testing.T) {
	keyID, secret := os.Getenv(keyEnv), os.Getenv(secretEnv)
	platform := &role{}
	platform.set(keyID, secret, 30*time.Second) // less than the renewal window, so they are not cached
	server := httptest.NewServer(platform)
	defer server.Close()
	s := start(t, connect.Config{Dir: t.TempDir()}, withoutKeys(t, map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": server.URL}))
	user := s.as(auth.User, "")
	s.upload(user, file("a.pdf", "", pdf))

	platform.set("another", secret, 30*time.Second)
	if a := s.try(user); !strings.Contains(a.Text, "the object storage refuses") {
		t.Errorf("upload with an unknown key = %s, want a refusal", a.Text)
	}
	platform.set(keyID, secret, time.Hour)
	s.upload(user, file("a.pdf", "", pdf))
	platform.mu.Lock()
	before := platform.requests
	platform.mu.Unlock()
	s.upload(user, file("a.pdf", "", pdf))
	platform.mu.Lock()
	defer platform.mu.Unlock()
	if platform.requests != before {
		t.Error("credentials that are valid for an hour were requested twice")
	}
}

// TestStorageTLS checks which CA certificates the service trusts for S3.
func TestStorageTLS(t *testing.T) {
	authority := tlstest.NewAuthority(t)
	plain := strings.TrimPrefix(os.Getenv(endpointEnv), "http://")
	withCA := func(caFile string) func(*documentd.Config) {
		return func(cfg *documentd.Config) {
			cfg.S3.Endpoint, cfg.S3.CAFile = "https://"+tlstest.Proxy(t, authority.ServerConfig(t), plain), caFile
		}
	}
	t.Run("CA of the server", func(t *testing.T) {
		s := start(t, connect.Config{Dir: t.TempDir()}, withCA(authority.File))
		user := s.as(auth.User, "")
		d := s.upload(user, file("a.pdf", "", pdf))
		if got := s.Do("GET /api/documents/"+d.DocID+"/content", "", "Authorization", "Bearer "+user).Want(200, nil); got.Text != pdf {
			t.Errorf("download = %q", got.Text)
		}
	})
	for name, caFile := range map[string]string{"system CAs": "", "another CA": tlstest.NewAuthority(t).File} {
		t.Run(name, func(t *testing.T) {
			s := start(t, connect.Config{Dir: t.TempDir()}, withCA(caFile))
			if ready := s.Do("GET /readyz", "").Want(200, nil); !strings.Contains(ready.Text, "S3_CA_FILE") {
				t.Errorf("readyz = %s", ready.Text)
			}
			s.try(s.as(auth.User, "")).WantProblem(503)
		})
	}
	t.Run("missing CA file", func(t *testing.T) {
		if _, err := s3store.Open(s3store.Config{CAFile: "gone.pem"}); err == nil || !strings.Contains(err.Error(), "S3_CA_FILE") {
			t.Errorf("Open = %v", err)
		}
	})
}

// TestSessionTokenIsSent sends an invalid session token, which the storage refuses.
func TestSessionTokenIsSent(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()}, func(cfg *documentd.Config) { cfg.S3.Session = "of a session" })
	a := s.try(s.as(auth.User, ""))
	if a.WantProblem(503); !strings.Contains(a.Text, "the object storage refuses the access key") {
		t.Errorf("upload = %s", a.Text)
	}
}
