package authd_test

import (
	"encoding/json"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/auth-service/internal/account"
	"github.com/battery-passport/suite/pkg/mail/mailsink"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/task"
	"github.com/battery-passport/suite/pkg/waittest"
)

// mailbox is a mail server, and a service that sends its mails there.
type mailbox struct {
	*service
	sink  *mailsink.Server
	clock *atomic.Int64 // nanoseconds since the start of the test
}

// withMail starts a service with a mail server and a clock of its own.
func withMail(t *testing.T, db connect.Config, change ...func(*authd.Config)) *mailbox {
	t.Helper()
	sink, err := mailsink.Start(mailsink.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sink.Close() })
	m := &mailbox{sink: sink, clock: &atomic.Int64{}}
	begin := time.Now()
	m.service = start(t, db, append([]func(*authd.Config){func(cfg *authd.Config) {
		useMailServer(t, cfg, sink.Addr)
		cfg.Now = func() time.Time { return begin.Add(time.Duration(m.clock.Load()) + time.Since(begin)) }
	}}, change...)...)
	return m
}

func useMailServer(t *testing.T, cfg *authd.Config, addr string) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Mail.Host, cfg.Mail.TLS, cfg.Mail.FromEmail, cfg.AppURL = host, "none", "suite@nlb.example", "https://passports.example/"
	if cfg.Mail.Port, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
}

func (m *mailbox) advance(d time.Duration) { m.clock.Add(int64(d)) }

var linkPattern = regexp.MustCompile(`https://passports\.example(/account/[a-z-]+)\?token=([A-Za-z0-9_-]+)`)

// link waits for mail number n to an address, and returns the path and the token of its link.
func (m *mailbox) link(address string, n int) (path, token string) {
	m.T.Helper()
	waittest.Until(m.T, fmt.Sprintf("mail %d to %s", n, address), func() bool { return len(m.mailsTo(address)) >= n })
	text, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(m.mailsTo(address)[n-1])))
	found := linkPattern.FindStringSubmatch(string(text))
	if err != nil || found == nil {
		m.T.Fatalf("the mail has no link: %v\n%s", err, text)
	}
	return found[1], found[2]
}

func (m *mailbox) mailsTo(address string) (contents []string) {
	for _, mail := range m.sink.Mails() {
		if mail.To[0] == address {
			contents = append(contents, mail.Content)
		}
	}
	return contents
}

// requestReset asks for a link for a new password.
func (m *mailbox) requestReset(email string) {
	m.T.Helper()
	m.Call("POST /api/auth/password-resets", "", map[string]string{"email": email}).Want(202, nil)
}

func (m *mailbox) confirmReset(token, password string) resttest.Response {
	m.T.Helper()
	return m.Call("POST /api/auth/password-resets/confirm", "", map[string]string{"token": token, "password": password})
}

// TestPasswordResetEndsEveryLogin resets a password over the API: all earlier tokens, devices and the
// old password are dead, and the audit has it.
func TestPasswordResetEndsEveryLogin(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		m := withMail(t, db)
		admin, ann := m.register("root@nlb.example", "admin"), m.register("ann@nlb.example", "")
		m.requestReset(" ANN@nlb.example ")
		_, token := m.link("ann@nlb.example", 1)
		m.confirmReset(token, "football1").WantProblem(422, "/password common")
		m.confirmReset(token, "battery staple").Want(204, nil)
		m.Call("GET /api/auth/profile", ann.Token, nil).Want(401, nil)
		m.Call("POST /api/auth/refresh", "", map[string]string{"refreshToken": ann.RefreshToken}).WantProblem(401)
		m.Call("POST /api/auth/login", "", map[string]string{"email": "ann@nlb.example", "password": "correct horse"}).WantProblem(401)
		m.Call("POST /api/auth/login", "", map[string]string{"email": "ann@nlb.example", "password": "battery staple"}).Want(200, nil)
		m.confirmReset(token, "another battery").WantProblem(422, "/token invalid")
		waittest.Until(t, "the audit has the request and the reset", func() bool {
			var list struct {
				Items []struct{ Action, By, From string }
			}
			m.Call("GET /api/auth/audit?action=passwordReset&account="+ann.User.ID, admin.Token, nil).Want(200, &list)
			done := len(list.Items) == 1 && list.Items[0].By == ann.User.ID && list.Items[0].From != ""
			m.Call("GET /api/auth/audit?action=passwordResetRequested", admin.Token, nil).Want(200, &list)
			return done && len(list.Items) == 1
		})
		m.mustNotContain(t, db, token)
	})
}

