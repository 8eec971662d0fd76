package e2e

import (
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/battery-passport/suite/deploy/stack"
	"github.com/battery-passport/suite/pkg/boot"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// logs is the log of all services of a suite. It is safe for concurrent use.
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

// secretsOf configures secrets and returns them.
func secretsOf(cfg *stack.Config) []string {
	cfg.Auth.TokenSecret = "token-secret-0123456789-0123456789"
	cfg.Auth.PasswordKey = "password-key-0123456789-0123456789"
	cfg.Passport.Auth.Secret, cfg.Document.Auth.Secret, cfg.Notification.Auth.Secret = cfg.Auth.TokenSecret, cfg.Auth.TokenSecret, cfg.Auth.TokenSecret
	cfg.Auth.AdminEmail, cfg.Auth.AdminPassword = "admin@nordlicht.example", "admin-password-1"
	return []string{cfg.Auth.TokenSecret, cfg.Auth.PasswordKey, cfg.Auth.AdminPassword, stack.S3Secret}
}

// TestLogsContainNoSecrets sends secrets in every part of requests that succeed and that
// fail, and searches the log at level debug for them.
func TestLogsContainNoSecrets(t *testing.T) {
	cfg, all := config(t), &logs{}
	secrets := secretsOf(&cfg)
	cfg.Log = func(service string) *slog.Logger {
		return boot.NewLogger(io.MultiWriter(all, t.Output()), service, boot.LogConfig{Level: slog.LevelDebug})
	}
	s := start(t, cfg)
	var admin session
	waittest.Until(s.t, "the admin account exists", func() bool {
		a := s.auth.Call("POST /api/auth/login", "", map[string]string{"email": cfg.Auth.AdminEmail, "password": cfg.Auth.AdminPassword})
		return a.Status == 200 && json.Unmarshal([]byte(a.Text), &admin) == nil
	})
	ann := s.newAccount(admin, "operator", "nordlicht-battery")
	var refreshed session
	s.auth.Call("POST /api/auth/refresh", "", map[string]string{"refreshToken": ann.RefreshToken}).Want(200, &refreshed)
	s.auth.Call("POST /api/auth/refresh", "", map[string]string{"refreshToken": ann.RefreshToken + "x"}).Want(401, nil)
	loggedOut := s.login(ann.User.Email)
	s.auth.Call("POST /api/auth/logout", "", map[string]string{"refreshToken": loggedOut.RefreshToken}).Want(204, nil)
	secrets = append(secrets, password)
	for _, each := range []session{admin, ann, refreshed, loggedOut} {
		secrets = append(secrets, each.Token, each.RefreshToken)
	}

	s.auth.Call("POST /api/auth/login", "", `{"email":"ann@x.example","password":"wrong-password-1"}`).Want(401, nil)
	s.auth.Call("POST /api/auth/register", "", `{"email":"broken","password":"wrong-password-2"}`).Want(422, nil)
	s.auth.Call("POST /api/auth/register", "", `{"email":"x@x.example","password":"wrong-password-3"`).Want(400, nil)
	s.auth.Call("PUT /api/auth/password", ann.Token, `{"currentPassword":"wrong-password-4","newPassword":"wrong-password-5"}`).Want(422, nil)
	s.auth.Call("POST /api/auth/login", "", `{"email":"ann@x.example","password":"wrong-password-6","secret":"unknown-member"}`).Want(422, nil)
	for _, c := range []resttest.Client{s.auth, s.passport, s.document, s.notification} {
		c.Do("GET /api/auth/profile?access_token="+url.QueryEscape(ann.Token), "")
		c.Do("GET /api/passports?token=query-secret-1", "", "Authorization", "Bearer header.secret.1", "Cookie", "session=cookie-secret-1")
		c.Do("GET /api/documents?token=query-secret-2", "", "Authorization", "Basic aGVhZGVyOnNlY3JldA==")
		c.Do("POST /api/notifications", `{"body":"body-secret-1"}`, "Content-Type", "application/json", "Authorization", "Bearer "+ann.Token)
	}
	var p passport
	s.passport.Call("POST /api/passports", ann.Token, `{"data":{"generalInformation":{"batteryIdentifier":"https://a.example/body-secret-2"}}}`).Want(201, &p)
	s.passport.Call("PATCH /api/passports/"+p.ID, ann.Token, `{"data":{"body-secret-3":1}}`).Want(422, nil)
	var d struct{ DocID, DownloadURL string }
	s.upload(ann.Token, "body-secret-4.txt").Want(201, &d)
	s.document.Call("GET /api/documents/"+d.DocID, ann.Token, nil).Want(200, &d)
	link, err := url.Parse(d.DownloadURL)
	if err != nil || link.Query().Get("X-Amz-Signature") == "" {
		t.Fatalf("download link %q is not signed: %v", d.DownloadURL, err)
	}
	secrets = append(secrets, link.Query().Get("X-Amz-Signature"), "wrong-password", "unknown-member", "query-secret", "header.secret",
		"aGVhZGVyOnNlY3JldA", "cookie-secret", "body-secret")
	s.waitForNotification(ann, "document.uploaded", d.DocID)

	text := all.String()
	for _, secret := range secrets {
		if i := strings.Index(text, secret); i >= 0 {
			t.Errorf("secret %q is in the log: %s", secret, text[max(0, i-300):min(len(text), i+100)])
		}
	}
	for line := range strings.Lines(text) {
		l := readLine(t, line)
		if l.Msg == "request" && l.RequestID == "" {
			t.Errorf("request without request_id: %s", line)
		}
		if strings.Contains(line, `"status":201`) && strings.Contains(line, `/api/passports"`) && l.User != ann.User.ID {
			t.Errorf("request without user: %s", line)
		}
	}
}

type logLine struct {
	Msg, Service, Path string
	RequestID          string `json:"request_id"`
	User               string
}

func readLine(t *testing.T, line string) (l logLine) {
	t.Helper()
	if err := json.Unmarshal([]byte(line), &l); err != nil || l.Service == "" {
		t.Errorf("not a JSON line with a service: %s, %v", line, err)
	}
	return l
}

// TestLogInjectionIsPrevented sends line breaks followed by a log line in paths and
// headers, raw and encoded. No log line is forged, and the text stays within one value.
func TestLogInjectionIsPrevented(t *testing.T) {
	cfg, all := config(t), &logs{}
	cfg.Log = func(service string) *slog.Logger {
		return boot.NewLogger(io.MultiWriter(all, t.Output()), service, boot.LogConfig{Level: slog.LevelDebug})
	}
	s := start(t, cfg)
	const line = `{"level":"INFO","msg":"forged","service":"auth-service"}`
	for name, c := range map[string]resttest.Client{"auth": s.auth, "passport": s.passport, "document": s.document, "notification": s.notification} {
		for _, end := range []string{"\n", "\r\n", "\r", "\u2028", "\x00", `"}` + "\n"} {
			c.Do("GET /api/"+name+url.PathEscape(end+line+"\n"), "")
		}
		for _, head := range []string{
			"X-Request-Id: 1\n" + line, "X-Request-Id: 1\r" + line, "X-Request-Id: 1\r\n" + line, "X-Request-Id: %0A" + line,
			"X-Request-Id: " + line, "X-Forwarded-For: 1.2.3.4\n" + line, "User-Agent: x\r" + line,
		} {
			sendHead(t, c, "GET /api/"+name+"/head HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"+head+"\r\n\r\n")
		}
	}
	s.stop()
	found := 0
	for text := range strings.Lines(all.String()) {
		l := readLine(t, text)
		if l.Msg == "forged" {
			t.Errorf("forged log line: %s", text)
		}
		if strings.Contains(l.Path, line) {
			found++
		}
		if _, err := uuid.Parse(l.RequestID); l.Msg == "request" && err != nil {
			t.Errorf("request_id is %q, want a UUID", l.RequestID)
		}
	}
	if found != 4*6 {
		t.Errorf("%d of 24 paths are in the log, want all", found)
	}
}

// sendHead sends a raw request head, which may be invalid, and waits for the end of the response.
func sendHead(t *testing.T, c resttest.Client, head string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, head); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(waittest.Limit))
	_, _ = io.Copy(io.Discard, conn) // the server may reset the connection
}
