package authd_test

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/waittest"
)

// TestRevocationsAreServedAtFullLoad: services that verify tokens get revocations, and users
// log in, while other logins that send no body use all transfers, and the rate limit of
// their address is exhausted.
func TestRevocationsAreServedAtFullLoad(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()}, func(c *authd.Config) { c.HTTP.MaxRequests, c.HTTP.RateLimit = 1, 1 })
	login := func() {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if _, err := io.WriteString(conn, "POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	waittest.Until(t, "the service is ready", func() bool { return s.Do("GET /readyz", "").Status == 200 })
	for range 10 {
		login()
	}
	for range 10 {
		s.Do("POST /api/auth/login", `{"email":"a@a.example","password":"wrong password"}`, "Content-Type", "application/json").Want(401, nil)
		s.Do("GET /api/auth/revocations", "").Want(200, nil)
	}
}
