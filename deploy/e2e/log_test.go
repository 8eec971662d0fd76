package e2e

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/battery-passport/suite/deploy/stack"
	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/rest/resttest"
)

// logs is what all services of a suite log.
type logs struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// secretsOf are values that a suite is set up with and nobody may read in a log.
func secretsOf(cfg *stack.Config) []string {
	cfg.Auth.TokenSecret = "token-secret-0123456789-0123456789"
	cfg.Auth.PasswordKey = "password-key-0123456789-0123456789"
	cfg.Passport.Auth.Secret, cfg.Document.Auth.Secret, cfg.Notification.Auth.Secret = cfg.Auth.TokenSecret, cfg.Auth.TokenSecret, cfg.Auth.TokenSecret
	cfg.Auth.AdminEmail, cfg.Auth.AdminPassword = "admin@nordlicht.example", "admin-password-1"
	return []string{cfg.Auth.TokenSecret, cfg.Auth.PasswordKey, cfg.Auth.AdminPassword, stack.S3Secret}
}

// TestLogsHoldNoSecret sends secrets wherever one can be, through requests that
// succeed and that fail, at the level that logs most.
func TestLogsHoldNoSecret(t *testing.T) {
	cfg, all := config(t), &logs{}
	secrets := secretsOf(&cfg)
	cfg.Log = func(service string) *slog.Logger {
		return boot.Logger(io.MultiWriter(all, t.Output()), service, boot.Log{Level: slog.LevelDebug})
	}
	s := start(t, cfg)
	var admin session
	s.eventually("the admin is there", func() bool {
		a := s.auth.Call("POST /api/auth/login", "", map[string]string{"email": cfg.Auth.AdminEmail, "password": cfg.Auth.AdminPassword})
		return a.Status == 200 && json.Unmarshal([]byte(a.Text), &admin) == nil
	})
	ann := s.person(admin, "operator", "Nordlicht")
	secrets = append(secrets, admin.Token, ann.Token, password)

	s.auth.Call("POST /api/auth/login", "", `{"email":"ann@x.example","password":"wrong-password-1"}`).Want(401, nil)
	s.auth.Call("POST /api/auth/register", "", `{"email":"broken","password":"wrong-password-2"}`).Want(422, nil)
	s.auth.Call("POST /api/auth/register", "", `{"email":"x@x.example","password":"wrong-password-3"`).Want(400, nil)
	s.auth.Call("PUT /api/auth/password", ann.Token, `{"currentPassword":"wrong-password-4","newPassword":"wrong-password-5"}`).Want(422, nil)
	s.auth.Call("POST /api/auth/login", "", `{"email":"ann@x.example","password":"wrong-password-6","secret":"unknown-member"}`).Want(422, nil)
	for _, c := range []resttest.Client{s.auth, s.passport, s.document, s.notification} {
		c.Ask("GET /api/auth/profile?access_token="+url.QueryEscape(ann.Token), "")
		c.Ask("GET /api/passports?token=query-secret-1", "", "Authorization", "Bearer header.secret.1", "Cookie", "session=cookie-secret-1")
		c.Ask("GET /api/documents?token=query-secret-2", "", "Authorization", "Basic aGVhZGVyOnNlY3JldA==")
		c.Ask("POST /api/notifications", `{"body":"body-secret-1"}`, "Authorization", "Bearer "+ann.Token)
	}
	var p answer
	s.passport.Call("POST /api/passports", ann.Token, `{"data":{"generalInformation":{"batteryIdentifier":"https://a.example/body-secret-2"}}}`).Want(201, &p)
	s.passport.Call("PATCH /api/passports/"+p.ID, ann.Token, `{"data":{"body-secret-3":1}}`).Want(422, nil)
	var d struct{ DocID, DownloadURL string }
	s.upload(ann.Token, "body-secret-4.txt").Want(201, &d)
	s.document.Call("GET /api/documents/"+d.DocID, ann.Token, nil).Want(200, &d)
	link, err := url.Parse(d.DownloadURL)
	if err != nil || link.Query().Get("X-Amz-Signature") == "" {
		t.Fatalf("no link: %q, %v", d.DownloadURL, err)
	}
	secrets = append(secrets, link.Query().Get("X-Amz-Signature"), "wrong-password", "unknown-member", "query-secret", "header.secret",
		"aGVhZGVyOnNlY3JldA", "cookie-secret", "body-secret")
	s.told(ann, "document.uploaded", d.DocID)

	text := all.String()
	for _, secret := range secrets {
		if i := strings.Index(text, secret); i >= 0 {
			t.Errorf("%q is in a log: %s", secret, text[max(0, i-300):min(len(text), i+100)])
		}
	}
	for line := range strings.Lines(text) {
		var l struct {
			Msg, Service string
			RequestID    string `json:"request_id"`
			User         string
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil || l.Service == "" {
			t.Errorf("no JSON line of a service: %s, %v", line, err)
		}
		if l.Msg == "request" && l.RequestID == "" {
			t.Errorf("a request without its id: %s", line)
		}
		if strings.Contains(line, `"status":201`) && strings.Contains(line, `/api/passports"`) && l.User != ann.User.ID {
			t.Errorf("a request without its user: %s", line)
		}
	}
}