// mustNotContain fails if the log or the database contains a token.
func (m *mailbox) mustNotContain(t *testing.T, db connect.Config, token string) {
	t.Helper()
	if strings.Contains(m.log.String(), token) || strings.Contains(m.log.String(), token[22:]) {
		t.Error("the log contains the token")
	}
	data := openStore(t, db)
	tasks, err := store.Open(data, task.Schema()).List(t.Context(), store.Query{Scopes: []string{account.ResetMail}, Limit: 10})
	if err != nil || len(tasks.Rows) == 0 {
		t.Fatalf("%d tasks, %v", len(tasks.Rows), err)
	}
	accounts, err := store.Open(data, account.Schema()).List(t.Context(), store.Query{Scopes: []string{store.All}, Limit: 10})
	if err != nil || len(accounts.Rows) == 0 {
		t.Fatalf("%d accounts, %v", len(accounts.Rows), err)
	}
	rows, err := json.Marshal([]any{accounts.Rows, tasks.Rows})
	if rows := string(rows); err != nil || strings.Contains(rows, token) || strings.Contains(rows, token[22:]) {
		t.Errorf("the database contains the token: %s", rows)
	}
}

// TestTokensOfResets tries tokens that must be refused, all with the same message. A used token
// ends those of other mails.
func TestTokensOfResets(t *testing.T) {
	m := withMail(t, connect.Config{Dir: t.TempDir()})
	m.register("root@nlb.example", "admin")
	m.register("ann@nlb.example", "")
	m.register("ben@nlb.example", "")
	m.requestReset("ann@nlb.example")
	_, earlier := m.link("ann@nlb.example", 1)
	m.advance(6 * time.Minute)
	m.requestReset("ann@nlb.example")
	m.requestReset("ben@nlb.example")
	_, token := m.link("ann@nlb.example", 2)
	_, foreign := m.link("ben@nlb.example", 1)
	unknown := "AAAAAAAAAAAAAAAAAAAAAA" + token[22:]
	var text string
	for name, wrong := range map[string]string{
		"truncated": token[:63], "extended": token + "A", "of an unknown account": unknown,
		"account of one, secret of another": foreign[:22] + token[22:], "empty": "", "not base64": strings.Repeat("%", 64), "with a line break": token + "\n",
	} {
		r := m.confirmReset(wrong, "battery staple")
		r.WantProblem(422, "/token invalid")
		detail := regexp.MustCompile(`"detail":"[^"]*"`).FindString(r.Text)
		if text == "" {
			text = detail
		}
		if detail != text {
			t.Errorf("%s: %s, want %s", name, detail, text)
		}
	}
	var accepted atomic.Int64
	var clients sync.WaitGroup
	for i := range 4 {
		clients.Go(func() {
			if m.confirmReset(token, fmt.Sprint("battery staple ", i)).Status == http.StatusNoContent {
				accepted.Add(1)
			}
		})
	}
	clients.Wait()
	if accepted.Load() != 1 {
		t.Errorf("the token was accepted %d times", accepted.Load())
	}
	m.confirmReset(earlier, "battery staple").WantProblem(422, "/token invalid")
	m.advance(30 * time.Minute)
	m.confirmReset(foreign, "battery staple").WantProblem(422, "/token invalid") // expired
}

// TestResetMailLimits sends one mail in five minutes and five in a day, and none for an unknown or
// disabled account. The mail goes to the stored address, not to one that looks like it.
func TestResetMailLimits(t *testing.T) {
	m := withMail(t, connect.Config{Dir: t.TempDir()})
	m.register("root@nlb.example", "admin")
	kim := m.register("kim@nlb.example", "")
	for range 3 {
		m.requestReset("kim@nlb.example")
	}
	m.Call("POST /api/auth/password-resets", "", `{"email":"\u212aim@nlb.example"}`).WantProblem(422, "/email format") // KELVIN SIGN, whose lower case is k
	m.requestReset("nobody@nlb.example")
	m.requestReset("kіm@nlb.example") // CYRILLIC SMALL LETTER BYELORUSSIAN-UKRAINIAN I
	m.link("kim@nlb.example", 1)
	for i := range 6 {
		m.advance(5 * time.Minute)
		m.requestReset("kim@nlb.example")
		m.link("kim@nlb.example", min(i+2, 5))
		m.requestReset("root@nlb.example")
		m.link("root@nlb.example", min(i+1, 5))
	}
	admin := m.eventuallyLogin("root@nlb.example", "correct horse")
	m.Call("PATCH /api/auth/users/"+kim.User.ID, admin.Token, map[string]bool{"disabled": true}).Want(200, nil)
	m.advance(25 * time.Hour)
	m.requestReset("kim@nlb.example")
	m.requestReset("root@nlb.example")
	m.link("root@nlb.example", 6) // after the mails to kim, if there were any
	for _, mail := range m.sink.Mails() {
		if to := mail.To[0]; to != "kim@nlb.example" && to != "root@nlb.example" {
			t.Errorf("mail to %q", to)
		}
	}
	if n := len(m.mailsTo("kim@nlb.example")); n != 5 {
		t.Errorf("%d mails to kim, want 5", n)
	}
	for _, email := range []string{"", "kim", "kim@nlb.example\r\nBcc: eve@evil.example", "kim@nlb.example, eve@evil.example", "k\u200bim@nlb.example"} {
		m.Call("POST /api/auth/password-resets", "", map[string]string{"email": email}).WantProblem(422, "/email format")
	}
}

