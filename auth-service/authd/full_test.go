package authd_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// TestRevocationsOfAFullService: the services that verify tokens are answered
// while a login takes the only turn there is, and their address has no request
// left.
func TestRevocationsOfAFullService(t *testing.T) {
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
	login()
	for deadline := time.Now().Add(5 * time.Second); s.Do("GET /api/nothing", "").Status != 503; { // which has no limit
		if time.Now().After(deadline) {
			t.Fatal("the service is not full")
		}
		login() // the request before may have had the turn
	}
	for range 10 {
		s.Do("GET /api/auth/revocations", "").Want(200, nil)
	}
}