// TestResetWithoutMailServer requests resets while the mail server is down, and in a service without one.
func TestResetWithoutMailServer(t *testing.T) {
	address := resttest.UnusedAddress(t)
	down := start(t, connect.Config{Dir: t.TempDir()}, func(cfg *authd.Config) { useMailServer(t, cfg, address) })
	m := &mailbox{service: down}
	m.register("ann@nlb.example", "")
	m.requestReset("ann@nlb.example")
	m.requestReset("nobody@nlb.example")
	waittest.Until(t, "the health check names the mail server", func() bool { return strings.Contains(down.Call("GET /readyz", "", nil).Text, `"smtp"`) })
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if m.sink, err = mailsink.Start(mailsink.Options{Listener: l}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.sink.Close() })
	_, token := m.link("ann@nlb.example", 1)
	m.confirmReset(token, "battery staple").Want(204, nil)

	none := start(t, connect.Config{Dir: t.TempDir()})
	none.Call("POST /api/auth/password-resets", "", map[string]string{"email": "ann@nlb.example"}).WantProblem(409)
}

// TestPagesOfAReset resets a password with the pages, as a browser without script does.
func TestPagesOfAReset(t *testing.T) {
	m := withMail(t, connect.Config{Dir: t.TempDir()})
	m.register("ann@nlb.example", "")
	page := func(route, form string, status int, contains ...string) {
		t.Helper()
		r := m.Do(route, form, "Content-Type", "application/x-www-form-urlencoded", "Origin", m.URL)
		if r.Status != status || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") || !strings.Contains(r.Header.Get("Content-Security-Policy"), "form-action 'self'") {
			t.Errorf("%s = %d %v", route, r.Status, r.Header)
		}
		if policy, cache := r.Header.Get("Referrer-Policy"), r.Header.Get("Cache-Control"); policy != "strict-origin" || cache != "no-store" {
			t.Errorf("%s: Referrer-Policy %q, Cache-Control %q: the token in the URL may leak", route, policy, cache)
		}
		for _, text := range contains {
			if !strings.Contains(r.Text, text) {
				t.Errorf("%s: no %q in\n%s", route, text, r.Text)
			}
		}
	}
	page("GET /account/forgot-password", "", 200, `type="email"`)
	page("POST /account/forgot-password", "email=ann", 422, `role="alert"`, "The email must be an email address", `type="email"`)
	page("POST /account/forgot-password", "email=ann%40nlb.example", 200, "Check your mailbox")
	path, token := m.link("ann@nlb.example", 1)
	page("GET "+path+"?token="+token, "", 200, `name="token" value="`+token+`"`, `autocomplete="new-password"`)
	page("GET "+path+"?token="+url.QueryEscape(`"><script>`), "", 200, `value="&#34;&gt;&lt;script&gt;"`)
	page("POST "+path, "token="+token+"&password=short", 422, "The password must have 8 to 1024 characters, got 5", token)
	page("POST "+path, "token="+token+"&password=battery+staple", 200, "Your password has changed")
	page("POST "+path, "token="+token+"&password=battery+staple", 422, "The link is not valid", "/account/forgot-password")
	page("POST "+path, "token=%zz", 400, "This did not work")
	m.Call("POST /api/auth/login", "", map[string]string{"email": "ann@nlb.example", "password": "battery staple"}).Want(200, nil)
	if r := m.Do("POST "+path, "token="+token+"&password=x", "Content-Type", "application/x-www-form-urlencoded", "Origin", "https://evil.example"); r.Status != http.StatusForbidden {
		t.Errorf("the form of another origin = %d", r.Status)
	}
	if strings.Contains(m.log.String(), token) {
		t.Error("the log contains the token")
	}
}
